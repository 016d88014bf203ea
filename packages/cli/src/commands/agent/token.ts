import { resolve } from 'node:path';
import { CodedError } from '@moult/core/errors';
import { readTextIfPresent } from '@moult/runtime/files';
import type { Run } from '../../shell.ts';

export interface TokenFlags {
  readonly token?: string;
  readonly tokenFile?: string;
}

/** As given, from standard input for `-`, or from a file; null: no flag was given. */
export async function givenToken(flags: TokenFlags, run: Run): Promise<string | null> {
  if (flags.token !== undefined && flags.tokenFile !== undefined) {
    throw new CodedError('usage', '--token and --token-file name one token each: give one of them');
  }
  if (flags.tokenFile !== undefined) {
    const text = await readTextIfPresent(resolve(flags.tokenFile));
    if (text !== null && text.trim() !== '') return text.trim();
    throw new CodedError('usage', `there is no enrollment token in ${flags.tokenFile}`);
  }
  return flags.token === undefined ? null : await enrollmentTokenOf(flags.token, run);
}

/** As given, or from standard input for `-`. */
export async function enrollmentTokenOf(flag: string | undefined, run: Run): Promise<string> {
  const given = flag === '-' ? await run.invocation.readInput() : flag;
  if (given !== undefined && given !== '') return given;
  throw new CodedError('usage', 'no enrollment token was given', {
    remedy:
      'Make one with `moult tokens create`, and give it with --token, or on standard input with `--token -`.',
  });
}
