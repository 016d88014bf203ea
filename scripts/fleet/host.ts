/*
 * A host in a directory of its own: enrolled by `moult agent enroll`, its first launcher supervised here as the systemd
 * unit would have it supervised. Where systemd runs this is the unit's work; what it may do is written there.
 */
import { readFile } from 'node:fs/promises';
import type { Agent } from '@moult/api';
import { type BootRecord, readBootRecord } from '@moult/core/boot';
import { type Layout, layoutOf } from '@moult/core/layout';
import { firstLauncherCommand } from '@moult/launcher';
import type { Coordinator } from './coordinator.ts';
import { moultOk } from './moult.ts';
import { endProcessesOf, processesOf, signalPid } from './processes.ts';
import { type Program, startProgram } from './program.ts';
import { until } from './until.ts';

export interface HostOptions {
  readonly root: string;
  readonly name: string;
  readonly onLine?: (line: string) => void;
}

/** RestartSec of the unit is 2 s; nobody wants to watch that. */
const RESTART_MS = 100;
const ENROLL_MS = 60_000;
/** Lines kept across restarts of the launcher. */
const LINES_MAX = 20_000;

export class Host {
  readonly name: string;
  readonly root: string;
  readonly layout: Layout;
  readonly lines: string[] = [];
  readonly #onLine: ((line: string) => void) | null;
  #program: Program | null = null;
  #supervised: Promise<void> | null = null;
  #isStopping = false;

  constructor(options: HostOptions) {
    this.name = options.name;
    this.root = options.root;
    this.layout = layoutOf(options.root);
    this.#onLine = options.onLine ?? null;
  }

  static async enroll(
    options: HostOptions & { readonly coordinator: Coordinator; readonly token: string },
  ): Promise<Host> {
    const { coordinator, token, name, root } = options;
    await moultOk(
      [
        'agent',
        'enroll',
        '--coordinator',
        coordinator.url,
        '--token',
        token,
        '--name',
        name,
        '--root',
        root,
      ],
      { homeDir: coordinator.dir, timeoutMs: ENROLL_MS },
    );
    return new Host(options);
  }

  /** As the unit: started again on failure and on 75, until an ordered stop. */
  start(): void {
    this.#isStopping = false;
    this.#supervised = this.#supervise();
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#program?.stop();
    await this.#supervised;
    this.#supervised = null;
  }

  /** SIGKILL for the launcher; the supervisor starts it again. */
  async killLauncher(): Promise<void> {
    await this.#program?.kill();
  }

  /** SIGKILL for everything on this host, and nothing starts again: a power cut that the page cache survived. */
  async killAll(): Promise<void> {
    this.#isStopping = true;
    await this.#program?.kill();
    await this.#supervised;
    this.#supervised = null;
    await endProcessesOf(this.root);
  }

  async killAgent(): Promise<boolean> {
    const pid = await this.agentPid();
    if (pid === null) return false;
    signalPid(pid, 'SIGKILL');
    return true;
  }

  get launcherPid(): number | null {
    return this.#program?.end === null ? this.#program.pid : null;
  }

  /** The serving agent: neither a probe nor a launcher. */
  async agentPid(): Promise<number | null> {
    const agents = (await processesOf(this.root)).filter(
      ({ args }) => /\/versions\/agent\//.test(args[0] ?? '') && args.includes('run'),
    );
    return agents[0]?.pid ?? null;
  }

  async bootRecord(): Promise<BootRecord> {
    const reading = readBootRecord(await readFile(this.layout.bootRecordPath, 'utf8'));
    if (reading.kind !== 'read')
      throw new Error(`${this.layout.bootRecordPath} is ${reading.kind}`);
    return reading.record;
  }

  /** What the coordinator says of it, once it is so. */
  async whenAgent(
    coordinator: Coordinator,
    what: string,
    isSo: (agent: Agent) => boolean,
    timeoutMs = 30_000,
  ): Promise<Agent> {
    let last: Agent | null = null;
    return await until(
      `${this.name} ${what}`,
      async () => {
        last = await coordinator.client.getAgent({ params: { name: this.name } });
        return isSo(last) ? last : null;
      },
      { timeoutMs, detail: () => `${JSON.stringify(last)}\n${this.tail()}` },
    );
  }

  tail(): string {
    return this.lines.slice(-40).join('\n');
  }

  async #supervise(): Promise<void> {
    const [command = '', ...args] = firstLauncherCommand({ layout: this.layout, root: this.root });
    while (!this.#isStopping) {
      const program = startProgram({
        name: `launcher of ${this.name}`,
        command,
        args,
        env: { PATH: process.env['PATH'] ?? '', HOME: this.root },
        onLine: (line) => this.#take(line),
      });
      this.#program = program;
      const { code } = await program.ended;
      this.#take(`supervisor: the launcher ended with ${JSON.stringify(program.end)}`);
      if (code === 0) return;
      await new Promise((resolve) => setTimeout(resolve, RESTART_MS));
    }
  }

  #take(line: string): void {
    this.lines.push(line);
    if (this.lines.length > LINES_MAX) this.lines.shift();
    this.#onLine?.(line);
  }
}
