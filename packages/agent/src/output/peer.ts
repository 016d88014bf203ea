/*
 * Q9. One program that hands in output: its lines are read as fast as the disk takes them and the program reads its
 * answers, one for each line, in order. What is rude is cut off: it holds up nobody but itself.
 *
 *   line 1 ─► intake ─┐                line 2 is not valid, and waits for the answer before it
 *   line 2 ───────────┴─► answers in order ─► socket
 */
import type { Socket } from 'node:net';
import { CodedError, codedErrorFrom } from '@moult/core/errors';
import type { Clock } from '@moult/runtime/clock';
import { pause } from '../waiting.ts';
import type { NumberedIntake } from './intake.ts';
import { invalid, LINE_BYTES_MAX, readLine } from './line.ts';

/** Read, and not yet on the disk: some commits, so that small records share them. */
const PENDING_RECORDS_MAX = 2_000;
const PENDING_BYTES_MAX = 262_144;
/** Invalid lines in a row: who sends so many does not speak this. */
const INVALID_MAX = 100;
/** Between the first byte of a line and its end; and for who does not read its answers. */
const STALLED_MS_MAX = 30_000;
/** For the last answers. */
const END_MS_MAX = 1_000;

const TAKEN = '{"ok":true}\n';
const NEWLINE = 10;
/** Made once: a reason of its own for each wait costs more than the wait. */
const GOES_ON = new Error('it goes on');

interface Answer {
  /** Null: not known yet. */
  text: string | null;
}

export interface PeerOptions {
  readonly socket: Socket;
  readonly intake: NumberedIntake;
  readonly clock: Clock;
}

export class Peer {
  readonly #options: PeerOptions;
  readonly #closed = new AbortController();
  /** Lines that are not answered, in order. */
  #answers: Answer[] = [];
  #pendingBytes = 0;
  #invalidRun = 0;
  /** The beginning of a line. */
  #part: Buffer[] = [];
  #partBytes = 0;
  #stalled: AbortController | null = null;
  #isFlushing = false;
  /** It does not read its answers. */
  #isFull = false;
  #isEnding = false;

  constructor(options: PeerOptions) {
    this.#options = options;
    const { socket } = options;
    socket.on('data', (chunk) => this.#read(chunk));
    socket.on('end', () => this.#ended());
    socket.on('drain', () => {
      this.#isFull = false;
      this.#goOn();
    });
    // What went wrong is told by the end that follows.
    socket.on('error', () => undefined);
    socket.on('close', () => this.#closed.abort());
  }

  /** Reads no more; resolves when what was read is answered and the connection is over. */
  async stop(): Promise<void> {
    this.#end();
    if (this.#closed.signal.aborted) return;
    await new Promise((resolve) => this.#closed.signal.addEventListener('abort', resolve));
  }

  #read(chunk: Buffer): void {
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      if (this.#isEnding) return;
      const rest = chunk.subarray(from, end);
      const isWhole = this.#partBytes === 0;
      this.#line(isWhole ? rest : Buffer.concat([...this.#part, rest]));
      if (!isWhole) this.#beginLine();
      from = end + 1;
    }
    if (from < chunk.length) {
      this.#part.push(chunk.subarray(from));
      this.#partBytes += chunk.length - from;
    }
    if (this.#partBytes > LINE_BYTES_MAX)
      this.#giveUp(`a line has more than ${LINE_BYTES_MAX} bytes`);
    this.#goOn();
  }

  #beginLine(): void {
    this.#part = [];
    this.#partBytes = 0;
    this.#goesOn();
  }

  #line(line: Buffer): void {
    if (line.length > LINE_BYTES_MAX) {
      this.#giveUp(`a line has more than ${LINE_BYTES_MAX} bytes`);
      return;
    }
    const answer: Answer = { text: null };
    this.#answers.push(answer);
    const settled = (text: string) => {
      answer.text = text;
      this.#flushSoon();
    };
    try {
      const { stream, number, content } = readLine(line);
      this.#invalidRun = 0;
      this.#pendingBytes += content.length;
      const atMs = this.#options.clock.nowMs();
      const record = { stream, task: '', run: '', atMs, content };
      const { intake } = this.#options;
      const taken = number === null ? intake.add(record) : intake.addNumbered(record, number);
      taken.then(
        (known) => {
          this.#pendingBytes -= content.length;
          settled(typeof known === 'number' ? `{"ok":true,"known":${known}}\n` : TAKEN);
        },
        (error: unknown) => {
          this.#pendingBytes -= content.length;
          settled(notKept(error));
        },
      );
    } catch (error) {
      settled(refusal(error));
      this.#invalidRun += 1;
      if (this.#invalidRun >= INVALID_MAX) this.#end();
    }
  }

  /** With a last answer. */
  #giveUp(why: string): void {
    if (this.#isEnding) return;
    this.#answers.push({ text: refusal(invalid(why)) });
    this.#flushSoon();
    this.#end();
  }

  #ended(): void {
    if (this.#partBytes > 0) this.#giveUp('the last line has no end');
    else this.#end();
  }

  #flushSoon(): void {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    queueMicrotask(() => {
      this.#isFlushing = false;
      this.#flush();
    });
  }

  #flush(): void {
    let count = 0;
    let text = '';
    for (const answer of this.#answers) {
      if (answer.text === null) break;
      text += answer.text;
      count += 1;
    }
    this.#answers.splice(0, count);
    if (text !== '' && !this.#options.socket.write(text)) this.#isFull = true;
    this.#goOn();
    if (this.#isEnding && this.#answers.length === 0) this.#options.socket.destroySoon();
  }

  #goOn(): void {
    const { socket } = this.#options;
    const isPending =
      this.#answers.length >= PENDING_RECORDS_MAX || this.#pendingBytes >= PENDING_BYTES_MAX;
    if (this.#isEnding || this.#isFull || isPending) socket.pause();
    else socket.resume();
    const mayStall = this.#isFull || (this.#partBytes > 0 && !isPending);
    if (mayStall) this.#stalled ??= this.#cutOffAfter(STALLED_MS_MAX);
    else this.#goesOn();
  }

  #goesOn(): void {
    this.#stalled?.abort(GOES_ON);
    this.#stalled = null;
  }

  #end(): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    this.#beginLine();
    this.#options.socket.pause();
    if (this.#answers.length === 0) this.#options.socket.destroySoon();
    this.#cutOffAfter(END_MS_MAX);
  }

  /** Until the controller that it returns is aborted. */
  #cutOffAfter(ms: number): AbortController {
    const over = new AbortController();
    const signal = AbortSignal.any([over.signal, this.#closed.signal]);
    void pause(this.#options.clock, ms, signal).then((isOver) => {
      if (isOver) this.#options.socket.destroy();
    });
    return over;
  }
}

function refusal(error: unknown): string {
  const { code, message } = codedErrorFrom(error);
  return `${JSON.stringify({ ok: false, code, message })}\n`;
}

function notKept(error: unknown): string {
  if (error instanceof CodedError) return refusal(error);
  const { message } = codedErrorFrom(error);
  return refusal(new CodedError('output-not-kept', message, { cause: error }));
}
