/*
 * A rehearsal as a process: it may crash, hang, print without end, eat memory or leave children, and the agent beside it
 * must not notice. Its exit code says how it went (REHEARSAL_EXIT), its last line on standard output why.
 */
import type { ChildProcess } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { constants, setPriority } from 'node:os';
import { REHEARSAL_EXIT, type RehearsalOutcome } from '@moult/core/boot';
import type { Clock } from '@moult/runtime/clock';
import { readLines } from './lines.ts';
import type { RehearsalResult } from './ports.ts';
import { endOf } from './process-end.ts';

/** A start, a session and a refresh of the metadata take a second; a slow line or a busy host need some more. */
const REHEARSAL_MS_MAX = 60_000;
/** An agent takes some 100 MiB; this much more can only be a mistake, and could cost the host its real work. */
const MEMORY_BYTES_MAX = 512 * 1024 * 1024;
const MEMORY_LOOK_MS = 250;
/** The sentence that it says; of a stack, or the line of a script that is all on one, a beginning tells enough. */
const LINE_BYTES_MAX = { said: 2_000, printed: 160 } as const;
/** What is kept of its standard error for a version that cannot say by itself why it ended: the stack of an error. */
const LAST_LINES_MAX = 20;
const DETAIL_LENGTH_MAX = 2_000;
/** Of all processes the kernel ends this one first when memory runs out. */
const OOM_SCORE_FIRST = '1000';

interface Watched {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** It and its children. */
  readonly kill: () => void;
}

export async function watchRehearsal(
  { child, pid }: { readonly child: ChildProcess; readonly pid: number },
  { clock, signal, kill }: Watched,
): Promise<RehearsalResult> {
  stepBack(pid);
  const said = { why: '', lastLines: [] as readonly string[] };
  const cutAt = (bytesMax: number) => ({ bytesMax, overlong: 'cut' }) as const;
  readLines(child.stdout ?? undefined, cutAt(LINE_BYTES_MAX.said), (line) => {
    said.why = line;
  });
  readLines(child.stderr ?? undefined, cutAt(LINE_BYTES_MAX.printed), (line) => {
    if (line !== '') said.lastLines = [...said.lastLines.slice(1 - LAST_LINES_MAX), line];
  });
  const over = new AbortController();
  const either = AbortSignal.any([signal, over.signal]);
  let killedFor: string | null = null;
  const killFor = (why: string) => {
    killedFor ??= why;
    kill();
  };
  signal.addEventListener('abort', kill, { once: true });
  if (signal.aborted) kill();
  void clock
    .sleep(REHEARSAL_MS_MAX, either)
    .then(() => killFor(`it did not end within ${REHEARSAL_MS_MAX / 1_000} s`))
    .catch(() => undefined);
  void watchMemory({ pid, clock, signal: either, killFor }).catch(() => undefined);
  const { exitCode, signal: endSignal } = await endOf(child, {
    streams: [child.stdout, child.stderr],
    clock,
    onExit: () => {
      over.abort();
      signal.removeEventListener('abort', kill);
      // Children of it that are left have nothing to do here, and keep its streams open.
      kill();
    },
  });
  signal.throwIfAborted();
  return resultOf({ exitCode, endSignal, killedFor, ...said });
}

/** Behind all others for processor and memory. What is not allowed, or too late, is not missed. */
function stepBack(pid: number): void {
  try {
    setPriority(pid, constants.priority.PRIORITY_BELOW_NORMAL);
  } catch {
    // Gone already.
  }
  writeFile(`/proc/${pid}/oom_score_adj`, OOM_SCORE_FIRST).catch(() => undefined);
}

async function watchMemory(of: {
  readonly pid: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly killFor: (why: string) => void;
}): Promise<void> {
  for (;;) {
    await of.clock.sleep(MEMORY_LOOK_MS, of.signal);
    const bytes = await residentBytes(of.pid);
    if (bytes <= MEMORY_BYTES_MAX) continue;
    of.killFor(`it took more than ${MEMORY_BYTES_MAX / 1_048_576} MiB of memory`);
    return;
  }
}

/** Resident set; 0 where the process is gone. */
async function residentBytes(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(text)?.[1] ?? 0) * 1024;
}

/** PF5: no process ends itself with these. */
const FROM_OUTSIDE: ReadonlySet<string> = new Set(['SIGKILL', 'SIGTERM']);

function resultOf(end: {
  readonly exitCode: number | null;
  readonly endSignal: string | null;
  readonly killedFor: string | null;
  readonly why: string;
  readonly lastLines: readonly string[];
}): RehearsalResult {
  if (end.killedFor === null && FROM_OUTSIDE.has(end.endSignal ?? '')) {
    const message = `${end.endSignal} ended it from outside, as the kernel does where memory runs out`;
    return { kind: 'not-started', message };
  }
  const outcome = end.killedFor === null ? outcomeOf(end.exitCode) : null;
  if (outcome === 'passed') return { kind: 'ended', outcome, detail: '' };
  if (outcome !== null && end.why !== '') {
    return { kind: 'ended', outcome, detail: end.why.slice(0, DETAIL_LENGTH_MAX) };
  }
  const how =
    end.killedFor ?? `it ended with ${end.endSignal ?? `exit code ${end.exitCode}`} by itself`;
  const detail = [how, ...end.lastLines].join('\n').slice(0, DETAIL_LENGTH_MAX);
  return { kind: 'ended', outcome: outcome ?? 'failed', detail };
}

/** Null: none that a rehearsal ends with. */
function outcomeOf(exitCode: number | null): RehearsalOutcome | null {
  const outcomes = Object.keys(REHEARSAL_EXIT) as RehearsalOutcome[];
  return outcomes.find((outcome) => REHEARSAL_EXIT[outcome] === exitCode) ?? null;
}
