/* The systemd unit that runs the first launcher. Hosts in the field cannot be given another one later. */
import { STOP_GRACE_MS } from '@moult/core/boot';
import type { Layout } from '@moult/core/layout';
import { commandOf, hardening, lineOf, pathsOf, placesOf } from '@moult/runtime/systemd';

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

/** The group is the user's own. Directories of a system-wide installation below /run are systemd's to make. */
export function unitText(options: UnitOptions): string {
  const { layout, root, user } = options;
  const writable = [
    layout.stateDir,
    `${layout.prefixDir}/versions`,
    ...(root === null ? [] : [layout.runDir]),
  ];
  const runDir = [
    'RuntimeDirectory=moult',
    'RuntimeDirectoryMode=0750',
    // Locks of the owner outlive a restart.
    'RuntimeDirectoryPreserve=yes',
  ];
  return `[Unit]
Description=${lineOf(options.description)}
After=network-online.target
Wants=network-online.target
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=all
ExecStart=${commandOf(firstLauncherCommand(options))}
User=${user}
Restart=always
SuccessExitStatus=75
RestartSec=2
KillMode=mixed
TimeoutStopSec=${STOP_S}
WatchdogSec=${RESPONSE_S}
OOMPolicy=continue

${[...(root === null ? runDir : []), `ReadWritePaths=${pathsOf(writable)}`].join('\n')}
${hardening(placesOf([...writable, layout.configDir])).join('\n')}

[Install]
WantedBy=multi-user.target
`;
}
