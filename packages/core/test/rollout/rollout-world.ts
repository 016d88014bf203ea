/*
 * A rollout in memory, as the store keeps it, driven by the verdicts and the slots of core. What happens to it comes from
 * the test; after each thing that happens it looks at itself, by its own count, for what docs/spec/rollout.md forbids.
 */
import { expect } from 'vitest';
import {
  isActive,
  isFailure,
  type MemberState,
  ON_THE_WAY,
  type Plan,
  type RolloutEvent,
  type RolloutSpec,
  type RolloutState,
  rolloutAfter,
  slotsFree,
  stateAfterFailure,
  sumOf,
  type Verdict,
  verdictOf,
} from '../../src/rollout/index.ts';
import { statusOf } from './rollouts.ts';

export type Happening =
  | { readonly kind: 'time-passed'; readonly ms: number }
  | { readonly kind: 'ended'; readonly index: number; readonly as: MemberState }
  | {
      readonly kind: 'went' | 'came' | 'skipped' | 'failed-after' | 'stays-bad';
      readonly index: number;
    }
  | { readonly kind: 'paused' | 'resumed' | 'approved' | 'tried-again' };

const EVENT_OF = { halt: 'failures-exceeded', pause: 'paused', end: 'all-over' } as const;

const IN_FLIGHT: readonly MemberState[] = ['upgrading', 'rolling-back'];
const BACK: readonly MemberState[] = ['rolled-back', 'to-roll-back', 'rolling-back'];
const THROUGH: readonly MemberState[] = ['done', ...BACK];

interface Member {
  readonly group: string;
  readonly wave: number;
  readonly from: string | null;
  state: MemberState;
  isAway: boolean;
  /** A person resumed after it had failed. */
  isForgiven: boolean;
  hasFailed: boolean;
}

export class RolloutWorld {
  readonly #spec: RolloutSpec;
  readonly #members: readonly Member[];
  readonly #unavailableMax: Readonly<Record<string, number>>;
  readonly #waves: { lastEndMs: number | null; isApproved: boolean; hasBegun: boolean }[];
  readonly seen: Set<string> = new Set();
  state: RolloutState = 'running';
  #nowMs = 1000;
  #doneAtResume = 0;
  verdict: Verdict = { kind: 'end', isOk: true };

  constructor(of: {
    readonly spec: RolloutSpec;
    readonly plan: Plan;
    readonly unavailableMax: Readonly<Record<string, number>>;
  }) {
    this.#spec = of.spec;
    this.#unavailableMax = of.unavailableMax;
    this.#members = of.plan.members.map(({ candidate, wave }) => ({
      group: candidate.group,
      wave,
      state: 'waiting',
      isAway: !candidate.isConnected,
      isForgiven: false,
      hasFailed: false,
      from: candidate.version,
    }));
    this.#waves = of.spec.waves.map(() => ({
      lastEndMs: null,
      isApproved: false,
      hasBegun: false,
    }));
  }

  get size(): number {
    return this.#members.length;
  }

  happen(happening: Happening): void {
    this.#apply(happening);
    this.step();
  }

  #apply(happening: Happening): void {
    switch (happening.kind) {
      case 'time-passed':
        this.#nowMs += happening.ms;
        return;
      case 'ended':
        this.#endOne(happening.index, happening.as);
        return;
      case 'failed-after':
        this.#failAfter(this.#nth(happening.index, 'done'));
        return;
      case 'stays-bad':
        this.#stayBad(this.#nth(happening.index, 'rolling-back'));
        return;
      case 'skipped':
        this.#end(this.#nth(happening.index, 'waiting'), 'skipped');
        return;
      case 'went':
      case 'came': {
        const member = this.#members[happening.index % this.size];
        if (member !== undefined) member.isAway = happening.kind === 'went';
        return;
      }
      case 'paused':
      case 'resumed':
        this.#move(happening.kind);
        return;
      case 'approved':
        if (this.verdict.kind === 'wait') this.approve(this.verdict.wave);
        return;
      case 'tried-again':
        for (const member of this.#members) {
          if (!isFailure(member.state)) continue;
          member.state = 'waiting';
          member.isForgiven = false;
          member.hasFailed = false;
        }
    }
  }

  /** What the coordinator does whenever something has changed, until nothing more follows from it. */
  step(): void {
    for (let turn = 0; turn <= this.size + this.#waves.length; turn++) {
      this.#takeUp();
      this.#goBack();
      this.#look();
      if (this.state !== 'running') return;
      this.verdict = verdictOf(this.#status(), this.#nowMs);
      this.seen.add(this.verdict.kind === 'wait' ? this.verdict.reason : this.verdict.kind);
      if (this.verdict.kind === 'start') {
        if (!this.#start(this.verdict)) return;
      } else if (this.verdict.kind === 'wait') return;
      else this.#stop(this.verdict);
    }
    expect.fail('it does not come to rest');
  }

  /** Whoever it waits for does what it waits for. False: it is over. */
  help(): boolean {
    const { verdict } = this;
    if (this.state === 'ended') return false;
    if (this.state !== 'running' && this.#count('rolling-back') === 0)
      this.happen({ kind: 'resumed' });
    else if (this.#count('upgrading') + this.#count('rolling-back') > 0)
      this.happen({ kind: 'ended', index: 0, as: 'done' });
    else if (verdict.kind !== 'wait') expect.fail(`nobody upgrades, and it says ${verdict.kind}`);
    else if (verdict.untilMs !== null)
      this.happen({ kind: 'time-passed', ms: verdict.untilMs - this.#nowMs });
    else if (verdict.reason === 'agent-down')
      this.happen({
        kind: 'came',
        index: this.#members.findIndex(({ state }) => state === 'parked'),
      });
    else this.happen({ kind: 'approved' });
    return true;
  }

  approve(wave: number): void {
    const own = this.#waves[wave];
    if (own !== undefined && wave > 0) own.isApproved = true;
  }

  #stop(verdict: Extract<Verdict, { kind: 'halt' | 'pause' | 'end' }>): void {
    if (verdict.kind === 'end') {
      // RO6: of a version that nobody went through nothing is known.
      if (this.#count('parked') > 0) expect(this.#wentThrough()).not.toEqual([]);
      // RO3
      for (const state of ON_THE_WAY) expect(this.#count(state)).toBe(0);
    }
    this.#move(EVENT_OF[verdict.kind]);
  }

  #move(event: RolloutEvent): void {
    const after = rolloutAfter(this.state, event);
    if (after === null) return;
    this.state = after;
    // RO35
    if (event === 'failures-exceeded' && this.#spec.rollBack === 'all')
      for (const member of this.#members)
        if (member.state === 'done') member.state = 'to-roll-back';
    if (event !== 'resumed') return;
    for (const member of this.#members) {
      if (member.state === 'to-roll-back' && !member.hasFailed) member.state = 'done';
      member.isForgiven = this.#isCounted(member);
    }
    this.#doneAtResume = this.#count('done');
  }

  /** Of each group as many as it can spare, in their order. False: nobody. Those that are away take no room. */
  #start({ wave, atMost }: Extract<Verdict, { kind: 'start' }>): boolean {
    let left = atMost ?? Number.POSITIVE_INFINITY;
    let isAny = false;
    for (const member of this.#members) {
      if (member.state !== 'waiting' || member.wave > wave) continue;
      if (left === 0 || this.#free(member.group) === 0) continue;
      this.#lookAtStart(member);
      member.state = member.isAway ? 'parked' : 'upgrading';
      if (!member.isAway) left--;
      isAny = true;
    }
    return isAny;
  }

  /** Parked ones that came: by the queue, as any other command. */
  #takeUp(): void {
    if (this.state !== 'running' && this.state !== 'ended') return;
    for (const member of this.#members) {
      if (member.state === 'parked' && !member.isAway && this.#free(member.group) > 0)
        member.state = 'upgrading';
    }
  }

  /** Whoever upgrades, else whoever goes back. */
  #endOne(index: number, as: MemberState): void {
    const member = this.#nth(index, 'upgrading');
    if (member === undefined) {
      this.#end(this.#nth(index, 'rolling-back'), 'rolled-back');
      return;
    }
    const failure = { kind: 'trial', from: member.from } as const;
    this.#end(member, as === 'rolled-back' ? stateAfterFailure(this.#spec, failure) : as);
    member.hasFailed = isFailure(as);
  }

  #failAfter(member: Member | undefined): void {
    if (member === undefined || !isActive(this.state)) return;
    const failure = { kind: 'after-commit', from: member.from } as const;
    this.#end(member, stateAfterFailure(this.#spec, failure));
    member.hasFailed = true;
  }

  /** RO37 */
  #stayBad(member: Member | undefined): void {
    if (member === undefined) return;
    this.#end(member, 'failed');
    this.#move('failures-exceeded');
  }

  /** RO35: also while it stands. */
  #goBack(): void {
    if (!isActive(this.state)) return;
    for (const member of this.#members) {
      if (member.state === 'done' && this.state === 'halted' && this.#spec.rollBack === 'all')
        member.state = 'to-roll-back';
      if (member.state !== 'to-roll-back' || this.#free(member.group) === 0) continue;
      member.state = 'rolling-back';
      this.seen.add('went back');
    }
  }

  #isCounted({ state }: Member): boolean {
    if (state === 'failed') return true;
    return !this.#spec.goesOnAfterRollBack && BACK.includes(state);
  }

  #end(member: Member | undefined, as: MemberState): void {
    if (member === undefined) return;
    member.state = as;
    const wave = this.#waves[member.wave];
    if (wave !== undefined && (as === 'done' || isFailure(as))) wave.lastEndMs = this.#nowMs;
  }

  #look(): void {
    // RO1
    for (const [group, most] of Object.entries(this.#unavailableMax)) {
      const inFlight = this.#members.filter(
        (member) => member.group === group && IN_FLIGHT.includes(member.state),
      );
      expect(inFlight.length).toBeLessThanOrEqual(most);
    }
    // RO3
    const counts = sumOf(this.#status().waves.map((wave) => wave.counts));
    expect(Object.values(counts).reduce((sum, count) => sum + count, 0)).toBe(this.size);
  }

  #lookAtStart(member: Member): void {
    // RO2
    expect(this.state).toBe('running');
    // RO38
    if (this.#spec.goesOnAfterRollBack)
      expect(this.#count('to-roll-back') + this.#count('rolling-back')).toBe(0);
    const { pauseAfter } = this.#spec;
    // RO9: this one is the next.
    if (pauseAfter !== null && !member.isAway)
      expect(this.#count('done') - this.#doneAtResume + this.#count('upgrading')).toBeLessThan(
        pauseAfter,
      );
    const { failures, share, sample } = this.#failures();
    const { onError, failuresAllowed: allowed } = this.#spec;
    // RO4
    if (onError === 'stop') {
      if (allowed.kind === 'count') expect(failures).toBeLessThanOrEqual(allowed.max);
      else if (sample >= allowed.minimumSample) expect(share).toBeLessThanOrEqual(allowed.max);
    }
    const own = this.#waves[member.wave];
    if (own === undefined) expect.fail('it is in no wave');
    if (!own.hasBegun && member.wave > 0) this.#lookAtOpening(member.wave);
    own.hasBegun = true;
  }

  #lookAtOpening(wave: number): void {
    const { soakMs, needsApproval, successShareMin, onError, failuresAllowed } = this.#spec;
    const before = this.#members.filter((member) => member.wave < wave);
    // RO5: over, soaked, approved.
    expect(before.filter(({ state }) => ON_THE_WAY.includes(state))).toEqual([]);
    for (const { lastEndMs } of this.#waves.slice(0, wave)) {
      if (lastEndMs !== null) expect(this.#nowMs - lastEndMs).toBeGreaterThanOrEqual(soakMs);
    }
    const isApproved = this.#waves[wave]?.isApproved === true;
    if (needsApproval) expect(isApproved).toBe(true);
    if (isApproved) return;
    // RO6
    const judged = this.#wentThrough().filter((member) => member.wave === wave - 1);
    const done = judged.filter(({ state }) => state === 'done');
    expect(judged).not.toEqual([]);
    expect(done.length / judged.length).toBeGreaterThanOrEqual(successShareMin);
    if (onError === 'stop' && failuresAllowed.kind === 'share')
      expect(this.#failures().share).toBeLessThanOrEqual(failuresAllowed.max);
  }

  #failures(): { readonly failures: number; readonly share: number; readonly sample: number } {
    const all = this.#wentThrough();
    const counted = all.filter(({ isForgiven }) => !isForgiven);
    const failures = counted.filter((member) => this.#isCounted(member)).length;
    return {
      failures,
      share: counted.length === 0 ? 0 : failures / counted.length,
      sample: all.length,
    };
  }

  #status() {
    const waves = this.#waves.map(({ lastEndMs, isApproved }, wave) => {
      const counts: Partial<Record<MemberState, number>> = {};
      for (const member of this.#members) {
        if (member.wave === wave) counts[member.state] = (counts[member.state] ?? 0) + 1;
      }
      return { ...counts, lastEndMs, isApproved };
    });
    const failuresForgiven = this.#members.filter(({ isForgiven }) => isForgiven).length;
    return statusOf(waves, {
      spec: this.#spec,
      failuresForgiven,
      doneAtResume: this.#doneAtResume,
    });
  }

  #wentThrough(): readonly Member[] {
    return this.#members.filter(({ state }) => state === 'failed' || THROUGH.includes(state));
  }

  #free(group: string): number {
    const inFlight = this.#members.filter(
      (member) => member.group === group && IN_FLIGHT.includes(member.state),
    ).length;
    return slotsFree({ unavailableMax: this.#unavailableMax[group] ?? 0, inFlight });
  }

  #nth(index: number, state: MemberState): Member | undefined {
    const all = this.#members.filter((member) => member.state === state);
    return all[index % all.length];
  }

  #count(state: MemberState): number {
    return this.#members.filter((member) => member.state === state).length;
  }
}
