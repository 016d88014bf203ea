/* Runs a command in this process, on a screen and a clock of the test's: quick, and with a terminal where one is wanted. */
import { type Clock, nextTurn } from '@moult/runtime/clock';
import { runMoult } from '../../src/program.ts';
import type { Screen } from '../../src/terminal/screen.ts';
import type { Ended } from './run-moult.ts';

export interface HereOptions {
  /** Size of the terminal that standard error is; null: it is none. */
  readonly terminal?: { readonly rows: number; readonly columns: number } | null;
  readonly nowMs?: number;
}

export async function runHere(
  args: readonly string[],
  { terminal = null, nowMs = 0 }: HereOptions = {},
): Promise<Ended> {
  const texts = { out: '', err: '' };
  const to = (stream: 'out' | 'err') => (text: string | Uint8Array) => {
    texts[stream] += typeof text === 'string' ? text : Buffer.from(text).toString();
  };
  const screen: Screen = {
    ...{ out: to('out'), outBytes: to('out'), err: to('err'), errBytes: to('err') },
    ...{ isOutTerminal: false, isErrTerminal: terminal !== null, isLive: terminal !== null },
    ...{ rows: 24, columns: 100, ...terminal, hasColour: false, isOutGone: () => false },
    flushed: () => Promise.resolve(),
  };
  const exitCode = await runMoult({
    invocation: {
      args,
      program: [],
      screen,
      variable: () => null,
      homeDir: '/nonexistent',
      readInput: () => Promise.resolve(''),
      inputEnded: () => new AbortController().signal,
    },
    stop: new AbortController().signal,
    clock: sleepless(nowMs),
  });
  return { exitCode, ...texts };
}

/** Time passes while somebody sleeps, and takes none. */
function sleepless(startMs: number): Clock {
  let passedMs = 0;
  return {
    nowMs: () => startMs + passedMs,
    monotonicMs: () => passedMs,
    sleep: async (ms) => {
      passedMs += ms;
      await nextTurn();
    },
  };
}
