/* A program of the host that hands in numbered records, and again what was not answered when its connection ended. */
import { connect, type Socket } from 'node:net';

export interface FeederOptions {
  readonly path: string;
  readonly stream: string;
  readonly count: number;
  readonly recordBytes: number;
}

const WINDOW = 2_000;
const AGAIN_MS = 100;
/** With which each content begins. */
export const NUMBER_DIGITS = 12;

export class Feeder {
  readonly #options: FeederOptions;
  /** The last number that the agent answered for. */
  taken = 0;
  /** Nothing beyond this number is handed in for now. */
  limit: number;
  #sent = 0;
  #socket: Socket | null = null;
  #run: Promise<void> | null = null;

  constructor(options: FeederOptions) {
    this.#options = options;
    this.limit = options.count;
  }

  goOnTo(limit: number): void {
    this.limit = limit;
    const socket = this.#socket;
    if (socket?.writable === true) this.#fill(socket);
  }

  /** Resolves when the agent has taken all of them; asked again, it is the same run. */
  run(): Promise<void> {
    this.#run ??= this.#feedAll();
    return this.#run;
  }

  async #feedAll(): Promise<void> {
    while (this.taken < this.#options.count) {
      await this.#connection();
      if (this.taken < this.#options.count) await new Promise((done) => setTimeout(done, AGAIN_MS));
    }
  }

  #connection(): Promise<void> {
    return new Promise((resolve) => {
      const socket = connect(this.#options.path);
      this.#socket = socket;
      this.#sent = this.taken;
      let rest = '';
      socket.setEncoding('latin1');
      socket.on('connect', () => this.#fill(socket));
      socket.on('data', (text: string) => {
        const lines = (rest + text).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) {
          // What is refused, or a hole, is found by whoever counts what arrived.
          if (line.includes('"ok":true')) this.taken += 1;
          else socket.destroy();
        }
        if (this.taken === this.#options.count) socket.end();
        else this.#fill(socket);
      });
      socket.on('error', () => undefined);
      socket.on('close', () => resolve());
    });
  }

  #fill(socket: Socket): void {
    const { stream, recordBytes } = this.#options;
    let text = '';
    while (this.#sent < this.limit && this.#sent - this.taken < WINDOW) {
      this.#sent += 1;
      const number = this.#sent;
      const content = String(number).padStart(NUMBER_DIGITS, '0').padEnd(recordBytes, '.');
      text += `{"stream":"${stream}","number":${number},"content":"${content}"}\n`;
    }
    if (text !== '') socket.write(text);
  }
}
