/* The unit of a golden image: enrolls a copy of the host when it first boots, with the token that was left there for it. */
import { enrollmentTokenPath } from '@moult/core/install';
import { layoutOf } from '@moult/core/layout';
import { commandOf, hardening, lineOf, pathsOf, placesOf } from '@moult/runtime/systemd';
import { unitDirOf } from './units.ts';

export interface EnrollUnitOptions {
  readonly program: readonly string[];
  readonly root: string | null;
  /** Who the agent runs as. */
  readonly user: string;
  readonly agentUnit: string;
}

/** A coordinator that cannot be reached yet: the network of a new host may take its time. */
const AGAIN_S = 30;

/**
 * As root, since configuration is root's. It goes before the agent; where it fails it is tried again, and the agent, which
 * cannot serve without an identity, is started again by its own unit until it has one.
 */
export function enrollUnitText(options: EnrollUnitOptions): string {
  const { program, root, user, agentUnit } = options;
  const layout = layoutOf(root);
  const tokenPath = enrollmentTokenPath(layout);
  const writable = [layout.configDir, layout.prefixDir, layout.stateDir, unitDirOf(root)];
  const install = [
    ...program,
    ...['agent', 'install', '--no-start', '--user', user, '--token-file', tokenPath],
    ...(root === null ? [] : ['--root', root]),
  ];
  return `[Unit]
Description=Moult: enrolls this copy of a host
After=network-online.target
Wants=network-online.target
Before=${agentUnit}
ConditionPathExists=${lineOf(tokenPath)}
StartLimitIntervalSec=0

[Service]
Type=oneshot
ExecStart=${commandOf(install)}
ExecStartPost=${commandOf(['/bin/rm', '-f', tokenPath])}
Restart=on-failure
RestartSec=${AGAIN_S}

ReadWritePaths=${pathsOf(writable)}
${hardening(placesOf([...writable, ...program])).join('\n')}
CapabilityBoundingSet=CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER
SystemCallFilter=@chown

[Install]
WantedBy=multi-user.target
`;
}
