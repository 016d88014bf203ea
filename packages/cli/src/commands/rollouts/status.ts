import type { Rollout } from '@moult/api';
import type { Client } from '@moult/api/client';
import { CodedError } from '@moult/core/errors';
import { type Command, Option } from 'commander';
import { durationMs, withConnection, withExamples, withOutput } from '../../describe.ts';
import { askPatiently } from '../../follow/asking.ts';
import type { Run, Shell } from '../../shell.ts';
import { formatDuration } from '../../terminal/format.ts';
import { BAR_HELP, overIn, sizeOf } from './bar.ts';
import { isSettled, outcomeOf, personsTurnOf } from './outcome.ts';
import { nowLines } from './report-text.ts';
import { stateText, waitText } from './rollout-text.ts';

interface StatusOptions {
  readonly wait?: boolean;
  readonly timeout: number;
}

const TIMEOUT_MS = 3_600_000;
/** Shorter than what a person notices, longer than a coordinator would mind. */
const ASK_EVERY_MS = 500;

export function addRolloutsStatus(group: Command, shell: Shell): void {
  const command = group
    .command('status')
    .description(
      'where a rollout stands: 0 ended well, 5 failed, halted or cancelled, 8 still pending',
    )
    .argument('<rollout>', 'its name or id')
    .option(
      '--wait',
      'until it has ended or halted, or waits for a person: 0 ended well, 5 not so, 8 a person, 3 timeout',
    )
    .addOption(
      new Option('--timeout <duration>', 'longest wait')
        .argParser(durationMs)
        .default(TIMEOUT_MS, '1h'),
    )
    .addHelpText('after', BAR_HELP);
  withExamples(withOutput(withConnection(command)), [
    { does: 'now', line: 'moult rollouts status spring' },
    { does: 'in a script', line: 'moult rollouts status spring --wait --timeout 6h' },
  ]).action(
    shell.action<StatusOptions, [string]>(async (run, options, [name]) => {
      const client = await run.connect();
      const rollout =
        options.wait === true
          ? await settled(run, client, { name, timeoutMs: options.timeout })
          : await client.getRollout({ params: { rollout: name }, signal: run.stop });
      const report = run.output.isJson
        ? null
        : await client.reportRollout({ params: { rollout: rollout.id }, signal: run.stop });
      run.output.result(rollout, () =>
        report === null ? [] : nowLines({ ...report, rollout }, run.clock.nowMs()),
      );
      const next = options.wait === true ? personsTurnOf(rollout) : null;
      if (next !== null) run.output.notice(`${rollout.name} waits for a person: ${next}`);
      return outcomeOf(rollout);
    }),
  );
}

async function settled(
  run: Run,
  client: Client,
  { name, timeoutMs }: { readonly name: string; readonly timeoutMs: number },
): Promise<Rollout> {
  const endMs = run.clock.monotonicMs() + timeoutMs;
  let last: Rollout | null = null;
  for (;;) {
    const now = await askPatiently(run, () =>
      client.getRollout({ params: { rollout: name }, signal: run.stop }),
    );
    last = now ?? last;
    if (now !== null && (isSettled(now) || personsTurnOf(now) !== null)) return now;
    if (now !== null) run.output.step(progressText(now));
    if (run.clock.monotonicMs() >= endMs) throw waitEnded(last, name, timeoutMs);
    await run.clock.sleep(ASK_EVERY_MS, run.stop);
  }
}

/** Without times: said again it is to be the same. */
function progressText(rollout: Rollout): string {
  const { name, counts, waitsFor } = rollout;
  const untimed = waitsFor === null ? null : { ...waitsFor, untilMs: null };
  const waits = waitText({ waitsFor: untimed }, 0);
  const waiting = waits === null ? '' : `, waits for: ${waits}`;
  return `${name}: ${stateText(rollout)}, ${overIn(counts)} of ${sizeOf(counts)} over${waiting}`;
}

function waitEnded(last: Rollout | null, name: string, timeoutMs: number): CodedError {
  const so = last === null ? '' : `: it is ${stateText(last)}`;
  return new CodedError(
    'wait-ended',
    `rollout ${name} did not end within ${formatDuration(timeoutMs)}${so}`,
    { remedy: `It goes on: \`moult rollouts why ${name}\` says what it waits for.` },
  );
}
