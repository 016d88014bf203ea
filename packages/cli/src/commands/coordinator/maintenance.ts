import type { Maintenance } from '@moult/api';
import type { Client } from '@moult/api/client';
import { CodedError } from '@moult/core/errors';
import { Argument, type Command, Option } from 'commander';
import { durationMs, withConnection, withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import type { Run, Shell } from '../../shell.ts';
import { formatDuration } from '../../terminal/format.ts';
import { inFlightText, maintenanceLines } from './maintenance-text.ts';

interface MaintenanceOptions {
  readonly wait?: boolean;
  readonly timeout: number;
  readonly why?: string;
}

const ASK_EVERY_MS = 1_000;

export function addCoordinatorMaintenance(group: Command, shell: Shell): void {
  const command = group
    .command('maintenance')
    .description(
      'hold all upgrades of agents while the coordinator is upgraded; refused while agents are upgrading',
    )
    .addArgument(
      new Argument('<what>', 'begin it, end it, or see').choices(['on', 'off', 'status']),
    )
    .option('--wait', 'with on: let nobody else start, and wait for those that are upgrading')
    .addOption(
      new Option('--timeout <duration>', 'longest wait; then it is off again')
        .argParser(durationMs)
        .default(3_600_000, '1h'),
    )
    .option('-m, --why <text>', 'kept in the history');
  withExamples(withOutput(withConnection(command)), [
    {
      does: 'before an upgrade of the coordinator',
      line: 'moult coordinator maintenance on --wait --why "1.5.0"',
    },
    { does: 'after it', line: 'moult coordinator maintenance off' },
  ]).action(
    shell.action<MaintenanceOptions, ['on' | 'off' | 'status']>(async (run, options, [what]) => {
      if (options.wait === true && what !== 'on')
        throw new CodedError('usage', '--wait goes with `maintenance on`');
      const client = await run.connect();
      const is = await answerOf(run, client, { what, options });
      run.output.result(is, () => maintenanceLines(is));
      return EXIT.ok;
    }),
  );
}

async function answerOf(
  run: Run,
  client: Client,
  of: { readonly what: 'on' | 'off' | 'status'; readonly options: MaintenanceOptions },
): Promise<Maintenance> {
  const { what, options } = of;
  if (what === 'status') return await statusOf(run, client);
  const { wait: waits = false, why } = options;
  const body = { isOn: what === 'on', waits, why };
  const now = await client.setMaintenance({ body, signal: run.stop });
  return waits ? await emptied(run, client, { now, options }) : now;
}

/** Nothing is changed by a wait that was in vain: upgrades go on. */
async function emptied(
  run: Run,
  client: Client,
  of: { readonly now: Maintenance; readonly options: MaintenanceOptions },
): Promise<Maintenance> {
  const { timeout } = of.options;
  const endMs = run.clock.monotonicMs() + timeout;
  let { now } = of;
  while (now.inFlightCount > 0) {
    if (run.clock.monotonicMs() >= endMs) {
      const why = `${now.inFlightCount} were still upgrading after ${formatDuration(timeout)}`;
      await client.setMaintenance({ body: { isOn: false, waits: false, why }, signal: run.stop });
      throw new CodedError(
        'wait-ended',
        `${inFlightText(now)}: still upgrading; maintenance is off`,
        {
          remedy: 'See what keeps them: `moult why AGENT`.',
        },
      );
    }
    run.output.step(`waiting for ${inFlightText(now)}`);
    await run.clock.sleep(ASK_EVERY_MS, run.stop);
    now = await statusOf(run, client);
  }
  return now;
}

async function statusOf(run: Run, client: Client): Promise<Maintenance> {
  return await client.getMaintenance({ signal: run.stop });
}
