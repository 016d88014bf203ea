import { writeSync } from 'node:fs';
import { systemClock } from '@moult/runtime/clock';
import type { LauncherLog } from './ports.ts';

const STANDARD_ERROR = 2;

/**
 * One JSON object a line, in the fields of the product's other logs. Not by the runtime's logger: loading it would cost
 * a launcher half of its start and a fifth of its memory.
 */
export function openLog(): LauncherLog {
  const line =
    (level: number) =>
    (message: string, fields: Readonly<Record<string, unknown>> = {}) =>
      write(
        JSON.stringify({
          level,
          time: new Date(systemClock.nowMs()).toISOString(),
          name: 'launcher',
          ...fields,
          msg: message,
        }),
      );
  return { info: line(30), warn: line(40), error: line(50), forward: write };
}

function write(line: string): void {
  try {
    writeSync(STANDARD_ERROR, `${line}\n`);
  } catch {
    // A reader that went away, or does not keep up, must not stop the launcher.
  }
}
