import { open } from 'node:fs/promises';
import { DIAGNOSIS_LIMITS } from '@moult/core/diagnosis';

/** The last lines of a log file. */
export async function logTail(path: string): Promise<string> {
  const { logBytesMax, logLinesMax } = DIAGNOSIS_LIMITS;
  await using file = await open(path, 'r');
  const found = await file.stat();
  if (!found.isFile()) throw new Error(`${path} is no file`);
  const begin = Math.max(0, found.size - logBytesMax);
  const bytes = Buffer.alloc(Math.min(found.size, logBytesMax));
  const { bytesRead } = await file.read(bytes, 0, bytes.length, begin);
  const text = bytes.toString('utf8', 0, bytesRead);
  // What was cut in the middle could hide the half of a secret that tells what it is.
  const whole = begin === 0 ? text : text.slice(text.indexOf('\n') + 1);
  return lastLines(whole, logLinesMax);
}

export function lastLines(text: string, count: number): string {
  const lines = text.split('\n');
  // After the last newline there is no line.
  return lines.slice(-count - (lines.at(-1) === '' ? 1 : 0)).join('\n');
}
