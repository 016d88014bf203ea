/*
 * One life of a fleet that is rolled out to, from one seed: the real coordinator with its reconciler over its real store, light
 * agents, operators who start, stop and change what they like, and everything of it killed, cut off and restored. Then the
 * world is mended: whatever was started must end, all must be of one mind, and one more rollout must reach everybody.
 */
import type { Rollout } from '@moult/api';
import { RealCoordinator } from '../fleet/real-coordinator.ts';
import type { LifeResult } from '../life.ts';
import { LifeLog } from '../life-log.ts';
import { Scheduler } from '../scheduler.ts';
import { SeededRandom } from '../seeded-random.ts';
import type { Tally } from '../tally.ts';
import { baseOf } from '../variation.ts';
import { AgentTroubles } from './agent-troubles.ts';
import { CoordinatorTroubles } from './coordinator-troubles.ts';
import { Hangs } from './hangs.ts';
import { Journal } from './journal.ts';
import { LightAgent } from './light-agent.ts';
import { drawRelease, type LightRelease } from './light-releases.ts';
import { RolloutOracle } from './oracle.ts';
import { RareOrders } from './rare-orders.ts';
import { RolloutOperator } from './rollout-operator.ts';
import { unrestOf } from './rollout-rest.ts';

const TROUBLE_MS = { shortest: 60_000, longest: 1_200_000 } as const;
/** An order that failed is tried again after an hour at most; who vanished is waited for no longer than a day. */
const ROUND_MS_MAX = 1_800_000;
/** Each round resumes what halted, and opens what waits for somebody. */
const ROUNDS_MAX = 400;
const STEPS_MAX = 4_000_000;
const EVENTS_KEPT = 200;
const LOOK_STEPS = 64;
const WALL_BEGIN_MS = 1_790_000_000_000;
const SECRET_HASH = 'hash';
const CALL_MS_MAX = 3_600_000;

export interface RolloutLifeOptions {
  readonly tally: Tally;
  readonly say?: (line: string) => void;
}

export async function liveRollouts(seed: number, options: RolloutLifeOptions): Promise<LifeResult> {
  const life = new RolloutLife(seed, options);
  try {
    await life.run();
  } finally {
    await life.close();
  }
  return life.result();
}

class RolloutLife {
  readonly #seed: number;
  readonly #options: RolloutLifeOptions;
  readonly #random: SeededRandom;
  readonly #scheduler: Scheduler;
  readonly #coordinator: RealCoordinator;
  readonly #agents: LightAgent[] = [];
  readonly #releases: LightRelease[] = [];
  readonly #log: LifeLog;
  readonly #oracle: RolloutOracle;
  readonly #operator: RolloutOperator;
  readonly #rareOrders: RareOrders;
  readonly #agentTroubles: AgentTroubles;
  readonly #hangs: Hangs;
  readonly #coordinatorTroubles: CoordinatorTroubles;
  #journal: Journal | null = null;
  #isMended = false;

  constructor(seed: number, options: RolloutLifeOptions) {
    this.#seed = seed;
    this.#options = options;
    this.#random = new SeededRandom(baseOf(seed), 21);
    this.#scheduler = new Scheduler(new SeededRandom(seed, 22));
    this.#log = new LifeLog({
      scheduler: this.#scheduler,
      linesKept: EVENTS_KEPT,
      say: options.say ?? null,
    });
    const trace = (what: string, detail?: unknown) => this.#log.trace(what, detail);
    const fail = (invariant: string, message: string) => this.#log.fail(invariant, message);
    const met = (what: string) => options.tally.ended(`rollouts: ${what}`);
    this.#coordinator = new RealCoordinator({
      scheduler: this.#scheduler,
      random: new SeededRandom(seed, 23),
      wallMs: () => this.#wallMs(),
      rolls: true,
      point: (name) => this.#point(name),
      onWritten: async () => this.#oracle.look(),
      trace,
    });
    const nowMs = () => this.#wallMs();
    const agents = this.#agents;
    this.#oracle = new RolloutOracle({ agents, nowMs, fail, met, trace });
    this.#operator = new RolloutOperator({
      ...{ agents, fail, met, trace },
      coordinator: this.#coordinator,
      random: new SeededRandom(seed, 24),
      releases: this.#releases,
      oracle: () => this.#oracle,
      tamper: (rollout) => this.#tamper(rollout),
    });
    const common = { scheduler: this.#scheduler, trace, isMended: () => this.#isMended };
    this.#rareOrders = new RareOrders({
      ...{ ...common, nowMs, agents, operator: this.#operator, releases: this.#releases },
      random: new SeededRandom(baseOf(seed), 28),
      movesRandom: new SeededRandom(baseOf(seed), 30),
    });
    this.#agentTroubles = new AgentTroubles({
      ...{ ...common, agents, met },
      random: new SeededRandom(seed, 25),
    });
    this.#hangs = new Hangs({
      ...{ agents, fail, met, scheduler: this.#scheduler, oracle: this.#oracle },
      random: new SeededRandom(baseOf(seed), 29),
    });
    this.#coordinatorTroubles = new CoordinatorTroubles({
      ...{ ...common, fail },
      random: new SeededRandom(baseOf(seed), 26),
      coordinator: this.#coordinator,
      tally: options.tally,
      closing: () => this.#oracle.close(),
      restored: () => this.#openJournal(false),
    });
  }

  async run(): Promise<void> {
    await this.#found();
    const random = this.#random;
    const troubleMs = random.spread(TROUBLE_MS.shortest, TROUBLE_MS.longest);
    for (const agent of this.#agents) this.#agentTroubles.begin(agent, troubleMs);
    this.#coordinatorTroubles.begin(troubleMs);
    this.#hangs.begin();
    this.#scheduler.after(random.spread(1, 10_000), () => {
      if (!this.#rareOrders.begin()) this.#operator.begin();
    });
    this.#rareOrders.beside(troubleMs);
    this.#rareOrders.moves(troubleMs);
    for (let action = random.between(3, 25); action > 0; action--) {
      this.#scheduler.after(random.spread(2_000, troubleMs), () => {
        if (!this.#isMended) this.#operator.actOnce();
      });
    }
    // A host that is away for a day is not waited for any longer.
    if (random.chance(0.1))
      this.#scheduler.after(random.spread(20_000, troubleMs), () =>
        this.#scheduler.stall(90_000_000),
      );
    await this.#goOn(troubleMs, async () => false);
    if (this.#log.violation !== null) return;
    await this.#mend();
    await this.#rest('after the world was mended');
    if (this.#log.violation !== null) return;
    this.#hangs.end();
    const last = drawRelease(random, { version: '9.0.0', isGood: true });
    await this.#publish(last);
    await this.#during(this.#operator.rollOutToAll(last.version));
    await this.#rest('after one more rollout');
    await this.#reached(last);
  }

  result(): LifeResult {
    const { steps, nowMs } = this.#scheduler;
    const violation = this.#log.violation;
    return { seed: this.#seed, violation, events: this.#log.lines, steps, virtualMs: nowMs };
  }

  async close(): Promise<void> {
    this.#scheduler.clear();
    this.#oracle.close();
    await this.#coordinator.close();
  }

  async #found(): Promise<void> {
    const random = this.#random;
    await this.#coordinator.start();
    this.#openJournal(true);
    const first = drawRelease(random, { version: '1.0.0', isGood: true });
    await this.#publish(first);
    for (let minor = random.between(1, 3); minor > 0; minor--)
      await this.#publish(
        drawRelease(random, { version: `1.${minor}.0`, isGood: random.chance(0.4) }),
      );
    const count = Number(
      random.weighted({ 5: 6, 7: 6, 12: 5, 20: 3, 40: 1, 100: 0.15, 500: 0.02 }),
    );
    const groups = random.between(1, Math.min(4, count));
    for (let number = 1; number <= count; number++)
      await this.#add({ number, group: `group-${1 + (number % groups)}`, first });
    for (let group = 1; group <= groups; group++) {
      const unavailableMax = random.pick([1, 1, 2, 3, Math.ceil(count / 4)]);
      const request = { params: { group: `group-${group}` }, body: { unavailableMax, why: '' } };
      await this.#during(this.#operator.call('setGroup', request));
    }
  }

  async #add(of: {
    readonly number: number;
    readonly group: string;
    readonly first: LightRelease;
  }): Promise<void> {
    const { version, digest } = of.first;
    const agent = new LightAgent({
      name: `agent-${String(of.number).padStart(3, '0')}`,
      number: of.number,
      group: of.group,
      scheduler: this.#scheduler,
      random: new SeededRandom(this.#seed * 1024 + of.number, 27),
      coordinator: this.#coordinator,
      first: { version, digest },
      releaseOf: (name) => this.#releaseOf(name),
      watch: this.#oracle,
      isMended: () => this.#isMended,
    });
    const { store } = this.#running;
    const nowMs = this.#wallMs();
    const token = await store.write('createToken', {
      ...{ nowMs, principal: 'ann', why: '', secretHash: SECRET_HASH, kind: 'enrollment' },
      ...{ group: of.group, validates: true, uses: 1, expiresMs: null },
    });
    const enrolled = await store.write('enroll', {
      ...{ tokenId: token.id, secretHash: SECRET_HASH, publicKey: agent.publicKey, nowMs },
      ...{ name: agent.name, platform: 'linux-x64', bindsChannel: false },
    });
    agent.instanceId = enrolled.instanceId;
    this.#agents.push(agent);
    this.#oracle.knows(agent);
  }

  async #publish(release: LightRelease): Promise<void> {
    this.#releases.push(release);
    const { store } = this.#running;
    const { version, digest } = release;
    const name = { component: 'agent', version, nowMs: this.#wallMs(), principal: 'ann', why: '' };
    const built = { platform: 'linux-x64', digest, manifestBytes: 1, bytes: 1, files: 1 };
    await store.write('recordImport', { ...name, ...built, minimumLauncher: null } as never);
    await store.write('recordPublish', name as never);
  }

  #releaseOf(version: string): LightRelease {
    const found = this.#releases.find((release) => release.version === version);
    if (found === undefined) throw new Error(`there is no release ${version}`);
    return found;
  }

  get #running() {
    const { process } = this.#coordinator;
    if (process === null) throw new Error('the coordinator does not run');
    return { store: process.raw };
  }

  #openJournal(isEmpty: boolean): void {
    this.#journal = new Journal(this.#coordinator.path);
    this.#oracle.begin(this.#journal, isEmpty);
  }

  #tamper(rollout: string): void {
    this.#log.trace('a spec of tomorrow', rollout);
    this.#journal?.write(
      "UPDATE rollouts SET spec = json_set(spec, '$.gateOfTomorrow', 1) WHERE id = ?",
      rollout,
    );
  }

  #point(name: string): void {
    this.#options.tally.visited(name);
    if (!this.#isMended) this.#coordinatorTroubles.passed(name);
  }

  async #mend(): Promise<void> {
    this.#isMended = true;
    this.#log.trace('the world is mended');
    await this.#coordinatorTroubles.mend();
    this.#agentTroubles.mend();
    this.#hangs.mend();
  }

  /** Until nothing is left that a person or time could move. */
  async #rest(when: string): Promise<void> {
    for (let round = 1; round <= ROUNDS_MAX && this.#log.violation === null; round++) {
      await this.#during(this.#operator.adopt());
      await this.#during(this.#operator.help());
      const before = this.#scheduler.nowMs;
      await this.#goOn(ROUND_MS_MAX, async () => (await this.#unrest()) !== 'busy');
      const unrest = await this.#unrest();
      if (unrest === null) return;
      const isStuck = unrest === 'busy' && this.#scheduler.nowMs - before >= ROUND_MS_MAX;
      // Of many agents in few groups a version has a long way to all.
      const enough = 3 + this.#agents.length / 20;
      if (isStuck && round > enough && !this.#hangs.isAny) break;
    }
    if (this.#log.violation !== null) return;
    const unrest = await unrestOf(this.#agents, this.#coordinator, this.#oracle);
    this.#log.fail('RO3', `no rest ${when}: ${unrest.why}`);
  }

  /** `busy`: it moves by itself; `waits`: for a person; null: at rest. */
  async #unrest(): Promise<'busy' | 'waits' | null> {
    return (await unrestOf(this.#agents, this.#coordinator, this.#oracle)).kind;
  }

  async #reached(last: LightRelease): Promise<void> {
    if (this.#log.violation !== null) return;
    const rollout = (await this.#operator.call('getRollout', {
      params: { rollout: this.#operator.last },
    })) as Rollout | null;
    const living = this.#agents.filter(({ isRemoved }) => !isRemoved);
    const behind = living.filter(({ upgrade }) => upgrade.committed.version !== last.version);
    for (const { name, upgrade } of behind)
      this.#log.fail(
        'U17',
        `a good version, in a good world, did not come to ${name}: ${upgrade.committed.version}`,
      );
    if (living.length > 0 && rollout?.outcome !== 'ended-ok')
      this.#log.fail(
        'RO3',
        `a rollout that reached everybody is ${rollout?.state}, ${rollout?.outcome}`,
      );
  }

  /** Time passes until it is done: handlers wait for the clock as all else does. */
  async #during(work: Promise<unknown>): Promise<void> {
    let isDone = false;
    void work.then(() => {
      isDone = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    if (!isDone) await this.#goOn(CALL_MS_MAX, async () => isDone, 1);
  }

  async #goOn(ms: number, isOver: () => Promise<boolean>, every = LOOK_STEPS): Promise<void> {
    let isDue = false;
    const alarm = this.#scheduler.after(ms, () => {
      isDue = true;
    });
    while (!isDue && this.#log.violation === null) {
      if (!(await this.#scheduler.step())) break;
      this.#oracle.look();
      if (this.#scheduler.steps > STEPS_MAX)
        this.#log.fail('U3', `still busy after ${STEPS_MAX} steps: something spins`);
      if (this.#scheduler.steps % every === 0 && (await isOver())) break;
    }
    alarm.cancel();
  }

  #wallMs(): number {
    return Math.floor(WALL_BEGIN_MS + this.#scheduler.nowMs);
  }
}
