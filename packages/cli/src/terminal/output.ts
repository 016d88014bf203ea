/*
 * All that a command says. Results go to standard output, as a table or as JSON; progress, notices and errors to
 * standard error: one line that is rewritten on a terminal, plain `step` lines elsewhere.
 */
import { printable, printableJson, printableText } from './printable.ts';
import type { Screen } from './screen.ts';
import { type Column, fieldLines, tableLines } from './table.ts';

export interface OutputOptions {
  readonly screen: Screen;
  readonly isJson: boolean;
  readonly isQuiet: boolean;
}

const TENTHS = 10;
const CLEAR_LINE = '\r\u001b[2K';
const CLEAR_BELOW = '\u001b[J';
const CLEAR_RIGHT = '\u001b[K';
const HOME = '\u001b[H';
const OTHER_SCREEN = '\u001b[?1049h';
const FIRST_SCREEN = '\u001b[?1049l';
const COLOURS = { red: '31', green: '32', yellow: '33', dim: '2', bold: '1' } as const;
export type Colour = keyof typeof COLOURS;

export class Output {
  readonly #options: OutputOptions;
  #hasLiveLine = false;
  #lastStep = '';
  /** Frames stand on a screen of their own, which a terminal neither wraps nor scrolls; what was there before comes back. */
  #isFramed = false;
  /** A letter may come in two pieces. */
  readonly #decoders = { out: new TextDecoder(), err: new TextDecoder() };
  /** Text of a program stands on the screen whose line it has not ended. */
  #isMidLine = false;

  constructor(options: OutputOptions) {
    this.#options = options;
  }

  get isJson(): boolean {
    return this.#options.isJson;
  }

  /** The result: the API's object for programs, `lines` for people. */
  result(value: unknown, lines: () => readonly string[]): void {
    this.end();
    if (this.#options.isJson) this.#options.screen.out(`${printableJson(value)}\n`);
    else for (const line of lines()) this.#options.screen.out(`${printable(line)}\n`);
  }

  /** One of many results for programs, as it comes: a line of JSON. */
  jsonLine(value: unknown): void {
    this.end();
    this.#options.screen.out(`${printableJson(value, 0)}\n`);
  }

  /** Of many results for people, as they come. */
  lines(lines: readonly string[]): void {
    if (lines.length === 0) return;
    this.end();
    this.#options.screen.out(`${lines.map(printableText).join('\n')}\n`);
  }

  /** What a program of a host wrote: its bytes, made harmless where a terminal shows them (T19). */
  written(to: 'out' | 'err', bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#clear();
    const { screen } = this.#options;
    if (to === 'out' ? !screen.isOutTerminal : !screen.isErrTerminal) {
      if (to === 'out') screen.outBytes(bytes);
      else screen.errBytes(bytes);
      return;
    }
    const text = printableText(this.#decoders[to].decode(bytes, { stream: true }));
    screen[to](text);
    this.#isMidLine = text === '' ? this.#isMidLine : !text.endsWith('\n');
  }

  /** Until whoever reads has taken it, or nobody waits any more: what comes in numbers is not heaped up here. */
  async flushed(stop: AbortSignal): Promise<void> {
    await flushedOrStopped(this.#options.screen, stop);
  }

  /** Whether nobody reads the results any more. */
  get isUnread(): boolean {
    return this.#options.screen.isOutGone();
  }

  table<Row>(
    value: unknown,
    columns: readonly Column<Row>[],
    rows: readonly Row[],
    empty: string,
  ): void {
    this.result(value, () => (rows.length === 0 ? [empty] : tableLines(columns, rows)));
  }

  fields(value: unknown, fields: () => readonly (readonly [string, string])[]): void {
    this.result(value, () => fieldLines(fields()));
  }

  /** Something that a person may want to know, and a program need not. */
  notice(text: string): void {
    if (this.#options.isQuiet) return;
    this.end();
    this.#options.screen.err(`${printable(text)}\n`);
  }

  /** What is going on. Said again it is not repeated. */
  step(text: string): void {
    if (this.#options.isQuiet) return;
    const line = printable(text);
    const { screen } = this.#options;
    if (this.#isMidLine && line === this.#lastStep) return;
    this.#endLine();
    if (!screen.isLive) {
      if (line !== this.#lastStep) screen.err(`step ${line}\n`);
    } else {
      screen.err(`${CLEAR_LINE}${[...line].slice(0, Math.max(1, screen.columns - 1)).join('')}`);
      this.#hasLiveLine = true;
    }
    this.#lastStep = line;
  }

  /** Ends the live line: what was a step stays on the screen. */
  stepDone(text: string): void {
    if (this.#options.isQuiet) return;
    this.end();
    this.#options.screen.err(`${this.#options.screen.isLive ? '' : 'step '}${printable(text)}\n`);
    this.#lastStep = '';
  }

  /** How far something is: on a terminal in steps of a tenth, in a log only that it goes on. */
  progress(text: string, done: { readonly part: number; readonly whole: number }): void {
    const tenths = Math.floor((done.part / Math.max(1, done.whole)) * TENTHS);
    this.step(this.#options.screen.isLive ? `${text}, ${tenths * TENTHS} %` : text);
  }

  /** Where a frame can be shown: what it may take of the screen; null: where nothing is redrawn. */
  get frameSize(): { readonly rows: number; readonly columns: number } | null {
    const { screen, isQuiet } = this.#options;
    if (isQuiet || !screen.isLive) return null;
    // The cursor stands on the line below; a full last column would begin another line.
    return { rows: Math.max(1, screen.rows - 1), columns: Math.max(1, screen.columns - 1) };
  }

  /** Many lines in the place of those that were shown before; none: takes them away. What does not fit is cut. */
  frame(lines: readonly string[]): void {
    const size = this.frameSize;
    if (size === null) return;
    this.#clear();
    if (lines.length === 0) {
      this.#leaveFrame();
      return;
    }
    const text = lines
      .slice(0, size.rows)
      .map((line) => `${[...printable(line)].slice(0, size.columns).join('')}${CLEAR_RIGHT}\n`)
      .join('');
    this.#options.screen.err(`${this.#isFramed ? '' : OTHER_SCREEN}${HOME}${text}${CLEAR_BELOW}`);
    this.#isFramed = true;
  }

  #leaveFrame(): void {
    if (this.#isFramed) this.#options.screen.err(FIRST_SCREEN);
    this.#isFramed = false;
  }

  failure(lines: readonly string[]): void {
    this.end();
    for (const line of lines) this.#options.screen.err(`${line}\n`);
  }

  colour(text: string, colour: Colour): string {
    return this.#options.screen.hasColour ? `\u001b[${COLOURS[colour]}m${text}\u001b[0m` : text;
  }

  /** Nothing more is said: whatever comes next begins a line of its own. */
  end(): void {
    this.#clear();
    this.#endLine();
    this.#leaveFrame();
  }

  #clear(): void {
    if (this.#hasLiveLine) this.#options.screen.err(CLEAR_LINE);
    this.#hasLiveLine = false;
  }

  #endLine(): void {
    if (this.#isMidLine) this.#options.screen.err('\n');
    this.#isMidLine = false;
  }
}

/** A reader that has stopped reading holds up nobody who was told to stop. */
export async function flushedOrStopped(screen: Screen, stop: AbortSignal): Promise<void> {
  if (stop.aborted) return;
  const left = new AbortController();
  const stopped = new Promise<void>((resolve) => {
    stop.addEventListener('abort', () => resolve(), { once: true, signal: left.signal });
  });
  await Promise.race([screen.flushed(), stopped]);
  left.abort();
}
