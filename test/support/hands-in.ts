/* A program of a host that hands in numbered records over the agent's socket, and connects again for as long as it runs. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';

const BETWEEN_MS = 40;

export class HandsIn {
  /** Numbers that the agent said it has. One that it did not answer is never handed in again: it may have that one too. */
  readonly taken: number[] = [];
  readonly #options: { readonly path: string; readonly stream: string };
  readonly #over: Promise<void>;
  #isStopped = false;
  #last = 0;

  constructor(options: { readonly path: string; readonly stream: string }) {
    this.#options = options;
    this.#over = this.#run();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#over;
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
        this.#last += 1;
        const { stream } = this.#options;
        socket.write(`${JSON.stringify({ stream, content: `${stream}/1 ${this.#last}\n` })}\n`);
        const { value, done } = await answers.next();
        if (done === true) return;
        if (JSON.parse(value).ok === true) this.taken.push(this.#last);
        await pause(BETWEEN_MS);
      }
    } finally {
      socket.destroy();
    }
  }
}
