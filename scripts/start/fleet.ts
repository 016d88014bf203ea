// The demo's coordinator and agents, all of them started and asked through the real program.

import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Agent, Attempt, Command } from '@moult/api';
import { DemoError } from './demo-error.ts';
import type { Moult } from './moult.ts';
import { freePort } from './port.ts';
import { lastLinesOf, type Processes } from './processes.ts';

export const AGENT_NAMES: readonly string[] = ['web-1', 'web-2', 'web-3'];

const USUAL_PORT = 7400;
const ASK_EVERY_MS = 200;
const READY_MAX = '30s';
const UP_MS_MAX = 60_000;

export interface FleetOptions {
  readonly dir: string;
  readonly moult: Moult;
  readonly processes: Processes;
}

export interface Upgraded {
  readonly command: Command;
  readonly attempts: readonly Attempt[];
}

export class Fleet {
  readonly #options: FleetOptions;
  #url = '';

  constructor(options: FleetOptions) {
    this.#options = options;
    for (const name of ['logs', 'agents']) mkdirSync(join(options.dir, name));
  }

  get url(): string {
    return this.#url;
  }

  agentDir(name: string): string {
    return join(this.#options.dir, 'agents', name);
  }

  /** Keys, coordinator, context: after this the program can be used without flags. */
  async startCoordinator(): Promise<void> {
    const { dir, moult, processes } = this.#options;
    const root = join(dir, 'coordinator');
    const port = await freePort(USUAL_PORT);
    this.#url = `https://127.0.0.1:${port}`;
    const keysDir = join(dir, 'keys');
    const tokenPath = join(root, 'etc', 'moult', 'admin.token');
    await moult.done(['keys', 'init', '--dir', keysDir]);
    await moult.done([
      ...['coordinator', 'init', '--root', root, '--keys', keysDir],
      ...['--listen', `127.0.0.1:${port}`],
    ]);
    const logPath = join(dir, 'logs', 'coordinator.log');
    processes.start({
      name: 'the coordinator',
      command: moult.command(['coordinator', 'serve', '--root', root, '--end-with-stdin']),
      environment: moult.environment,
      logPath,
    });
    const caPath = join(root, 'etc', 'moult', 'ca.pem');
    const token = readFileSync(tokenPath, 'utf8');
    const login = ['login', '--url', this.#url, '--ca', caPath, '--token', '-'];
    await moult.done([...login, '--name', 'demo', '--wait', READY_MAX], { input: token });
  }

  async enroll(name: string, onStep: (text: string) => void): Promise<void> {
    const { moult } = this.#options;
    const token = await moult.done(['tokens', 'create', '--quiet', '--why', 'demo']);
    await moult.done(
      [
        ...['agent', 'enroll', '--coordinator', this.#url, '--token', '-'],
        ...['--name', name, '--root', this.agentDir(name)],
      ],
      { input: token, onLine: (line) => onStep(line.replace(/^step /, '')) },
    );
  }

  startLauncher(name: string): void {
    const { dir, moult, processes } = this.#options;
    processes.start({
      name: `the launcher of ${name}`,
      command: moult.command([
        'launcher',
        'run',
        '--root',
        this.agentDir(name),
        '--end-with-stdin',
      ]),
      environment: moult.environment,
      logPath: join(dir, 'logs', `${name}.log`),
    });
  }

  async agents(): Promise<readonly Agent[]> {
    return (await this.#options.moult.json<{ agents: readonly Agent[] }>(['agents', 'list']))
      .agents;
  }

  /** Until each agent is Up with this version and nothing is going on. */
  async untilUp(version: string, onWaiting: (text: string) => void): Promise<void> {
    await this.#until(UP_MS_MAX, `not all agents are Up with ${version}`, null, async () => {
      const agents = await this.agents();
      const waiting = AGENT_NAMES.filter((name) => !isUp(agents, name, version));
      if (waiting.length > 0) onWaiting(`waiting for ${waiting.join(', ')}`);
      return waiting.length === 0;
    });
  }

  /** Orders an upgrade and follows it with `--wait`; the exit code and what the coordinator kept of it. */
  async upgrade(
    name: string,
    version: string,
    onStep: (text: string) => void,
  ): Promise<{ readonly exitCode: number; readonly err: string; readonly upgraded: Upgraded }> {
    const args = ['agents', 'upgrade', name, '--to', version, '--wait', '--timeout', '5m'];
    const said = await this.#options.moult.run([...args, '--why', 'demo'], {
      onLine: (line) => line.startsWith('step ') && onStep(line.replace(/^step /, '')),
    });
    const commands = ['commands', 'list', '--agent', name, '--limit', '1'];
    const latest = await this.#options.moult.json<{ commands: readonly Command[] }>(commands);
    const [command] = latest.commands;
    if (command === undefined) {
      throw new DemoError(`${name} was ordered no upgrade`, said.err.trimEnd().split('\n'));
    }
    const upgraded = await this.#options.moult.json<Upgraded>(['commands', 'show', command.id]);
    return { exitCode: said.exitCode, err: said.err, upgraded };
  }

  async #until(
    msMax: number,
    failure: string,
    logPath: string | null,
    isDone: () => Promise<boolean>,
  ): Promise<void> {
    const startedMs = performance.now();
    while (!(await isDone())) {
      if (performance.now() - startedMs > msMax) {
        const logs =
          logPath === null ? AGENT_NAMES.map((name) => this.#logPathOf(name)) : [logPath];
        throw new DemoError(`${failure} after ${msMax / 1000} s`, logs.flatMap(lastLinesOf));
      }
      await new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MS));
    }
  }

  #logPathOf(name: string): string {
    return join(this.#options.dir, 'logs', `${name}.log`);
  }
}

export function isUp(agents: readonly Agent[], name: string, version: string): boolean {
  const agent = agents.find((one) => one.name === name);
  return (
    agent?.state === 'Up' &&
    agent.marks.length === 0 &&
    agent.upgrade === null &&
    versionOf(agent) === version
  );
}

export function versionOf(agent: Agent): string | null {
  return agent.components.find(({ component }) => component === 'agent')?.current?.version ?? null;
}
