// What the demo shows: on a terminal calm lines of which the last one lives, elsewhere plain lines, each once.

const CLEAR_LINE = '\r\u001b[2K';
const DIM = '\u001b[2m';
const BOLD = '\u001b[1m';
const RESET = '\u001b[0m';

const COLUMNS_DEFAULT = 80;
const TIME_COLUMNS = 10;
const DRAW_EVERY_MS = 1_000;

export class Screen {
  readonly #isLive = process.stdout.isTTY === true && process.env['TERM'] !== 'dumb';
  readonly #hasColour = this.#isLive && (process.env['NO_COLOR'] ?? '') === '';
  #live = '';
  #startedMs = performance.now();

  constructor() {
    if (this.#isLive) setInterval(() => this.#draw(), DRAW_EVERY_MS).unref();
  }

  /** A part of the story begins. */
  title(text: string): void {
    this.#end();
    process.stdout.write(`\n${this.#hasColour ? BOLD + text + RESET : text}\n`);
    this.#startedMs = performance.now();
  }

  /** What goes on now; the next word replaces it on a terminal. */
  live(text: string): void {
    if (text === this.#live) return;
    this.#live = text;
    if (!this.#isLive) {
      process.stdout.write(`  ${text}\n`);
      return;
    }
    this.#draw();
  }

  /** Again each second, so that one sees that it lives. */
  #draw(): void {
    const text = this.#live;
    if (text === '') return;
    const seconds = ((performance.now() - this.#startedMs) / 1000).toFixed(0);
    // A terminal that does not know its size says 0.
    const width = (process.stdout.columns || COLUMNS_DEFAULT) - TIME_COLUMNS;
    const shown = text.length > width ? `${text.slice(0, width - 1)}…` : text;
    const line = `  ${shown} (${seconds} s)`;
    process.stdout.write(CLEAR_LINE + (this.#hasColour ? DIM + line + RESET : line));
  }

  /** Something is done and stays to be read. */
  line(text: string): void {
    this.#end();
    process.stdout.write(text === '' ? '\n' : `  ${text}\n`);
  }

  error(text: string): void {
    this.#end();
    process.stderr.write(`${text}\n`);
  }

  #end(): void {
    if (this.#isLive && this.#live !== '') process.stdout.write(CLEAR_LINE);
    this.#live = '';
  }
}
