import { type ScheduledTask, schedule } from 'node-cron';

export interface Schedule {
  stop(): void;
}

/** Runs `work` by a cron expression (five or six fields) until stopped; a run that is still going is not doubled. */
export function startSchedule(expression: string, work: () => void | Promise<void>): Schedule {
  const task: ScheduledTask = schedule(expression, () => work(), { noOverlap: true });
  return { stop: () => void task.destroy() };
}
