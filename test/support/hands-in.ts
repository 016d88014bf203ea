/*
 * A program of a host that hands in numbered records over the agent's socket, and connects again for as long as it runs:
 * what was not answered is handed in again.
 */
import { once } from 'node:events';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';

const BETWEEN_MS = 40;

export class HandsIn {
  readonly #options: { readonly path: string; readonly stream: string };
  readonly #over: Promise<void>;
  #isStopped = false;
  #taken = 0;

  constructor(options: { readonly path: string; readonly stream: string }) {
    this.#options = options;
    this.#over = this.#run();
  }

  /** How many the agent said it has. */
  async stop(): Promise<number> {
    this.#isStopped = true;
    await this.#over;
    return this.#taken;
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      // The agent is away, or goes away in the middle.
      await this.#connected().catch(() => undefined);
      await pause(BETWEEN_MS);
    }
  }

  async #connected(): Promise<void> {
    const socket = connect(this.#options.path);
    try {
      await once(socket, 'connect');
      socket.on('error', () => undefined);
      const answers = createInterface({ input: socket })[Symbol.asyncIterator]();
      while (!this.#isStopped) {
        const { stream } = this.#options;
        const number = this.#taken + 1;
        const content = `${stream}/1 ${number}\n`;
        socket.write(`${JSON.stringify({ stream, number, content })}\n`);
        const { value, done } = await answers.next();
        if (done === true) return;
        if (JSON.parse(value).ok === true) this.#taken = number;
        await pause(BETWEEN_MS);
      }
    } finally {
      socket.destroy();
    }
  }
}
