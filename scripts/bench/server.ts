/* A server under test: a coordinator with plain HTTP, or the bare baseline, with the gauge inside. */
import { fileURLToPath } from 'node:url';
import { startMoult } from '../fleet/moult.ts';
import { type Program, startProgram } from '../fleet/program.ts';
import type { Gauge } from './gauge.ts';

const READY_MS = 30_000;
const GAUGE_MS = 20_000;
const IMPORT = `--import=${fileURLToPath(new URL('./gauge.ts', import.meta.url))}`;
const BARE_PATH = fileURLToPath(new URL('./bare-echo.ts', import.meta.url));

export class Server {
  readonly #start: () => Program;
  readonly #ready: RegExp;
  #program: Program | null = null;

  private constructor(start: () => Program, ready: RegExp) {
    this.#start = start;
    this.#ready = ready;
  }

  static coordinator(of: { readonly dir: string; readonly port: number }): Server {
    const args = ['--root', of.dir, '--listen', `127.0.0.1:${of.port}`, '--end-with-stdin'];
    return new Server(
      () =>
        startMoult(['coordinator', 'serve', ...args], {
          name: 'the coordinator',
          homeDir: of.dir,
          env: { NODE_OPTIONS: IMPORT },
        }),
      /the coordinator is ready/,
    );
  }

  static bare(of: { readonly port: number }): Server {
    return new Server(
      () =>
        startProgram({
          name: 'the bare server',
          command: process.execPath,
          args: [BARE_PATH, String(of.port)],
          env: { NODE_OPTIONS: IMPORT },
        }),
      /the bare server is ready/,
    );
  }

  async start(): Promise<void> {
    this.#program = this.#start();
    await this.#program.waitForLine(this.#ready, { timeoutMs: READY_MS });
  }

  /** Since the gauge before, or the start. */
  async gauge(): Promise<Gauge> {
    const program = this.#program;
    if (program === null) throw new Error('the server does not run');
    const from = program.mark();
    program.signal('SIGUSR2');
    const line = await program.waitForLine(/^gauge /, { from, timeoutMs: GAUGE_MS });
    return JSON.parse(line.slice('gauge '.length)) as Gauge;
  }

  async kill(): Promise<void> {
    await this.#program?.kill();
    this.#program = null;
  }

  async stop(): Promise<void> {
    await this.#program?.stop();
    this.#program = null;
  }

  /** What it logged of trouble, for people. */
  trouble(): readonly string[] {
    const lines = this.#program?.lines ?? [];
    return lines.filter((line) => /error|warn/i.test(line)).slice(-10);
  }
}
