import { dirname, join, resolve } from 'node:path';
import type { InitResult } from '@moult/coordinator';
import { systemRandom } from '@moult/runtime/random';
import type { Command } from 'commander';
import { rootOf } from '../../config/root.ts';
import { withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import type { Shell } from '../../shell.ts';
import { storeWorkerPath } from './store-worker-path.ts';

interface InitOptions {
  readonly keys: string;
  readonly root?: string;
  readonly config?: string;
  readonly state?: string;
  readonly listen?: string;
  readonly hostname?: readonly string[];
  readonly tls: boolean;
  readonly behindProxy?: boolean;
  readonly tokenFile?: string;
}

const OWNER_ONLY = 0o600;
const EVERYBODY = 0o644;

export function addCoordinatorInit(group: Command, shell: Shell): void {
  const command = group
    .command('init')
    .description(
      'make a coordinator: store, release repository, certificate authority, admin token',
    )
    .requiredOption(
      '--keys <dir>',
      'what `moult keys init` made; root and release keys are not taken',
    )
    .option('--root <dir>', 'everything lies under this directory (MOULT_ROOT)')
    .option('--config <file>', 'its configuration (/etc/moult/coordinator.yaml)')
    .option('--state <dir>', 'its state (/var/lib/moult-coordinator)')
    .option('--listen <address>', 'HOST:PORT (127.0.0.1:7400)')
    .option('--hostname <name...>', 'more names and addresses for its certificate')
    .option('--no-tls', 'plain HTTP: on loopback, or with --behind-proxy')
    .option('--behind-proxy', 'TLS ends at a proxy')
    .option(
      '--token-file <file>',
      'where the admin token goes, or - to print it (admin.token beside the configuration)',
    );
  withExamples(withOutput(command), [
    {
      does: 'on this machine',
      line: 'moult coordinator init --keys keys',
    },
    {
      does: 'for hosts of a network',
      line: 'moult coordinator init --keys keys --listen 0.0.0.0:7400 --hostname moult.example.org',
    },
    {
      does: 'under a directory, for trying out',
      line: 'moult coordinator init --root coordinator --keys keys',
    },
  ]).action(
    shell.action<InitOptions>(async (run, options) => {
      const { initCoordinator } = await import('@moult/coordinator');
      const made = await initCoordinator({
        root: rootOf(options.root, run.invocation),
        configPath: options.config === undefined ? null : resolve(options.config),
        stateDir: options.state === undefined ? null : resolve(options.state),
        trustDir: resolve(options.keys),
        listen: options.listen ?? null,
        names: options.hostname ?? [],
        tls: options.tls ? 'own-ca' : 'none',
        behindProxy: options.behindProxy === true,
        storeWorkerPath: await storeWorkerPath(),
        clock: run.clock,
        random: systemRandom,
      });
      const written = await writeForPeople(made, options.tokenFile);
      run.output.result(resultOf(made, written), () => linesOf(made, written));
      return EXIT.ok;
    }),
  );
}

interface Written {
  /** Null: printed. */
  readonly tokenPath: string | null;
  /** A copy of the CA for those who log in; null: there is none. */
  readonly caPath: string | null;
}

/** Beside the configuration: the state directory is closed to everybody but the coordinator. */
async function writeForPeople(made: InitResult, tokenFile: string | undefined): Promise<Written> {
  const { writeFileDurably } = await import('@moult/runtime/files');
  const configDir = dirname(made.paths.configPath);
  const { caPem } = made.anchors;
  const caPath = caPem === null ? null : join(configDir, 'ca.pem');
  if (caPem !== null && caPath !== null) await writeFileDurably(caPath, caPem, { mode: EVERYBODY });
  if (tokenFile === '-') return { tokenPath: null, caPath };
  const tokenPath = tokenFile === undefined ? join(configDir, 'admin.token') : resolve(tokenFile);
  await writeFileDurably(tokenPath, `${made.adminToken}\n`, { mode: OWNER_ONLY });
  return { tokenPath, caPath };
}

function resultOf(made: InitResult, { tokenPath, caPath }: Written): object {
  return {
    url: made.url,
    config: made.paths.configPath,
    state: made.paths.stateDir,
    ca: caPath,
    rootSha256: made.anchors.rootSha256,
    adminToken: tokenPath === null ? made.adminToken : null,
    tokenFile: tokenPath,
  };
}

function linesOf(made: InitResult, { tokenPath, caPath }: Written): readonly string[] {
  const ca = caPath === null ? '' : ` --ca '${caPath}'`;
  const token = tokenPath === null ? '--token TOKEN' : `--token - < '${tokenPath}'`;
  return [
    `The coordinator is made; its configuration is ${made.paths.configPath}.`,
    tokenPath === null
      ? `Admin token, shown this once: ${made.adminToken}`
      : `The admin token is in ${tokenPath}; the coordinator keeps its hash only.`,
    'Start it: moult coordinator serve, with the same --root or --config',
    `Log in: moult login --url ${made.url}${ca} ${token}`,
  ];
}
