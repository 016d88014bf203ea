import { createTask, type ScheduledTask, schedule } from 'node-cron';
import { type Clock, everyMs, systemClock } from './clock.ts';

export interface Schedule {
  stop(): void;
}

/** IANA name; null: that of this machine. */
type TimeZone = string | null;

export interface ScheduleOptions {
  readonly timeZone: TimeZone;
  readonly clock: Clock;
  /** Begins to run `work` by the expression. */
  readonly open: (expression: string, work: Work, timeZone: TimeZone) => Schedule;
}

type Work = () => void | Promise<void>;

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
  work: Work,
  options: Partial<ScheduleOptions> = {},
): Schedule {
  const { clock = systemClock, open = openTask, timeZone = null } = options;
  const offsetMs = () => clock.nowMs() - clock.monotonicMs();
  const stopped = new AbortController();
  let task = open(expression, work, timeZone);
  let lastMs = offsetMs();
  const look = () => {
    const nowMs = offsetMs();
    const isStepped = Math.abs(nowMs - lastMs) > STEP_MS;
    lastMs = nowMs;
    if (!isStepped) return;
    task.stop();
    task = open(expression, work, timeZone);
  };
  void everyMs(clock, LOOK_MS, stopped.signal, look);
  return {
    stop: () => {
      stopped.abort();
      task.stop();
    },
  };
}

function openTask(expression: string, work: Work, timeZone: TimeZone): Schedule {
  const task: ScheduledTask = schedule(expression, () => work(), {
    noOverlap: true,
    ...(timeZone === null ? {} : { timezone: timeZone }),
  });
  return { stop: () => void task.destroy() };
}

/** Why a schedule could not be followed, a day that never comes among them; null: it can. */
export function scheduleTrouble(expression: string, timeZone: string): string | null {
  try {
    new Intl.DateTimeFormat('en', { timeZone });
  } catch {
    return `${timeZone} is no time zone`;
  }
  try {
    void createTask(expression, () => undefined).destroy();
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
