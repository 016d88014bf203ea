/*
 * One run of a task: its program from the start to the end, what it writes, and who asks it to end.
 *
 *   started ─► output piece by piece into the intake ─► leader ends ─► rest of its group is ended ─► streams end ─► over
 *      └ asked to end: SIGTERM to the group, after a while SIGKILL
 *
 * Output is on the disk before more of it is read (K7): a program that writes faster than that waits in its own write.
 */
import { codedErrorFrom } from '@moult/core/errors';
import { type AskedFor, ENDING_MS, type ProgramEnd, type TaskDefinition } from '@moult/core/task';
import type { Clock } from '@moult/runtime/clock';
import type { Logger } from '@moult/runtime/logger';
import { isDiskTrouble, type Leader } from '../database/index.ts';
import type { OutputIntake } from '../output/intake.ts';
import type { Programs, RunningProgram } from '../ports.ts';
import { pause } from '../waiting.ts';

export interface RunOptions {
  readonly run: string;
  readonly definition: TaskDefinition;
  readonly args: readonly string[];
  readonly programs: Programs;
  readonly intake: OutputIntake;
  readonly clock: Clock;
  readonly log: Logger;
  /** Its program runs. */
  readonly onLed: (leader: Leader) => void;
}

export interface RunEnd {
  /** Null: its program was never started. */
  readonly end: ProgramEnd | null;
  /** Why it was not started. */
  readonly trouble: string;
  readonly outputBytes: number;
  readonly droppedBytes: number;
}

/** A disk that takes no output needs time more than haste; the program waits meanwhile. */
const AGAIN_MS = 1_000;

export class Run {
  readonly #options: RunOptions;
  readonly #over = new AbortController();
  /** Aborted when nobody waits for its output any more. */
  readonly #givenUp = new AbortController();
  #program: RunningProgram | null = null;
  #askedFor: AskedFor | null = null;
  #killAtMs = Number.POSITIVE_INFINITY;
  #outputBytes = 0;
  #droppedBytes = 0;

  constructor(options: RunOptions) {
    this.#options = options;
  }

  /** To its end; never rejects for what the program does. */
  async carryOut(): Promise<RunEnd> {
    const { programs, definition, args, run, clock } = this.#options;
    try {
      const { name: task, program, environment } = definition;
      this.#program = await programs.start({ task, run, program, args, environment });
    } catch (error) {
      return this.#endOf(null, codedErrorFrom(error).message);
    }
    const { leader, output, ended } = this.#program;
    if (leader !== null) this.#options.onLed(leader);
    // Somebody did not wait for the start.
    if (this.#askedFor !== null) this.#signal();
    void pause(clock, definition.timeLimitMs, this.#over.signal).then((isOver) => {
      if (isOver) this.end('time-limit');
    });
    const pumps = output.map(({ stream, chunks }) => this.#pump(stream, chunks));
    const { exitCode, signal } = await ended;
    this.#over.abort();
    await Promise.all(pumps);
    return this.#endOf({ exitCode, signal, askedFor: this.#askedFor }, '');
  }

  /** Who asks first gives the reason; who gives it less time shortens the wait. */
  end(askedFor: AskedFor, graceMs: number = ENDING_MS): void {
    if (this.#over.signal.aborted) return;
    const isFirst = this.#askedFor === null;
    this.#askedFor ??= askedFor;
    const killAtMs = this.#options.clock.monotonicMs() + graceMs;
    if (killAtMs < this.#killAtMs) {
      this.#killAtMs = killAtMs;
      void pause(this.#options.clock, graceMs, this.#over.signal).then((isOver) => {
        if (isOver) this.#program?.signal('SIGKILL');
      });
    }
    if (isFirst) this.#signal();
  }

  /** This process ends: what a disk does not take now is lost, and counted. */
  giveUpOutput(): void {
    this.#givenUp.abort();
  }

  #signal(): void {
    const { log, run } = this.#options;
    if (this.#program === null) return;
    log.info('a task is asked to end', { run, why: this.#askedFor });
    this.#program.signal('SIGTERM');
  }

  async #pump(stream: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const { definition, run, log } = this.#options;
    for await (const chunk of chunks) {
      const room = Math.max(0, definition.outputBytesMax - this.#outputBytes);
      this.#outputBytes += chunk.byteLength;
      const kept = chunk.subarray(0, room);
      const dropped = chunk.byteLength - kept.byteLength;
      if (dropped > 0 && this.#droppedBytes === 0) {
        log.warn('a task writes more than its limit; the rest is dropped', { run });
      }
      this.#droppedBytes += dropped;
      if (kept.byteLength > 0) await this.#take(stream, kept);
    }
  }

  async #take(stream: string, content: Uint8Array): Promise<void> {
    const { intake, definition, run, clock, log } = this.#options;
    const record = { stream, task: definition.name, run, atMs: clock.nowMs(), content };
    for (let failures = 0; !this.#givenUp.signal.aborted; failures++) {
      try {
        await intake.add(record);
        return;
      } catch (error) {
        if (this.#givenUp.signal.aborted) break;
        if (!isDiskTrouble(error)) throw error;
        const { message } = codedErrorFrom(error);
        if (failures === 0) log.warn('output of a task waits for the disk', { run, message });
        await pause(clock, AGAIN_MS, this.#givenUp.signal);
      }
    }
    this.#droppedBytes += content.byteLength;
  }

  #endOf(end: ProgramEnd | null, trouble: string): RunEnd {
    this.#over.abort();
    return {
      end,
      trouble,
      outputBytes: this.#outputBytes,
      droppedBytes: this.#droppedBytes,
    };
  }
}
