import { createHash } from 'node:crypto';

const HOUR_S = 3_600;

/**
 * The hourly check of an instance as a cron expression of six fields (second minute hour …): once an hour, at an
 * offset that its id gives, so that a fleet's checks are spread evenly. The hour is fixed; nothing changes it (H1).
 */
export function hourlyCheckOf(instanceId: string): string {
  const offsetS = createHash('sha256').update(instanceId).digest().readUInt32BE(0) % HOUR_S;
  return `${offsetS % 60} ${Math.floor(offsetS / 60)} * * * *`;
}
