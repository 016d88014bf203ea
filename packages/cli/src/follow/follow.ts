/*
 * Follows commands to their end: asks every half second, shows each step once, and gives the exit code. That the
 * coordinator cannot be asked for a while (it may be restarting) ends nothing: the command is durable there.
 */
import type { Attempt, Command } from '@moult/api';
import type { Client } from '@moult/api/client';
import { isEnded } from '@moult/core/command';
import { CodedError } from '@moult/core/errors';
import { UPGRADE_STEPS, type UpgradeStep } from '@moult/core/upgrade';
import { EXIT } from '../exit-codes.ts';
import type { Run } from '../shell.ts';
import { formatBytes, formatDuration } from '../terminal/format.ts';
import { remedyOf } from '../terminal/remedy.ts';
import { heldText } from '../terminal/run-text.ts';
import { askPatiently } from './asking.ts';

/** Shorter than any step that a person could notice, longer than a coordinator would mind. */
const ASK_EVERY_MS = 500;

export interface Followed {
  readonly command: Command;
  readonly attempts: readonly Attempt[];
}

export interface FollowOptions {
  readonly client: Client;
  readonly commands: readonly Pick<Command, 'id' | 'agent'>[];
  readonly timeoutMs: number;
}

export async function follow(run: Run, options: FollowOptions): Promise<number> {
  const startedMs = run.clock.monotonicMs();
  const followed: Followed[] = [];
  for (const { id, agent } of options.commands) {
    const leftMs = options.timeoutMs - (run.clock.monotonicMs() - startedMs);
    const end = await followOne(run, { client: options.client, id, leftMs });
    if (end === null) {
      throw new CodedError(
        'wait-ended',
        `${agent}: command ${id} did not end within ${formatDuration(options.timeoutMs)}${endedText(followed, options)}`,
        {
          remedy: `It goes on: \`moult commands show ${id}\` says how far it is, \`moult why ${agent}\` why it waits.`,
        },
      );
    }
    run.output.stepDone(endText(end));
    followed.push(end);
  }
  // The table form has said it already, line by line.
  if (run.output.isJson) run.output.result({ commands: followed }, () => []);
  const failed = followed.filter(({ command }) => command.state !== 'succeeded');
  const [first] = failed;
  if (first === undefined) return EXIT.ok;
  const others = failed.length > 1 ? `; ${failed.length} of ${followed.length} failed` : '';
  throw notDone(first, others);
}

/** Of many: how far it came. */
function endedText(followed: readonly Followed[], { commands }: FollowOptions): string {
  return commands.length > 1 ? `; ${followed.length} of ${commands.length} are over` : '';
}

async function followOne(
  run: Run,
  options: { readonly client: Client; readonly id: string; readonly leftMs: number },
): Promise<Followed | null> {
  const startedMs = run.clock.monotonicMs();
  let shown = NOTHING_SHOWN;
  for (;;) {
    const answer = await askPatiently(run, () =>
      options.client.getCommand({ params: { id: options.id }, signal: run.stop }),
    );
    if (answer !== null) {
      const attempt = answer.attempts.at(-1);
      // On a terminal the line is rewritten; in a log each step deserves its line.
      for (const step of stepsAfter(shown, attempt)) {
        run.output.step(`${answer.command.agent}: ${step}`);
        shown = { attempt: attempt?.attempt ?? 0, step };
      }
      if (isEnded(answer.command.state)) return answer;
      run.output.step(nowText(answer));
    }
    if (run.clock.monotonicMs() - startedMs >= options.leftMs) return null;
    await run.clock.sleep(ASK_EVERY_MS, run.stop);
  }
}

interface Shown {
  readonly attempt: number;
  /** Null: none. */
  readonly step: UpgradeStep | null;
}

const NOTHING_SHOWN: Shown = { attempt: 0, step: null };

/** The end brings steps that were too short to be told; what came before the last one shown is not shown any more. */
function stepsAfter(shown: Shown, attempt: Attempt | undefined): readonly UpgradeStep[] {
  if (attempt === undefined) return [];
  const last = shown.attempt === attempt.attempt ? placeOf(shown.step) : placeOf(null);
  return UPGRADE_STEPS.filter(
    (step) => placeOf(step) > last && attempt.steps.some((one) => one.step === step),
  );
}

function placeOf(step: UpgradeStep | null): number {
  return step === null ? -1 : UPGRADE_STEPS.indexOf(step);
}

function nowText({ command, attempts }: Followed): string {
  const attempt = attempts.at(-1);
  if (command.holdReason !== null)
    return `${command.agent}: ${heldText(command.state, command.holdReason)}`;
  const step = attempt?.steps.at(-1)?.step;
  if (attempt === undefined || step === undefined) return `${command.agent}: ${command.state}`;
  return `${command.agent}: ${step}`;
}

/** `web-1: agent 1.0.0 -> 1.1.0 succeeded in 6.2 s, fetched 412 KiB of 121 MiB, gap 310 ms`. */
function endText({ command, attempts }: Followed): string {
  const attempt = attempts.at(-1);
  const what = `${command.agent}: ${whatOf(command, attempt)}`;
  const outcome = command.outcome ?? command.state;
  if (attempt === undefined) return `${what} ${outcome}`;
  const took =
    attempt.endedMs === null ? '' : ` in ${formatDuration(attempt.endedMs - attempt.startedMs)}`;
  const gap = attempt.gapMs === null ? '' : `, gap ${formatDuration(attempt.gapMs)}`;
  return `${what} ${outcome}${took}, fetched ${formatBytes(attempt.bytesFetched)} of ${formatBytes(attempt.bytesTotal)}${gap}`;
}

function whatOf(command: Command, attempt: Attempt | undefined): string {
  if (command.kind !== 'autoUpgrade') return command.kind;
  return `${command.component} ${attempt?.from ?? ''} -> ${command.version}`;
}

function nameOf(command: Command): string {
  return command.kind === 'autoUpgrade' ? `${command.component} ${command.version}` : command.kind;
}

function notDone({ command, attempts }: Followed, others: string): CodedError {
  const evidence = attempts.at(-1)?.evidence ?? null;
  const why = command.message ?? evidence?.detail ?? '';
  const code = command.code === null ? '' : ` (${command.code})`;
  const remedy = remedyOf(command);
  return new CodedError(
    'upgrade-not-done',
    `${command.agent}: ${nameOf(command)} ${command.outcome ?? command.state}${why === '' ? '' : `: ${why}`}${code}${others}`,
    {
      remedy: `${remedy === null ? '' : `${remedy} `}See \`moult history ${command.agent}\` for the steps and the evidence.`,
    },
  );
}
