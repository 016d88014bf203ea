/* The systemd unit of a coordinator. Its program is the package's: a coordinator is upgraded by installing another. */
import { commandOf, hardening, lineOf, pathsOf, placesOf } from '@moult/runtime/systemd';

export interface CoordinatorUnitOptions {
  /** Runtime and script of `moult`, absolute. */
  readonly program: readonly string[];
  /** Passed on as `--root`; null: a system-wide installation. */
  readonly root: string | null;
  readonly stateDir: string;
  readonly configDir: string;
  readonly user: string;
  readonly description: string;
}

/** Above the 50 s after which `moult` ends, also where it has not said goodbye to all of its agents. */
const STOP_S = 60;
/** Agents, each a connection, and files. */
const FILES_MAX = 262_144;

export function coordinatorUnitText(options: CoordinatorUnitOptions): string {
  const { program, root, stateDir, configDir, user } = options;
  const serve = [
    ...program,
    ...['coordinator', 'serve'],
    ...(root === null ? [] : ['--root', root]),
  ];
  return `[Unit]
Description=${lineOf(options.description)}
After=network-online.target
Wants=network-online.target
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart=${commandOf(serve)}
User=${user}
Restart=always
RestartSec=2
KillMode=mixed
TimeoutStopSec=${STOP_S}
LimitNOFILE=${FILES_MAX}

ReadWritePaths=${pathsOf([stateDir])}
${hardening(placesOf([stateDir, configDir, ...program])).join('\n')}
SystemCallFilter=~@resources

[Install]
WantedBy=multi-user.target
`;
}
