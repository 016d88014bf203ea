// The demo's coordinator and agents, all of them started and asked through the real program.

import { mkdirSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Agent, Command } from '@moult/api';
import { Coordinator, type Ended } from '../fleet/coordinator.ts';
import { FleetError } from '../fleet/fleet-error.ts';
import { freePort } from '../fleet/free-port.ts';
import { Host } from '../fleet/host.ts';
import { moultOk } from '../fleet/moult.ts';
import type { Program } from '../fleet/program.ts';
import { until } from '../fleet/until.ts';
import type { DemoRoot } from './demo-root.ts';

export const AGENT_NAMES: readonly string[] = ['web-1', 'web-2', 'web-3'];

const USUAL_PORT = 7400;
const UP_MS_MAX = 60_000;
const UPGRADE_MAX = '5m';
/** Longer than that. */
const UPGRADE_MS_MAX = 330_000;

export interface FleetOptions {
  readonly root: DemoRoot;
  /** Ends whatever is being done; what was started is ended by `stop`. */
  readonly signal: AbortSignal;
  readonly onUnexpectedEnd: (error: FleetError) => void;
}

export class Fleet {
  readonly #options: FleetOptions;
  readonly #hosts: Host[] = [];
  #coordinator: Coordinator | null = null;
  #isStopping = false;

  constructor(options: FleetOptions) {
    this.#options = options;
    for (const name of ['logs', 'agents']) mkdirSync(join(options.root.dir, name));
  }

  get coordinator(): Coordinator {
    if (this.#coordinator === null) throw new FleetError('there is no coordinator yet');
    return this.#coordinator;
  }

  /** Keys, coordinator, context: after this the program can be used without flags. */
  async startCoordinator(): Promise<void> {
    const { root, signal } = this.#options;
    const onLine = this.#logOf('coordinator');
    const dir = join(root.dir, 'coordinator');
    const coordinator = await Coordinator.init({ dir, onLine, signal });
    this.#coordinator = coordinator;
    // Demos that are started at once do not try the same port.
    await coordinator.start({ port: await freePort(USUAL_PORT + root.number - 1) });
    this.#watch(coordinator.program);
    const { url, caPath, adminToken } = coordinator;
    await moultOk(['login', '--url', url, '--ca', caPath, '--token', '-', '--name', 'demo'], {
      homeDir: root.dir,
      env: { XDG_CONFIG_HOME: join(root.dir, 'config') },
      input: adminToken,
      signal,
    });
  }

  /** Enrolled, installed and started under its launcher. */
  async startAgent(name: string, onStep: (text: string) => void): Promise<void> {
    const { coordinator } = this;
    const token = await coordinator.moultOk(['tokens', 'create', '--quiet', '--why', 'demo']);
    const host = await Host.enroll({
      coordinator,
      token,
      name,
      root: join(this.#options.root.dir, 'agents', name),
      onLine: this.#logOf(name),
      onStep: (line) => onStep(line.replace(/^step /, '')),
    });
    this.#hosts.push(host);
    this.#watch(host.start());
  }

  async agents(): Promise<readonly Agent[]> {
    return (await this.#ask<{ agents: readonly Agent[] }>(['agents', 'list'])).agents;
  }

  /** Until each agent is Up with this version and nothing is going on. */
  async untilUp(version: string, onWaiting: (text: string) => void): Promise<void> {
    await until(
      `all agents are Up with ${version}`,
      async () => {
        const agents = await this.agents();
        const waiting = AGENT_NAMES.filter((name) => !isUp(agents, name, version));
        if (waiting.length > 0) onWaiting(`waiting for ${waiting.join(', ')}`);
        return waiting.length === 0;
      },
      {
        timeoutMs: UP_MS_MAX,
        signal: this.#options.signal,
        detail: () => this.#hosts.map((host) => host.tail()).join('\n'),
      },
    );
  }

  /** Orders an upgrade and follows it with `--wait`; the exit code and what the coordinator kept of it. */
  async upgrade(
    name: string,
    version: string,
    onStep: (text: string) => void,
  ): Promise<{ readonly exitCode: number | null; readonly said: string; readonly ended: Ended }> {
    const args = ['agents', 'upgrade', name, '--to', version, '--wait', '--timeout', UPGRADE_MAX];
    const { code, stderr } = await this.coordinator.moult([...args, '--why', 'demo'], {
      timeoutMs: UPGRADE_MS_MAX,
      onLine: (line) => line.startsWith('step ') && onStep(line.replace(/^step /, '')),
    });
    const latest = ['commands', 'list', '--agent', name, '--limit', '1'];
    const [command] = (await this.#ask<{ commands: readonly Command[] }>(latest)).commands;
    if (command === undefined) throw new FleetError(`${name} was ordered no upgrade`, stderr);
    const ended = await this.#ask<Ended>(['commands', 'show', command.id]);
    return { exitCode: code, said: stderr, ended };
  }

  /** Agents first, so that they say goodbye to their coordinator. Gives what had to be killed. */
  async stop(): Promise<readonly unknown[]> {
    this.#isStopping = true;
    const ends = [
      ...(await Promise.allSettled(this.#hosts.map((host) => host.stop()))),
      ...(await Promise.allSettled([this.#coordinator?.stop()])),
    ];
    return ends.flatMap((end) => (end.status === 'rejected' ? [end.reason] : []));
  }

  async #ask<T>(args: readonly string[]): Promise<T> {
    return JSON.parse(await this.coordinator.moultOk([...args, '-o', 'json'])) as T;
  }

  #watch(program: Program): void {
    void program.ended.then(() => {
      if (!this.#isStopping) this.#options.onUnexpectedEnd(program.failure('ended by itself'));
    });
  }

  #logOf(name: string): (line: string) => void {
    const log = openSync(join(this.#options.root.dir, 'logs', `${name}.log`), 'a');
    return (line) => void writeSync(log, `${line}\n`);
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

function versionOf(agent: Agent): string | null {
  return agent.components.find(({ component }) => component === 'agent')?.current?.version ?? null;
}
