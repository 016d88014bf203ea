import type { Client, ResponseOf } from '@moult/api/client';
import { CodedError } from '@moult/core/errors';
import type { Command } from 'commander';
import { type ConnectionOptions, contextsPath, givenConnection } from '../config/connection.ts';
import { readContexts, saveContext, writeContexts } from '../config/contexts.ts';
import { durationMs, withExamples, withOutput } from '../describe.ts';
import { didYouMean } from '../did-you-mean.ts';
import { EXIT } from '../exit-codes.ts';
import type { Run, Shell } from '../shell.ts';

interface LoginOptions extends ConnectionOptions {
  readonly name?: string;
  readonly list?: boolean;
  readonly use?: string;
  readonly wait?: number;
}

const ASK_EVERY_MS = 300;

export function addLogin(program: Command, shell: Shell): void {
  const command = program
    .command('login')
    .description('remember a coordinator: address, token and certificate authority')
    .option('--url <url>', 'address of the coordinator (MOULT_URL)')
    .option('--token <token>', 'access token, or - to read it from standard input (MOULT_TOKEN)')
    .option('--ca <file>', 'certificate authority of the coordinator, PEM (MOULT_CA)')
    .option('--name <name>', 'name of the context; the host of the address unless given')
    .option('--list', 'show the contexts')
    .option('--use <name>', 'make another context the current one')
    .option('--wait <duration>', 'wait so long for a coordinator that is starting', durationMs);
  withExamples(withOutput(command), [
    {
      does: 'after `moult coordinator init`',
      line: 'moult login --url https://127.0.0.1:7400 --ca ca.pem --token - < admin.token',
    },
    { does: 'what is remembered', line: 'moult login --list' },
    { does: 'change over', line: 'moult login --use production' },
  ]).action(
    shell.action<LoginOptions>(async (run, options) => {
      if (options.list === true) await list(run);
      else if (options.use !== undefined) await use(run, options.use);
      else await login(run, options);
      return EXIT.ok;
    }),
  );
}

async function login(run: Run, options: LoginOptions): Promise<void> {
  const { url, token, caPem } = await givenConnection(options, run.invocation);
  if (url === null)
    throw new CodedError('usage', 'no address was given', { remedy: 'Give --url or MOULT_URL.' });
  if (token === null || token === '') {
    throw new CodedError('usage', 'no token was given', {
      remedy: 'Give --token, `--token -` with the token on standard input, or MOULT_TOKEN.',
    });
  }
  const { createClient } = await import('@moult/api/client');
  const client = createClient({ url, token, caPem });
  const me = await whoAmI(run, client, options.wait ?? 0);
  const name = options.name ?? new URL(url).host;
  const path = contextsPath(run.invocation);
  await saveContext(path, name, { url, token, caPem });
  run.output.result({ context: name, ...me }, () => [
    `Logged in to ${url} as ${me.principal} (${me.role}); the coordinator is ${me.coordinatorVersion}.`,
    `The context "${name}" is kept in ${path}.`,
  ]);
}

/** A coordinator that was just started is not there yet; any other trouble ends the wait. */
async function whoAmI(run: Run, client: Client, waitMs: number): Promise<ResponseOf<'whoAmI'>> {
  const startedMs = run.clock.monotonicMs();
  for (;;) {
    try {
      return await client.whoAmI({ signal: run.stop });
    } catch (caught) {
      const isStarting = caught instanceof CodedError && caught.code === 'coordinator-unreachable';
      if (!isStarting || run.clock.monotonicMs() - startedMs >= waitMs) throw caught;
      run.output.step('waiting for the coordinator');
      await run.clock.sleep(ASK_EVERY_MS, run.stop);
    }
  }
}

async function list(run: Run): Promise<void> {
  const { current, contexts } = await readContexts(contextsPath(run.invocation));
  const rows = Object.entries(contexts).map(([name, { url }]) => ({
    name,
    url,
    isCurrent: name === current,
  }));
  run.output.table(
    { contexts: rows },
    [
      { title: 'CONTEXT', cell: (row) => row.name },
      { title: 'URL', cell: (row) => row.url },
      { title: 'CURRENT', cell: (row) => (row.isCurrent ? 'yes' : '') },
    ],
    rows,
    'No context yet: `moult login --url URL --token TOKEN --ca FILE`.',
  );
}

async function use(run: Run, name: string): Promise<void> {
  const path = contextsPath(run.invocation);
  const known = await readContexts(path);
  if (known.contexts[name] === undefined) {
    const hint = await didYouMean(name, Object.keys(known.contexts));
    throw new CodedError('context-unknown', `there is no context "${name}"${hint}`);
  }
  await writeContexts(path, { ...known, current: name });
  run.output.result({ context: name }, () => [`The current context is "${name}".`]);
}
