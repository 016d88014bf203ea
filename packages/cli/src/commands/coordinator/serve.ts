import { resolve } from 'node:path';
import type { LogLevel } from '@moult/runtime/logger';
import { systemRandom } from '@moult/runtime/random';
import type { Command } from 'commander';
import { rootOf } from '../../config/root.ts';
import { choice, withExamples } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import type { Shell } from '../../shell.ts';
import { MOULT_VERSION } from '../../version.ts';
import { storeWorkerPath } from './store-worker-path.ts';

interface ServeOptions {
  readonly root?: string;
  readonly config?: string;
  readonly listen?: string;
  readonly state?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly behindProxy?: boolean;
  readonly logLevel?: string;
  readonly endWithStdin?: boolean;
}

const LOG_LEVELS: readonly string[] = ['debug', 'info', 'warn', 'error', 'silent'];

export function addCoordinatorServe(group: Command, shell: Shell): void {
  const command = group
    .command('serve')
    .description(
      'run the coordinator until it is told to stop; flags before environment before its configuration',
    )
    .option('--root <dir>', 'everything lies under this directory (MOULT_ROOT)')
    .option('--config <file>', 'its configuration (/etc/moult/coordinator.yaml)')
    .option('--listen <address>', 'HOST:PORT (MOULT_LISTEN)')
    .option('--state <dir>', 'its state (MOULT_STATE)')
    .option('--tls-cert <file>', 'certificate and chain, PEM (MOULT_TLS_CERT)')
    .option('--tls-key <file>', 'key of the certificate, PEM (MOULT_TLS_KEY)')
    .option('--behind-proxy', 'TLS ends at a proxy (MOULT_BEHIND_PROXY)')
    .addOption(
      choice(
        '--log-level <level>',
        'what is logged, to standard error (MOULT_LOG_LEVEL)',
        LOG_LEVELS,
      ),
    )
    .option('--end-with-stdin', 'end when standard input closes, for parents that may be killed');
  withExamples(command, [
    { does: 'as installed', line: 'moult coordinator serve' },
    { does: 'under a directory', line: 'moult coordinator serve --root coordinator' },
  ]).action(
    shell.action<ServeOptions>(async (run, options) => {
      const { readCoordinatorConfig, serveCoordinator } = await import('@moult/coordinator');
      const { openLogger } = await import('@moult/runtime/logger');
      const config = await readCoordinatorConfig({
        root: rootOf(options.root, run.invocation),
        config: options.config === undefined ? null : resolve(options.config),
        flags: flagsOf(options),
        environment: run.invocation.variable,
      });
      const level = (config.values.logLevel ?? 'info') as LogLevel;
      const stop =
        options.endWithStdin === true
          ? AbortSignal.any([run.stop, run.invocation.inputEnded()])
          : run.stop;
      await serveCoordinator(
        {
          config,
          version: MOULT_VERSION,
          storeWorkerPath: await storeWorkerPath(),
          clock: run.clock,
          random: systemRandom,
          log: openLogger({ level, name: 'coordinator' }),
          onReady: ({ url }) => run.invocation.screen.out(`The coordinator serves at ${url}\n`),
        },
        stop,
      );
      return EXIT.ok;
    }),
  );
}

/** By the names of the configuration's keys; relative paths are those of whoever typed them. */
function flagsOf(options: ServeOptions): Record<string, string | boolean> {
  const paths = { state: options.state, 'tls.cert': options.tlsCert, 'tls.key': options.tlsKey };
  const given: [string, string | boolean | undefined][] = [
    ['listen', options.listen],
    ['behindProxy', options.behindProxy],
    ['logLevel', options.logLevel],
    ...Object.entries(paths).map(
      ([name, path]) =>
        [name, path === undefined ? undefined : resolve(path)] as [string, string | undefined],
    ),
  ];
  const flags: Record<string, string | boolean> = {};
  for (const [name, value] of given) if (value !== undefined) flags[name] = value;
  return flags;
}
