/*
 * One life of a whole fleet from one seed: real agents under real launchers, the real coordinator over its real
 * store, an operator who does what operators do, and everything of it killed, cut off, filled up and restored at any
 * moment. Then the world is mended: every host must come to rest, agree with the coordinator, and upgrade once more.
 */
import { createPrivateKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { drawFaults, type Fault } from '../faults.ts';
import { installFirst } from '../install-first.ts';
import type { LifeResult } from '../life.ts';
import { LifeLog } from '../life-log.ts';
import type { ServerEnd, ServerListener } from '../network.ts';
import { Scheduler } from '../scheduler.ts';
import { SeededRandom } from '../seeded-random.ts';
import { mend } from '../strike.ts';
import { countCells, type Tally } from '../tally.ts';
import { baseOf } from '../variation.ts';
import { AGENT_CHARACTERS, REHEARSALS, Releases, type SimRelease } from '../versions.ts';
import { World } from '../world.ts';
import {
  drawFleetFaults,
  type FleetFault,
  hostFaultsOf,
  mendFleet,
  strikeFleet,
} from './fleet-faults.ts';
import { Operator } from './operator.ts';
import { type FleetHost, Oracle } from './oracle.ts';
import { RealCoordinator } from './real-coordinator.ts';
import { unrestOf } from './rest.ts';

const HOUR_MS = 3_600_000;
const TROUBLE_MS = { shortest: HOUR_MS / 6, longest: 3 * HOUR_MS } as const;
/** Hosts of a group take turns, waits of the host end after an hour, and an order that failed comes again after one, then two. */
const REST_MS_MAX = 8 * HOUR_MS;
const STEPS_MAX = 4_000_000;
const EVENTS_KEPT = 200;
const RESTART_MS = 2_000;
/** Orders by hand that wait behind each other on one host. */
const FREEING_ROUNDS = 4;
const FREEING_MS = 60_000;
const WALL_BEGIN_MS = 1_790_000_000_000;
const SECRET_HASH = 'hash';

export interface FleetLifeOptions {
  readonly tally: Tally;
  readonly say?: (line: string) => void;
}

export async function liveFleet(seed: number, options: FleetLifeOptions): Promise<LifeResult> {
  countCells(options.tally);
  const life = new FleetLife(seed, options);
  try {
    await life.run();
  } finally {
    await life.close();
  }
  return life.result();
}

class FleetLife {
  readonly #seed: number;
  readonly #options: FleetLifeOptions;
  readonly #random: SeededRandom;
  readonly #scheduler: Scheduler;
  readonly #coordinator: RealCoordinator;
  readonly #releases = new Releases();
  readonly #published: SimRelease[] = [];
  readonly #hosts: FleetHost[] = [];
  readonly #log: LifeLog;
  readonly #hostFaults = new Map<World, readonly Fault[]>();
  #faults: readonly FleetFault[] = [];
  #oracle: Oracle;
  #operator: Operator;
  #isMended = false;

  constructor(seed: number, options: FleetLifeOptions) {
    this.#seed = seed;
    this.#options = options;
    this.#random = new SeededRandom(baseOf(seed), 11);
    this.#scheduler = new Scheduler(new SeededRandom(seed, 12));
    this.#log = new LifeLog({
      scheduler: this.#scheduler,
      linesKept: EVENTS_KEPT,
      say: options.say ?? null,
    });
    const trace = (what: string, detail?: unknown) => this.#log.trace(what, detail);
    const fail = (invariant: string, message: string) => this.#log.fail(invariant, message);
    this.#coordinator = new RealCoordinator({
      scheduler: this.#scheduler,
      random: new SeededRandom(seed, 13),
      wallMs: () => this.#wallMs(),
      point: (name) => this.#point(name),
      onWritten: (store) => this.#oracle.look(store),
      trace,
    });
    const common = { hosts: this.#hosts, fail, trace };
    this.#oracle = new Oracle(common);
    this.#operator = new Operator({
      ...common,
      coordinator: this.#coordinator,
      random: new SeededRandom(seed, 14),
      releases: this.#published,
    });
  }

  async run(): Promise<void> {
    await this.#found();
    for (const { world } of this.#hosts) world.unit.start();
    const troubleMs = this.#random.spread(TROUBLE_MS.shortest, TROUBLE_MS.longest);
    const actions = this.#random.between(3, 12);
    for (let action = 1; action <= actions; action++) {
      this.#scheduler.after(this.#random.spread(1_000, troubleMs), () => {
        if (!this.#isMended) this.#operator.actOnce();
      });
    }
    await this.#goOn(troubleMs, async () => false);
    await this.#mend();
    // A bad version that waited may run only now, and leave what a person has to free.
    for (let round = 1; round <= FREEING_ROUNDS; round++) {
      await this.#free();
      await this.#rest('after the world was mended');
    }
    await this.#free();
    const last = this.#publish('agent', 'good');
    await this.#recorded(last);
    await this.#during(this.#operator.chooseForAll(last));
    await this.#rest('after one more upgrade');
    for (const { name, world } of this.#hosts) {
      const { version } = world.invariants.record?.components.agent.committed ?? {};
      if (this.#log.violation !== null || version === last.slot.version) continue;
      this.#log.fail('U17', `a good version, in a good world, did not come to ${name}: ${version}`);
    }
  }

  /** Twice: what is cleared may be paused a moment later, by an order that waited for it. */
  async #free(): Promise<void> {
    await this.#during(this.#operator.free());
    await this.#goOn(FREEING_MS, async () => false);
    await this.#during(this.#operator.free());
  }

  result(): LifeResult {
    const { steps, nowMs } = this.#scheduler;
    const violation = this.#log.violation;
    return { seed: this.#seed, violation, events: this.#log.lines, steps, virtualMs: nowMs };
  }

  async close(): Promise<void> {
    this.#scheduler.clear();
    for (const { world } of this.#hosts) world.database.close();
    await this.#coordinator.close();
  }

  /** Releases, a coordinator, and enrolled hosts that have the first release installed. */
  async #found(): Promise<void> {
    const random = this.#random;
    await this.#coordinator.start();
    const first = this.#publish('agent', 'good');
    await this.#recorded(first);
    for (let more = random.between(2, 4); more > 0; more--) {
      const isGood = random.chance(0.6);
      await this.#recorded(this.#publish('agent', isGood ? 'good' : random.pick(BAD)));
    }
    await this.#recorded(this.#publish('launcher', 'good'));
    const count = Number(random.weighted({ 1: 4, 2: 8, 3: 8, 5: 4, 8: 2, 20: 0.3, 50: 0.1 }));
    const groups = random.between(1, Math.min(3, count));
    for (let number = 1; number <= count; number++) {
      await this.#addHost({ number, group: `group-${1 + (number % groups)}`, first });
    }
    this.#faults = drawFleetFaults(random);
    for (const fault of this.#faults) {
      if (fault.trigger.on === 'time') {
        this.#scheduler.after(fault.trigger.atMs, () => this.#strike(fault));
      }
    }
  }

  async #addHost(of: {
    readonly number: number;
    readonly group: string;
    readonly first: SimRelease;
  }): Promise<void> {
    const name = `host-${of.number}`;
    const pair = generateKeyPairSync('ed25519');
    const key = createPrivateKey(pair.privateKey.export({ type: 'pkcs8', format: 'pem' }));
    const instanceId = await this.#enroll({
      name,
      group: of.group,
      publicKey: String(pair.publicKey.export({ format: 'jwk' }).x),
    });
    const faults = this.#random.chance(0.5) ? [] : hostFaultsOf(drawFaults(this.#random));
    const world = new World({
      seed: this.#seed * 64 + of.number,
      faults,
      tally: this.#options.tally,
      say:
        this.#options.say === undefined ? null : (line) => this.#options.say?.(`${name} ${line}`),
      place: {
        name,
        instanceId,
        scheduler: this.#scheduler,
        releases: this.#releases,
        sign: (text) => signed(text, key),
        door: () => ({
          isListening: () => this.#coordinator.isListening,
          accept: (end: ServerEnd): ServerListener => this.#coordinator.accept(end),
          isSwitchGranted: (attemptId) => this.#oracle.isSwitchGranted(attemptId),
          isConfirmed: (attemptId) => this.#oracle.isConfirmed(attemptId),
          isEndKept: (attemptId) => this.#oracle.isEndKept(attemptId),
        }),
      },
    });
    installFirst(world, of.first);
    this.#hostFaults.set(world, faults);
    this.#hosts.push({ name, group: of.group, instanceId, world });
    this.#oracle = new Oracle({
      hosts: this.#hosts,
      fail: (invariant, message) => this.#log.fail(invariant, message),
      trace: (what, detail) => this.#log.trace(what, detail),
    });
  }

  async #enroll(of: {
    readonly name: string;
    readonly group: string;
    readonly publicKey: string;
  }): Promise<string> {
    const store = this.#coordinator.process?.raw;
    if (store === undefined) throw new Error('the coordinator does not run');
    const nowMs = this.#wallMs();
    const token = await store.write('createToken', {
      nowMs,
      principal: 'ann',
      why: '',
      secretHash: SECRET_HASH,
      kind: 'enrollment',
      group: of.group,
      validates: this.#random.chance(0.8),
      uses: 1,
      expiresMs: null,
    });
    const enrolled = await store.write('enroll', {
      tokenId: token.id,
      secretHash: SECRET_HASH,
      publicKey: of.publicKey,
      name: of.name,
      platform: 'linux-x64',
      bindsChannel: false,
      nowMs,
    });
    return enrolled.instanceId;
  }

  #publish(component: SimRelease['component'], character: SimRelease['character']): SimRelease {
    const number = this.#published.length;
    // Now and then another major version: its failure is another one (H8).
    const major = number > 0 && this.#random.chance(0.3) ? 2 : 1;
    const probationMs = this.#random.chance(0.5) ? 5_000 : 60_000;
    const release = this.#releases.add({
      component,
      character,
      version: `${major}.${number}.0`,
      rehearsal: this.#random.pick(REHEARSALS),
      laterMs: this.#random.spread(50, probationMs * 0.8),
      probationMs,
    });
    this.#published.push(release);
    return release;
  }

  async #recorded(release: SimRelease): Promise<void> {
    const store = this.#coordinator.process?.raw;
    if (store === undefined) throw new Error('the coordinator does not run');
    const { component, slot } = release;
    const name = { component, version: slot.version, nowMs: this.#wallMs(), principal: 'ann' };
    const built = { platform: 'linux-x64', digest: slot.digest, manifestBytes: 1, bytes: 1 };
    const rest = { files: 1, minimumLauncher: null, why: '' };
    await store.write('recordImport', { ...name, ...built, ...rest });
    await store.write('recordPublish', { ...name, why: '' });
    await this.#oracle.look(store);
  }

  #strike(fault: FleetFault): void {
    if (this.#isMended) return;
    this.#log.trace(`FAULT ${fault.kind}`, fault.durationMs);
    this.#options.tally.struck(`fleet: ${fault.kind}`);
    strikeFleet(fault, {
      coordinator: this.#coordinator,
      scheduler: this.#scheduler,
      startAgain: () => this.#startAgain(),
      putBack: (backup) => void this.#putBack(backup),
    });
  }

  /** As its unit does: again and again. On a full disk it ends by itself. */
  #startAgain(): void {
    if (this.#isMended) return;
    this.#coordinator.start().catch((error: unknown) => {
      if (!this.#coordinator.isDiskFull) this.#log.fail('C3', String(error));
      this.#coordinator.kill();
      this.#scheduler.after(RESTART_MS, () => this.#startAgain());
    });
  }

  /** The oracle begins anew with what is in place then: what came after the backup is lost, and that is no fault. */
  async #putBack(backup: { readonly path: string; readonly isSaid: boolean }): Promise<void> {
    if (this.#isMended) return;
    this.#log.trace('a backup is put back', backup.isSaid);
    await this.#coordinator.putBack(backup.path, async (store) => {
      await this.#oracle.begin(store);
      if (!backup.isSaid) return;
      const said = { origin: 'restored', aboveGeneration: 0, principal: 'ann', why: '' } as const;
      await store.write('beginLife', { ...said, nowMs: this.#wallMs() });
      await this.#oracle.look(store);
    });
    this.#startAgain();
  }

  #point(name: string): void {
    this.#options.tally.visited(name);
    if (this.#isMended) return;
    for (const fault of this.#faults) {
      if (fault.trigger.on !== 'point' || fault.trigger.name !== name || fault.left === 0) continue;
      fault.left -= 1;
      if (fault.left > 0) continue;
      if (fault.kind === 'kill-coordinator') this.#options.tally.crashed(name);
      this.#strike(fault);
    }
  }

  async #mend(): Promise<void> {
    this.#isMended = true;
    this.#log.trace('the world is mended');
    mendFleet(this.#coordinator);
    await this.#coordinator.start();
    for (const { world } of this.#hosts) {
      world.isMended = true;
      mend(world);
      if (world.unit.process?.isAlive !== true) world.unit.start();
    }
  }

  async #rest(when: string): Promise<void> {
    if (this.#log.violation !== null) return;
    const unrest = () => unrestOf(this.#hosts, this.#coordinator, this.#releases);
    await this.#goOn(REST_MS_MAX, async () => (await unrest()) === null);
    if (this.#log.violation !== null) return;
    const left = await unrest();
    if (left !== null) this.#log.fail('U17', `no rest ${when}: ${left}`);
  }

  /** Time passes until it is done: handlers wait for the clock as all else does. */
  async #during(work: Promise<void>): Promise<void> {
    let isDone = false;
    void work.then(() => {
      isDone = true;
    });
    await this.#goOn(HOUR_MS, async () => isDone);
  }

  async #goOn(ms: number, isOver: () => Promise<boolean>): Promise<void> {
    let isDue = false;
    const alarm = this.#scheduler.after(ms, () => {
      isDue = true;
    });
    while (!isDue && this.#log.violation === null) {
      if (!(await this.#scheduler.step())) break;
      this.#checkHosts();
      if (this.#scheduler.steps > STEPS_MAX) {
        this.#log.fail('U3', `still busy after ${STEPS_MAX} steps: something spins`);
      }
      if (this.#scheduler.steps % 256 === 0 && (await isOver())) break;
    }
    alarm.cancel();
  }

  #checkHosts(): void {
    for (const { name, world } of this.#hosts) {
      world.stepped(this.#hostFaults.get(world) ?? []);
      world.invariants.check();
      if (world.violation === null) continue;
      this.#log.fail(world.violation.invariant, `${name}: ${world.violation.message}`);
    }
  }

  #wallMs(): number {
    return Math.floor(WALL_BEGIN_MS + this.#scheduler.nowMs);
  }
}

/** What no repository has is ordered anew for ever, as it should: no fleet would come to rest over it. */
const BAD = AGENT_CHARACTERS.filter((one) => one !== 'good' && one !== 'unpublished');

function signed(text: string, key: KeyObject): Uint8Array {
  return sign(null, Buffer.from(text), key);
}
