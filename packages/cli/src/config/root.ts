import { resolve } from 'node:path';
import type { Invocation } from './invocation.ts';

/** `--root`, else MOULT_ROOT, absolute: launcher and agent do not run in the directory they were started from. */
export function rootOf(flag: string | undefined, invocation: Invocation): string | null {
  const given = flag ?? invocation.variable('MOULT_ROOT');
  return given === null ? null : resolve(given);
}
