/* A process of the agent, at the other end of a pipe. What it says before somebody listens is kept for whoever does. */
import type { ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';
import { type LauncherPipeMessage, PIPE_LINE_BYTES_MAX } from '@moult/core/boot';
import type { Clock } from '@moult/runtime/clock';
import { readLines } from './lines.ts';
import type { AgentEnd, AgentListener, AgentProcess } from './ports.ts';
import { endOf } from './process-end.ts';
import { killGroup } from './signals.ts';

/** What one process of the agent prints in a line at most before the line is cut. */
const LOG_LINE_BYTES_MAX = 64 * 1024;
/** Of a process that nobody listens to yet. */
const EARLY_LINES_MAX = 200;

export class PipedProcess implements AgentProcess {
  readonly pid: number;
  readonly ended: Promise<AgentEnd>;
  /** Resolves with what it says first over the pipe, false: it has ended without a word. */
  readonly spoke: Promise<string | false>;
  readonly #pipe: Socket;
  #isOver = false;
  #listener: AgentListener | null = null;
  #early: ((listener: AgentListener) => void)[] = [];

  constructor(parts: {
    readonly child: ChildProcess;
    readonly pid: number;
    readonly pipe: Socket;
    readonly clock: Clock;
  }) {
    const { child, pid, pipe, clock } = parts;
    this.pid = pid;
    this.#pipe = pipe;
    let speak: (word: string | false) => void = () => undefined;
    this.spoke = new Promise((resolve) => {
      speak = resolve;
    });
    const onExit = () => {
      this.#isOver = true;
      speak(false);
    };
    this.ended = endOf(child, { streams: [child.stdout, child.stderr, pipe], clock, onExit });
    // A closed pipe shows as the process's end; an error of its own tells nothing more.
    pipe.on('error', () => undefined);
    readLines(pipe, { bytesMax: PIPE_LINE_BYTES_MAX, overlong: 'drop' }, (line) => {
      speak(line);
      this.#hand((listener) => listener.onLine(line));
    });
    for (const stream of [child.stdout, child.stderr]) {
      readLines(stream ?? undefined, { bytesMax: LOG_LINE_BYTES_MAX, overlong: 'cut' }, (line) =>
        this.#hand((listener) => listener.onLog(line)),
      );
    }
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Once: from now on everything goes there, what was said before first. */
  attach(listener: AgentListener): void {
    this.#listener = listener;
    for (const early of this.#early.splice(0)) early(listener);
  }

  send(message: LauncherPipeMessage): void {
    if (this.#isOver || !this.#pipe.writable) return;
    // An agent that does not read is silent too, and ends as a hang; till then what it is told is bounded.
    if (this.#pipe.writableLength > PIPE_LINE_BYTES_MAX) return;
    this.#pipe.write(`${JSON.stringify(message)}\n`);
  }

  kill(): void {
    if (!this.#isOver) killGroup(this.pid);
  }

  #hand(line: (listener: AgentListener) => void): void {
    if (this.#listener !== null) line(this.#listener);
    else this.#early = [...this.#early.slice(1 - EARLY_LINES_MAX), line];
  }
}
