/*
 * One host in ticks of 5 s, to try orders of events on the verdict: the real supervision, and a model of what it cannot
 * see into: a world with weather, an agent that dials, checks and beats as the real one does, and probes that take their time.
 */
import {
  type BootRecord,
  CANNOT_UPGRADE_AGAIN,
  HEARTBEAT_MS,
  type Heartbeat,
  type Life,
  type OccurredEvent,
  type Order,
  type Slot,
  type SupervisionState,
  stepSupervision,
} from '../src/boot/index.ts';
import { EVIDENCE, lifeWith, NEW, NEXT_LAUNCHER, OLD, recordWith, trialOf } from './boot-states.ts';

interface Sky {
  /** What a new session comes to: opens, an answer that is no session (busy), or nothing. */
  readonly session: 'opens' | 'answered' | 'fails';
  /** Ticks until an open session is lost; null: it stays. */
  readonly losesAfter: number | null;
  /** `hangs`: no answer either way, until the agent's own deadline. */
  readonly metadata: 'comes' | 'late' | 'fails' | 'hangs';
}

/** What the world does to a host. What makes no difference to it is not told apart. */
export const WEATHER = {
  up: { session: 'opens', losesAfter: null, metadata: 'comes' },
  busy: { session: 'answered', losesAfter: 1, metadata: 'comes' },
  down: { session: 'fails', losesAfter: 1, metadata: 'fails' },
  'cut one way': { session: 'fails', losesAfter: 10, metadata: 'hangs' },
  'accepts and never answers': { session: 'fails', losesAfter: null, metadata: 'hangs' },
  'answers before the proof only': { session: 'fails', losesAfter: 1, metadata: 'comes' },
  'certificate refused': { session: 'fails', losesAfter: null, metadata: 'fails' },
  slow: { session: 'fails', losesAfter: null, metadata: 'late' },
  'no metadata': { session: 'opens', losesAfter: null, metadata: 'fails' },
} as const satisfies Record<string, Sky>;

export type Weather = keyof typeof WEATHER;

/** What a version can do, where the world lets it. */
export interface Version {
  readonly opensSessions: boolean;
  readonly refreshes: boolean;
  /** Whether its `--probe` does what a probe is for, and ends. */
  readonly probe: 'works' | 'fails' | 'hangs';
  readonly ownChecks: 'pass' | 'fail';
  /** Falls silent when a probe of it begins. */
  readonly isSilentWhenProbed: boolean;
  /** Its tree is damaged: it cannot be started. */
  readonly starts: boolean;
}

export const GOOD: Version = {
  opensSessions: true,
  refreshes: true,
  probe: 'works',
  ownChecks: 'pass',
  isSilentWhenProbed: false,
  starts: true,
};
export const DEAF: Version = { ...GOOD, opensSessions: false, probe: 'fails' };
export const STUCK: Version = { ...GOOD, refreshes: false, probe: 'fails' };

/** What somebody does, at a tick. `suspend`: timers stand; `freeze`: they fall due (SIGSTOP). */
export type Fact =
  | { readonly kind: 'suspend' | 'freeze'; readonly ticks: number }
  | { readonly kind: 'kill-launcher' | 'reboot' | 'stop-and-start' }
  | { readonly kind: 'commit' | 'refuse'; readonly attemptId?: string };

export interface Scenario {
  readonly version?: Version;
  readonly previous?: Version;
  readonly onTrial?: 'agent' | 'launcher';
  /** One after the other, in ticks; the last goes on. */
  readonly weather: readonly (readonly [weather: Weather, ticks: number])[];
  readonly facts?: readonly (readonly [tick: number, fact: Fact])[];
  /** From which tick on the coordinator confirms what calls itself well; null: never. The first one unless given. */
  readonly confirmsFrom?: number | null;
  readonly probationMs?: number;
  readonly probeTicks?: number;
}

interface Process {
  readonly slot: Slot;
  readonly version: Version;
  isLive: boolean;
  lostTicks: number;
  answeredTick: number | null;
  failures: number;
  nextTryTick: number;
  trouble: string | null;
  checkTicks: number;
  healthyTicks: number;
  dialTicksLeft: number;
  isCheckedSinceDial: boolean;
  isSilent: boolean;
  hasCommitted: boolean;
}

const REACHED_TICKS = 18;
const BACKOFF_TICKS_MAX = 12;
const DIAL_TICKS = 9;
const LATE_TICKS = 8;
const HANG_TICKS = 24;
const PROBE_TICKS_MAX = 6;
const HOUR_TICKS = 720;

export class BootWorld {
  state: SupervisionState;
  tick = 0;
  /** Ticks that the launcher saw. */
  watchedTicks = 0;
  readonly #scenario: Scenario;
  #agent: Process | null = null;
  #probe: { readonly slot: Slot; readonly endsTick: number } | null = null;
  #waitsUntil: number | null = null;
  #wakesTick = 0;
  #wasFrozen = false;
  #boots = 1;

  constructor(scenario: Scenario) {
    this.#scenario = scenario;
    const watchedLeftMs = 10 * (scenario.probationMs ?? 60_000);
    const trial = { tries: 0, bootId: null, watchedLeftMs };
    const record =
      scenario.onTrial === 'launcher'
        ? recordWith({ launcher: trialOf(NEXT_LAUNCHER, { ...trial, tries: 1 }) })
        : recordWith({ agent: trialOf(NEW, trial) });
    this.state = { kind: 'idle', life: this.#lifeOf(record) };
    this.#take({ kind: 'started' });
  }

  get weather(): Weather {
    let left = this.tick;
    for (const [weather, ticks] of this.#scenario.weather) {
      if (left < ticks) return weather;
      left -= ticks;
    }
    return this.#scenario.weather.at(-1)?.[0] ?? 'up';
  }

  /** `committed`, `rolled back: <reason>`, or how it is being watched. */
  get end(): string {
    const { components } = this.state.life.record;
    const { trial, refused } = components[this.#scenario.onTrial ?? 'agent'];
    const refusal = refused.at(-1);
    if (refusal !== undefined) return `rolled back: ${refusal.evidence.reason}`;
    if (trial === null) return 'committed';
    return this.state.kind === 'watching' ? this.state.boot.verdict.kind : this.state.kind;
  }

  get isOver(): boolean {
    return this.end === 'committed' || this.end.startsWith('rolled back');
  }

  /** Runs for so many ticks, or to the end of the trial. */
  run(ticks: number): this {
    for (const end = this.tick + ticks; this.tick < end && !this.isOver; ) this.step();
    return this;
  }

  step(): void {
    const due = (this.#scenario.facts ?? []).filter(([tick]) => tick === this.tick);
    for (const [, fact] of due) this.#happen(fact);
    if (this.tick >= this.#wakesTick) {
      if (this.#wasFrozen) this.#thaw();
      this.#agentActs();
      this.#probeEnds();
      if (this.#waitsUntil !== null && this.tick >= this.#waitsUntil) {
        this.#waitsUntil = null;
        this.#take({ kind: 'waited' });
      }
      this.watchedTicks += 1;
      this.#take({ kind: 'ticked' });
    }
    this.tick += 1;
  }

  #happen(fact: Fact): void {
    switch (fact.kind) {
      case 'suspend':
      case 'freeze':
        this.#wakesTick = this.tick + fact.ticks;
        this.#wasFrozen = fact.kind === 'freeze';
        if (this.#agent !== null) this.#agent.isLive = false;
        return;
      case 'reboot':
        this.#boots += 1;
        this.#restart();
        return;
      case 'kill-launcher':
        this.#restart();
        return;
      case 'stop-and-start':
        this.#take({ kind: 'stop-asked' });
        this.#restart();
        return;
      case 'commit':
      case 'refuse':
        this.#ask(fact.kind, fact.attemptId ?? 'c1/1');
    }
  }

  #restart(): void {
    this.#agent = null;
    this.#probe = null;
    this.#waitsUntil = null;
    this.state = { kind: 'idle', life: this.#lifeOf(this.state.life.record) };
    this.#take({ kind: 'started' });
  }

  #lifeOf(record: BootRecord): Life {
    const digest = this.#scenario.onTrial === 'launcher' ? NEXT_LAUNCHER.digest : null;
    return lifeWith(record, {
      bootId: `boot-${this.#boots}`,
      self: { version: '1.0.0', digest },
    });
  }

  /** Whoever slept through his own deadline finds it passed. */
  #thaw(): void {
    this.#wasFrozen = false;
    if (this.#probe !== null) {
      this.#probe = null;
      this.#take({ kind: 'probed', reached: false });
    }
    if (this.#agent !== null && this.#agent.dialTicksLeft > 0) this.#agent.dialTicksLeft = 1;
  }

  #ask(what: 'commit' | 'refuse', attemptId: string): void {
    const component = this.#scenario.onTrial ?? 'agent';
    if (what === 'commit') this.#take({ kind: 'commit-asked', id: 1, component, attemptId });
    else this.#take({ kind: 'refuse-asked', id: 1, component, attemptId, evidence: EVIDENCE });
  }

  #agentActs(): void {
    const agent = this.#agent;
    if (agent === null || agent.isSilent) return;
    const isAnswered = this.#connects(agent);
    this.#checks(agent);
    this.#say(agent);
    if (agent.dialTicksLeft > 0) {
      agent.dialTicksLeft -= 1;
      const isKnown = isAnswered && agent.isCheckedSinceDial;
      if (isKnown || agent.dialTicksLeft === 0) {
        agent.dialTicksLeft = 0;
        this.#take({ kind: 'dialled', reached: isAnswered });
      }
    }
    this.#commits(agent);
  }

  /** Whether the coordinator answers just now. */
  #connects(agent: Process): boolean {
    const sky: Sky = WEATHER[this.weather];
    if (agent.isLive) {
      agent.lostTicks = sky.losesAfter === null ? 0 : agent.lostTicks + 1;
      agent.isLive = sky.losesAfter === null || agent.lostTicks < sky.losesAfter;
      if (agent.isLive && agent.lostTicks === 0) agent.answeredTick = this.tick;
      if (agent.isLive) return true;
    }
    if (this.tick < agent.nextTryTick && agent.dialTicksLeft === 0) return false;
    const answer = agent.version.opensSessions ? sky.session : 'fails';
    agent.isLive = answer === 'opens';
    agent.lostTicks = 0;
    if (answer !== 'fails') agent.answeredTick = this.tick;
    agent.failures = answer === 'opens' ? 0 : agent.failures + 1;
    agent.nextTryTick = this.tick + Math.min(BACKOFF_TICKS_MAX, 2 ** agent.failures);
    return answer !== 'fails';
  }

  #checks(agent: Process): void {
    const sky: Sky = WEATHER[this.weather];
    const { refreshes, ownChecks } = agent.version;
    agent.checkTicks += 1;
    const comes = refreshes ? sky.metadata : 'fails';
    if (comes === 'late' && agent.checkTicks < LATE_TICKS) return;
    if (comes === 'hangs' && agent.checkTicks < HANG_TICKS) return;
    agent.checkTicks = 0;
    agent.isCheckedSinceDial = true;
    if (ownChecks === 'fail') agent.trouble = 'the disk is read-only';
    else if (comes === 'fails' || comes === 'hangs')
      agent.trouble = `${CANNOT_UPGRADE_AGAIN}: trust-unreachable`;
    else agent.trouble = null;
    agent.healthyTicks = agent.trouble === null ? agent.healthyTicks + 1 : 0;
  }

  #say(agent: Process): void {
    const { trouble, answeredTick } = agent;
    const reached = answeredTick !== null && this.tick - answeredTick <= REACHED_TICKS;
    const heartbeat: Heartbeat = { reached, healthy: trouble === null, trouble, idle: true };
    this.#take({ kind: 'heartbeat', heartbeat });
  }

  #commits(agent: Process): void {
    const probationTicks = (this.#scenario.probationMs ?? 60_000) / HEARTBEAT_MS;
    const isTrial = this.#scenario.onTrial === 'launcher' || agent.slot.digest === NEW.digest;
    const { confirmsFrom = 0 } = this.#scenario;
    if (!isTrial || agent.hasCommitted || confirmsFrom === null) return;
    if (this.tick < confirmsFrom || !agent.isLive || agent.healthyTicks <= probationTicks) return;
    agent.hasCommitted = true;
    this.#ask('commit', 'c1/1');
  }

  #probeEnds(): void {
    if (this.#probe === null || this.tick < this.#probe.endsTick) return;
    const { slot } = this.#probe;
    this.#probe = null;
    const sky: Sky = WEATHER[this.weather];
    const isThere = sky.session !== 'fails' && sky.metadata === 'comes';
    this.#take({ kind: 'probed', reached: isThere && this.#versionIn(slot).probe === 'works' });
  }

  #versionIn(slot: Slot): Version {
    const { version = GOOD, previous = GOOD } = this.#scenario;
    return slot.digest === OLD.digest ? previous : version;
  }

  #take(event: OccurredEvent): void {
    const step = stepSupervision(this.state, event);
    this.state = step.state;
    // Work belongs to its state, as the launcher has it.
    if (!this.#wantsProbe()) this.#probe = null;
    if (this.state.kind !== 'backing-off') this.#waitsUntil = null;
    for (const order of step.orders) this.#carryOut(order);
  }

  #wantsProbe(): boolean {
    if (this.state.kind === 'probing') return true;
    return this.state.kind === 'watching' && this.state.boot.verdict.kind.startsWith('probing-');
  }

  #carryOut(order: Order): void {
    switch (order.kind) {
      case 'spawn':
        this.#spawn(order.slot);
        return;
      case 'send':
        if (order.message.kind === 'dial' && this.#agent !== null) {
          this.#agent.dialTicksLeft = DIAL_TICKS;
          this.#agent.isCheckedSinceDial = false;
          this.#agent.checkTicks = 0;
        }
        return;
      case 'end-agent': {
        const signal = order.graceMs === 0 ? 'SIGKILL' : null;
        this.#agent = null;
        this.#take({ kind: 'exited', exitCode: signal === null ? 0 : null, signal, logLines: [] });
        return;
      }
      case 'probe': {
        const { probe, isSilentWhenProbed } = this.#versionIn(order.slot);
        const ticks = probe === 'hangs' ? PROBE_TICKS_MAX : (this.#scenario.probeTicks ?? 2);
        this.#probe = { slot: order.slot, endsTick: this.tick + ticks };
        if (isSilentWhenProbed && this.#agent !== null) this.#agent.isSilent = true;
        return;
      }
      case 'wait':
        this.#waitsUntil = this.tick + Math.ceil(order.ms / HEARTBEAT_MS);
    }
  }

  #spawn(slot: Slot): void {
    const version = this.#versionIn(slot);
    if (!version.starts) {
      this.#take({
        kind: 'spawn-failed',
        message: 'its tree is damaged',
        isHostTrouble: false,
        logLines: [],
      });
      return;
    }
    this.#agent = {
      slot,
      version,
      isLive: false,
      lostTicks: 0,
      answeredTick: null,
      failures: 0,
      nextTryTick: this.tick,
      trouble: `${CANNOT_UPGRADE_AGAIN}: nothing was checked yet`,
      checkTicks: 0,
      healthyTicks: 0,
      dialTicksLeft: 0,
      isCheckedSinceDial: false,
      isSilent: false,
      hasCommitted: false,
    };
    this.#take({ kind: 'spawned' });
  }
}

export const TICKS = { minute: 12, hour: HOUR_TICKS, day: 24 * HOUR_TICKS } as const;
