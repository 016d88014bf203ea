import { CodedError } from '@moult/core/errors';
import type { Run } from '../../shell.ts';

/** As given, or from standard input for `-`. */
export async function enrollmentTokenOf(flag: string | undefined, run: Run): Promise<string> {
  const given = flag === '-' ? await run.invocation.readInput() : flag;
  if (given !== undefined && given !== '') return given;
  throw new CodedError('usage', 'no enrollment token was given', {
    remedy:
      'Make one with `moult tokens create`, and give it with --token, or on standard input with `--token -`.',
  });
}
