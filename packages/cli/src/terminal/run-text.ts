/* A run of a task in few words, from its order to its end. */
import type { Run } from '@moult/api';
import { isEnded } from '@moult/core/command';
import { ABSENT, formatDuration } from './format.ts';
import { holdText, knownReason } from './hold-text.ts';
import { remedyOf } from './remedy.ts';

/** `waiting for host: the agent is paused (paused)`, `running`, `failed`. */
export function runStateText(
  run: Pick<Run, 'state' | 'holdReason' | 'isWaitingForHost' | 'startedMs'>,
): string {
  const { state, holdReason } = run;
  if (isEnded(state) || run.startedMs !== null) return state;
  if (holdReason !== null) return heldText(state, holdReason, run.isWaitingForHost);
  // The host has taken it up, and has not said yet that its program runs.
  return state === 'running' ? 'accepted' : state;
}

/** `waiting for host: the agent is paused (paused)`, `queued, held: nobody has validated it (unvalidated)`. */
export function heldText(
  state: string,
  reason: string,
  isWaiting: boolean = isWaitingForHost(reason),
): string {
  return `${isWaiting ? 'waiting for host' : `${state}, held`}: ${holdText(reason)}`;
}

/** `web-1: backup succeeded in 12.3 s`, `web-1: backup failed after 3.2 s, exit code 3 (task-exited)`. */
export function runEndText(run: Run): string {
  const isDone = run.state === 'succeeded';
  const took = tookMs(run);
  const parts = [
    `${run.agent}: ${run.task} ${run.state}`,
    took === null ? '' : ` ${isDone ? 'in' : 'after'} ${formatDuration(took)}`,
    isDone || run.exitCode === null ? '' : `, exit code ${run.exitCode}`,
    run.signal === null ? '' : `, signal ${run.signal}`,
    run.message === null || run.code === 'task-exited' ? '' : `: ${run.message}`,
    run.code === null ? '' : ` (${run.code})`,
  ];
  return parts.join('');
}

export function runTookText(run: Run): string {
  const took = tookMs(run);
  return took === null ? ABSENT : formatDuration(took);
}

/** What to do about a run that ended badly, as it can be typed; null: nothing is known. */
export function runRemedyOf(run: Run): string | null {
  const remedy = remedyOf(run);
  if (remedy === null) return null;
  return remedy
    .replaceAll(/\bAGENT\b/g, run.agent)
    .replaceAll(/\bTASK\b/g, run.task)
    .replaceAll(/\bRUN\b/g, run.run);
}

export function parametersText(parameters: Run['parameters']): string {
  return parameters.map(({ name, value }) => `${name}=${value}`).join(' ');
}

/** Of a reason that only a newer program knows: no. */
export function isWaitingForHost(reason: string | null): boolean {
  return knownReason(reason)?.isWaitingForHost === true;
}

function tookMs({ startedMs, endedMs }: Run): number | null {
  return startedMs === null || endedMs === null ? null : Math.max(0, endedMs - startedMs);
}
