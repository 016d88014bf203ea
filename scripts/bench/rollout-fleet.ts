/* A coordinator with light agents in 100 groups, all connected, that are brought from version to version by rollouts. */
import { DatabaseSync } from 'node:sqlite';
import type { Rollout } from '@moult/api';
import { type Client, createClient } from '@moult/api/client';
import { freePort } from '../fleet/free-port.ts';
import { until } from '../fleet/until.ts';
import { CrowdProcess } from './light/crowd-process.ts';
import { type EnrolledFleet, enrollLightAgents } from './light/enroll.ts';
import type { Execution } from './light/light-upgrades.ts';
import { pause } from './pause.ts';
import { Server } from './server.ts';

const GROUPS = 100;
const UNAVAILABLE_MAX = 10;
const WAVES = [
  { kind: 'count', count: 1 },
  { kind: 'percent', percent: 10 },
  { kind: 'percent', percent: 30 },
  { kind: 'rest' },
] as const;
const EVERYBODY = 'agent=light-*';
/** Of those that go: then the coordinator is killed. */
const KILLED_AT = 0.5;
/** As in the unit: RestartSec. */
const RESTART_MS = 2_000;
const ENDED_MS_MAX = 900_000;
/** Rows of sessions that were opened before are written by then. */
const SETTLE_MS = 2_000;

export interface Planned {
  readonly planMs: number;
  readonly createMs: number;
}

/** What one rollout was like. */
export interface Rolled {
  readonly seconds: number;
  /** Of the coordinator; of the last process, if one was killed. */
  readonly cpuSeconds: number;
  readonly rowsWritten: number;
  /** Of the time, by the last 1 % of the agents. */
  readonly lastShare: number;
  /** From the last end of a wave to the first command of the next, on the agents' side. */
  readonly waveMs: readonly number[];
  readonly notDone: number;
  readonly executedTwice: number;
}

interface Member {
  readonly agent_name: string;
  readonly wave: number;
  readonly state: string;
  readonly ended_ms: number | null;
}

export class RolloutFleet {
  readonly #server: Server;
  readonly #crowd: CrowdProcess;
  readonly #client: Client;
  readonly #fleet: EnrolledFleet;
  readonly #count: number;
  readonly #say: (line: string) => void;

  private constructor(of: {
    readonly server: Server;
    readonly crowd: CrowdProcess;
    readonly client: Client;
    readonly fleet: EnrolledFleet;
    readonly count: number;
    readonly say: (line: string) => void;
  }) {
    this.#server = of.server;
    this.#crowd = of.crowd;
    this.#client = of.client;
    this.#fleet = of.fleet;
    this.#count = of.count;
    this.#say = of.say;
  }

  static async open(of: {
    readonly dir: string;
    readonly count: number;
    readonly say: (line: string) => void;
  }): Promise<RolloutFleet> {
    const { dir, count, say } = of;
    const groups = Array.from(
      { length: GROUPS },
      (_, index) => `g${String(index).padStart(3, '0')}`,
    );
    say('enrolling');
    const grouping = { groups, unavailableMax: UNAVAILABLE_MAX };
    const fleet = await enrollLightAgents({ dir, count, grouping });
    const port = await freePort();
    const server = Server.coordinator({ dir, port });
    await server.start();
    const { agentsPath, adminToken: token } = fleet;
    const crowd = await CrowdProcess.live({ mode: 'upgrading', port, agentsPath, count });
    say('all are connected');
    await pause(SETTLE_MS);
    const client = createClient({ url: `http://127.0.0.1:${port}`, token, caPem: null });
    return new RolloutFleet({ server, crowd, client, fleet, count, say });
  }

  get databasePath(): string {
    return this.#fleet.databasePath;
  }

  /** Planned, then made and kept. */
  async plan(version: string): Promise<Planned> {
    const asked = { select: EVERYBODY, version, spec: { waves: [...WAVES] } };
    const atMs = performance.now();
    const { members } = await this.#client.planRollout({ body: asked });
    const planMs = performance.now() - atMs;
    if (members.length !== this.#count) throw new Error(`${members.length} would be upgraded`);
    const made = performance.now();
    await this.#client.createRollout({ body: { ...asked, name: `to-${version}` } });
    const createMs = performance.now() - made;
    this.#say(`planned in ${planMs.toFixed(0)} ms, made in ${createMs.toFixed(0)} ms`);
    return { planMs, createMs };
  }

  /** From its start to its end. */
  async roll(of: { readonly version: string; readonly isKilled: boolean }): Promise<Rolled> {
    const { version, isKilled } = of;
    const rollout = `to-${version}`;
    if (isKilled) await this.plan(version);
    const before = await this.#server.gauge();
    await this.#client.startRollout({ params: { rollout }, body: {} });
    if (isKilled) await this.#killHalfWay(rollout);
    const ended = await this.#when(rollout, ({ state }) => state !== 'running');
    const after = await this.#server.gauge();
    // Who has not found back to a coordinator that was killed is upgraded when it comes.
    const { counts } = await this.#when(
      rollout,
      (now) => now.counts.parked + now.counts.upgrading === 0,
    );
    const executions = await this.#crowd.order({ kind: 'executions' });
    const done = executions.filter((execution) => execution.version === version);
    const members = this.#members(ended.id);
    const seconds = ((ended.endedMs ?? Number.NaN) - (ended.startedMs ?? Number.NaN)) / 1_000;
    const rolled: Rolled = {
      seconds,
      cpuSeconds: (after.cpuMs - (isKilled ? 0 : before.cpuMs)) / 1_000,
      rowsWritten: after.rowsWritten - (isKilled ? 0 : before.rowsWritten),
      lastShare: lastShareOf(members, ended),
      waveMs: waveChangesOf(members, done),
      notDone: this.#count - counts.done,
      executedTwice: done.length - new Set(done.map(({ agentName }) => agentName)).size,
    };
    this.#say(`${ended.state}, ${ended.outcome}: ${JSON.stringify({ ...rolled, counts })}`);
    for (const line of this.#server.trouble()) this.#say(line);
    return rolled;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#crowd.end();
    await this.#server.stop();
  }

  async #killHalfWay(rollout: string): Promise<void> {
    const half = this.#count * KILLED_AT;
    const { counts } = await this.#when(rollout, (now) => now.counts.done >= half);
    await this.#server.kill();
    this.#say(`killed when ${counts.done} were done`);
    await pause(RESTART_MS);
    await this.#server.start();
  }

  #when(rollout: string, isSo: (rollout: Rollout) => boolean): Promise<Rollout> {
    let last: Rollout | null = null;
    return until(
      `the rollout ${rollout} is there`,
      async () => {
        last = await this.#client.getRollout({ params: { rollout } });
        return isSo(last) && last;
      },
      { timeoutMs: ENDED_MS_MAX, detail: () => JSON.stringify(last) },
    );
  }

  #members(rolloutId: string): readonly Member[] {
    const database = new DatabaseSync(this.#fleet.databasePath, { readOnly: true });
    try {
      const text =
        'SELECT agent_name, wave, state, ended_ms FROM rollout_members WHERE rollout_id = ?';
      return database.prepare(text).all(rolloutId) as unknown as readonly Member[];
    } finally {
      database.close();
    }
  }
}

function lastShareOf(members: readonly Member[], ended: Rollout): number {
  const ends = members.map(({ ended_ms: ms }) => ms ?? Number.NaN).sort((a, b) => a - b);
  const firstOfLast = ends[Math.floor(ends.length * 0.99)] ?? Number.NaN;
  const last = ends.at(-1) ?? Number.NaN;
  return (last - firstOfLast) / (last - (ended.startedMs ?? Number.NaN));
}

function waveChangesOf(
  members: readonly Member[],
  executions: readonly Execution[],
): readonly number[] {
  const waveOf = new Map(members.map((member) => [member.agent_name, member.wave]));
  const lastEnds: number[] = [];
  const firstCommands: number[] = [];
  for (const { agentName, acceptedMs, finishedMs } of executions) {
    const wave = waveOf.get(agentName) ?? 0;
    lastEnds[wave] = Math.max(lastEnds[wave] ?? 0, finishedMs);
    firstCommands[wave] = Math.min(firstCommands[wave] ?? Number.POSITIVE_INFINITY, acceptedMs);
  }
  return firstCommands
    .slice(1)
    .map((commandMs, index) => commandMs - (lastEnds[index] ?? Number.NaN));
}
