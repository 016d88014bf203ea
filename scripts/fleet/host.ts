/*
 * A host in a directory of its own: enrolled by `moult agent enroll`, its first launcher kept running by
 * `moult launcher run`, which does what the systemd unit would do.
 */
import { readFile } from 'node:fs/promises';
import type { Agent } from '@moult/api';
import { type BootRecord, readBootRecord, readHolder } from '@moult/core/boot';
import { type Layout, layoutOf } from '@moult/core/layout';
import type { Coordinator } from './coordinator.ts';
import { moultOk, startMoult } from './moult.ts';
import { endProcessesOf, processesOf, signalPid } from './processes.ts';
import type { Program, ProgramEnd } from './program.ts';
import { until } from './until.ts';

export interface HostOptions {
  readonly root: string;
  readonly name: string;
  readonly onLine?: (line: string) => void;
  /** Programs before its own: another network namespace. */
  readonly within?: readonly string[];
}

const ENROLL_MS = 60_000;
/** Lines kept across restarts of the launcher. */
const LINES_MAX = 20_000;

export class Host {
  readonly name: string;
  readonly root: string;
  readonly layout: Layout;
  readonly lines: string[] = [];
  readonly #onLine: ((line: string) => void) | null;
  readonly #within: readonly string[];
  readonly #listeners = new Set<(line: string) => void>();
  #program: Program | null = null;

  constructor(options: HostOptions) {
    this.name = options.name;
    this.root = options.root;
    this.layout = layoutOf(options.root);
    this.#onLine = options.onLine ?? null;
    this.#within = options.within ?? [];
  }

  static async enroll(
    options: HostOptions & {
      readonly coordinator: Coordinator;
      readonly token: string;
      /** Where the host finds the coordinator, when something stands between them. */
      readonly url?: string;
      /** False: what it starts with is there already. */
      readonly installs?: boolean;
      /** As `moult agent enroll --proxy` takes it. */
      readonly proxy?: string;
      readonly onStep?: (line: string) => void;
    },
  ): Promise<Host> {
    const { coordinator, token, name, root, installs = true, onStep } = options;
    await moultOk(
      [
        ...['agent', 'enroll', '--coordinator', options.url ?? coordinator.url, '--token', '-'],
        ...['--name', name, '--root', root],
        ...(installs ? [] : ['--no-install']),
        ...(options.proxy === undefined ? [] : ['--proxy', options.proxy]),
      ],
      {
        ...(options.within === undefined ? {} : { within: options.within }),
        homeDir: coordinator.dir,
        input: token,
        timeoutMs: ENROLL_MS,
        signal: coordinator.signal,
        onLine: onStep,
      },
    );
    return new Host(options);
  }

  get program(): Program {
    if (this.#program === null) throw new Error(`nothing was started on ${this.name}`);
    return this.#program;
  }

  start(): Program {
    const program = startMoult(['launcher', 'run', '--root', this.root, '--end-with-stdin'], {
      name: `the launcher of ${this.name}`,
      homeDir: this.root,
      within: this.#within,
      onLine: (line) => this.#take(line),
    });
    this.#program = program;
    return program;
  }

  /** Its agent by itself, as somebody starts it who has no launcher: nobody starts it again. */
  startAlone(): Program {
    const program = startMoult(['agent', 'run', '--root', this.root], {
      name: `the agent of ${this.name}`,
      homeDir: this.root,
      onLine: (line) => this.#take(line),
    });
    this.#program = program;
    return program;
  }

  async stop(): Promise<ProgramEnd | null> {
    const end = (await this.#program?.stop()) ?? null;
    this.#program = null;
    return end;
  }

  /** SIGKILL for everything on this host, and nothing starts again: a power cut that the page cache survived. */
  async killAll(): Promise<void> {
    await this.#program?.kill();
    this.#program = null;
    await endProcessesOf(this.root);
  }

  /** SIGKILL for the launcher; its supervisor starts it again. */
  async killLauncher(): Promise<boolean> {
    return killed(await this.launcherPid());
  }

  async killAgent(): Promise<boolean> {
    return killed(await this.agentPid());
  }

  async launcherPid(): Promise<number | null> {
    const found = (await processesOf(this.root)).find(
      ({ args }) => args[1]?.endsWith('/lib/launcher.cjs') === true && !args.includes('--check'),
    );
    return found?.pid ?? null;
  }

  /** The serving agent by its own word: one that is prepared for the switch looks the same from outside. */
  async agentPid(): Promise<number | null> {
    const holder = readHolder(await readFile(this.layout.holderPath, 'utf8').catch(() => null));
    const living = await processesOf(this.root);
    return living.find(({ pid }) => pid === holder?.pid)?.pid ?? null;
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

  /** Tells of each line of launcher and agent from now on, as it comes; returns what ends that. */
  listen(listener: (line: string) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  tail(): string {
    return this.lines.slice(-40).join('\n');
  }

  #take(line: string): void {
    this.lines.push(line);
    if (this.lines.length > LINES_MAX) this.lines.shift();
    this.#onLine?.(line);
    for (const listener of this.#listeners) listener(line);
  }
}

function killed(pid: number | null): boolean {
  if (pid !== null) signalPid(pid, 'SIGKILL');
  return pid !== null;
}
