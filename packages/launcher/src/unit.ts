/* The systemd unit that runs the first launcher. Hosts in the field cannot be given another one later. */
import { STOP_GRACE_MS } from '@moult/core/boot';
import type { Layout } from '@moult/core/layout';

export interface UnitOptions {
  readonly layout: Layout;
  /** Passed on as `--root`; null: a system-wide installation. */
  readonly root: string | null;
  readonly user: string;
  /** Shown by systemd: names the instance. */
  readonly description: string;
}

/** The launcher tells it at each tick (5 s); a busy disk may hold one up for half a minute. */
export const RESPONSE_S = 60;
/** Above the agent's grace, so that systemd never kills an agent that is about to end. */
export const STOP_S: number = STOP_GRACE_MS / 1000 + 15;

export const FIRST_LAUNCHER = {
  program: 'bin/node',
  script: 'lib/launcher.cjs',
  verb: 'first',
} as const;

/** What the unit starts, as absolute arguments. */
export function firstLauncherCommand(
  options: Pick<UnitOptions, 'layout' | 'root'>,
): readonly string[] {
  const dir = options.layout.firstLauncherDir;
  const root = options.root === null ? [] : ['--root', options.root];
  return [
    `${dir}/${FIRST_LAUNCHER.program}`,
    `${dir}/${FIRST_LAUNCHER.script}`,
    FIRST_LAUNCHER.verb,
    ...root,
  ];
}

export function unitText(options: UnitOptions): string {
  const { layout, user } = options;
  const command = firstLauncherCommand(options).map(quoted).join(' ');
  const writable = [layout.stateDir, `${layout.prefixDir}/versions`].map(quoted).join(' ');
  return `[Unit]
Description=${options.description.replaceAll(/[\r\n]/g, ' ').replaceAll('%', '%%')}
After=network-online.target
Wants=network-online.target
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=all
ExecStart=${command}
User=${user}
Group=${user}
Restart=always
SuccessExitStatus=75
RestartSec=2
KillMode=mixed
TimeoutStopSec=${STOP_S}
WatchdogSec=${RESPONSE_S}
OOMPolicy=continue
UMask=0077

NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
ReadWritePaths=${writable}
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
PrivateMounts=yes
ProtectProc=invisible
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
LockPersonality=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RemoveIPC=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
`;
}

/** Systemd splits at blanks and expands % and $; quotes and backslashes inside quotes are escaped. */
function quoted(argument: string): string {
  const escaped = argument
    .replaceAll('\\', '\\\\')
    .replaceAll('"', '\\"')
    .replaceAll('%', '%%')
    .replaceAll('$', '$$$$');
  return /[\s"'\\]/.test(argument) ? `"${escaped}"` : escaped;
}
