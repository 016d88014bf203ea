import { type ScheduledTask, schedule } from 'node-cron';
import { type Clock, everyMs, systemClock } from './clock.ts';

export interface Schedule {
  stop(): void;
}

export interface ScheduleOptions {
  readonly clock: Clock;
  /** Begins to run `work` by the expression. */
  readonly open: (expression: string, work: () => void | Promise<void>) => Schedule;
}

/** How soon a step of the clock is noticed. */
const LOOK_MS = 30_000;
/** Between two looks the wall clock may run ahead of, or behind, the passing of time by this: NTP slews far less. */
const STEP_MS = 5_000;

/**
 * Runs `work` by a cron expression (five or six fields) until stopped; a run that is still going is not doubled. When the
 * wall clock is set, the schedule begins anew: otherwise one set back would end it for as long, and one set ahead
 * would make up for every run in between (T21).
 */
export function startSchedule(
  expression: string,
  work: () => void | Promise<void>,
  options: ScheduleOptions = { clock: systemClock, open: openTask },
): Schedule {
  const { clock, open } = options;
  const offsetMs = () => clock.nowMs() - clock.monotonicMs();
  const stopped = new AbortController();
  let task = open(expression, work);
  let lastMs = offsetMs();
  const look = () => {
    const nowMs = offsetMs();
    const isStepped = Math.abs(nowMs - lastMs) > STEP_MS;
    lastMs = nowMs;
    if (!isStepped) return;
    task.stop();
    task = open(expression, work);
  };
  void everyMs(clock, LOOK_MS, stopped.signal, look);
  return {
    stop: () => {
      stopped.abort();
      task.stop();
    },
  };
}

function openTask(expression: string, work: () => void | Promise<void>): Schedule {
  const task: ScheduledTask = schedule(expression, () => work(), { noOverlap: true });
  return { stop: () => void task.destroy() };
}
