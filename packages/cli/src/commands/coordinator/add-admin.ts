import { resolve } from 'node:path';
import { CodedError } from '@moult/core/errors';
import { isName } from '@moult/core/name';
import { systemRandom } from '@moult/runtime/random';
import type { Command } from 'commander';
import { rootOf } from '../../config/root.ts';
import { withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import type { Shell } from '../../shell.ts';
import { MOULT_VERSION } from '../../version.ts';
import { storeWorkerPath } from './store-worker-path.ts';

interface AddAdminOptions {
  readonly why: string;
  readonly root?: string;
  readonly config?: string;
  readonly state?: string;
}

export function addCoordinatorAddAdmin(group: Command, shell: Shell): void {
  const command = group
    .command('add-admin')
    .description(
      'where every token of an administrator is lost: make one, as the coordinator’s user on its machine, while it is stopped',
    )
    .argument('<name>', 'the principal; new, or one that is there or was revoked')
    .option('-m, --why <text>', 'kept in the history', 'moult coordinator add-admin')
    .option('--root <dir>', 'everything lies under this directory (MOULT_ROOT)')
    .option('--config <file>', 'its configuration (/etc/moult/coordinator.yaml)')
    .option('--state <dir>', 'its state (MOULT_STATE)');
  withExamples(withOutput(command), [
    {
      does: 'as installed',
      line: 'moult coordinator add-admin ada -m "admin.token was lost"',
    },
  ]).action(
    shell.action<AddAdminOptions, [string]>(async (run, options, [name]) => {
      if (!isName(name)) throw new CodedError('usage', `${name} is no name of a principal`);
      const { addAdministrator, readCoordinatorConfig } = await import('@moult/coordinator');
      const { paths } = await readCoordinatorConfig({
        root: rootOf(options.root, run.invocation),
        config: options.config === undefined ? null : resolve(options.config),
        flags: options.state === undefined ? {} : { state: resolve(options.state) },
        environment: run.invocation.variable,
      });
      const text = await addAdministrator({
        paths,
        name,
        why: options.why,
        storeWorkerPath: await storeWorkerPath(),
        clock: run.clock,
        random: systemRandom,
        version: MOULT_VERSION,
      });
      run.output.notice(`${name} is admin. Its access token; it is shown this once.`);
      run.output.result({ name, text }, () => [text]);
      return EXIT.ok;
    }),
  );
}
