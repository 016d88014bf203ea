/*
 * Lines of `strace -f -y -o`, each begun by its thread:
 *
 *   812 fsync(25</root/agent.db-wal>) = 0
 *   812 rename("/root/a.tmp", "/root/a" <unfinished ...>          another thread's line comes between
 *   812 <... rename resumed>)            = 0
 *   812 --- stopped by SIGSTOP ---
 */
export interface TracedCall {
  readonly thread: number;
  readonly name: string;
  /** As strace prints them: paths in quotes, descriptors as `25</path>`. */
  readonly args: string;
  /** What it returned; below 0: it failed. Null: nobody knows, its process ended. */
  readonly result: number | null;
}

export type TraceReading =
  | { readonly kind: 'called'; readonly call: TracedCall }
  | { readonly kind: 'stopped'; readonly thread: number };

const LINE = /^(\d+) +(.*)$/;
const UNFINISHED = /^(.*) <unfinished \.\.\.>$/;
const RESUMED = /^<\.\.\. \w+ resumed>(.*)$/;
const CALL = /^(\w+)\((.*)\) += (\?|-?\d+)/;

/** Null: a line about something else. `begun` keeps calls whose end comes in a later line, by thread. */
export function readTraceLine(line: string, begun: Map<number, string>): TraceReading | null {
  const [, threadText = '', text = ''] = LINE.exec(line) ?? [];
  if (threadText === '') return null;
  const thread = Number(threadText);
  if (text.startsWith('--- stopped by SIGSTOP')) return { kind: 'stopped', thread };
  const first = UNFINISHED.exec(text)?.[1];
  if (first !== undefined) {
    begun.set(thread, first);
    return null;
  }
  const rest = RESUMED.exec(text)?.[1];
  const whole = rest === undefined ? text : `${begun.get(thread) ?? ''}${rest}`;
  begun.delete(thread);
  const [, name, args = '', result = '?'] = CALL.exec(whole) ?? [];
  if (name === undefined) return null;
  return {
    kind: 'called',
    call: { thread, name, args, result: result === '?' ? null : Number(result) },
  };
}
