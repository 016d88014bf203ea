/*
 * docs/spec/rollout.md, held against what is committed and against what the agents themselves run. It reads the few rows
 * that are new after each step, counts by itself, and calls nothing of what it judges.
 */
import { Beginnings } from './beginnings.ts';
import { Chosen } from './chosen.ts';
import type { Change, Journal } from './journal.ts';
import { againstEnd, againstOpening } from './judged-anew.ts';
import {
  ACTIVE,
  beginAnew,
  countedIn,
  countOf,
  FAILURES,
  GOES_BACK,
  isTooMuch,
  type KnownMember,
  type KnownRollout,
  mayGo,
  mayHalt,
  miscounted,
  newRollout,
  ROLLOUT_GOES,
  raise,
  resume,
  specIn,
  WENT_THROUGH,
} from './known.ts';
import type { LightAgent, Watch } from './light-agent.ts';
import type { Job } from './light-upgrade.ts';
import { Orders } from './orders.ts';

export interface RolloutOracleOptions {
  readonly agents: readonly LightAgent[];
  readonly nowMs: () => number;
  readonly fail: (invariant: string, message: string) => void;
  /** Something happened of which a run should have seen every kind. */
  readonly met: (what: string) => void;
  readonly trace: (what: string, detail?: unknown) => void;
}

type Of<K extends Change['on']> = Extract<Change, { readonly on: K }>;

/** RO23 */
const FETCHES_MAX = 50;

export class RolloutOracle implements Watch {
  readonly rollouts = new Map<string, KnownRollout>();
  readonly #options: RolloutOracleOptions;
  readonly #byInstance = new Map<string, LightAgent>();
  readonly #memberOf = new Map<string, KnownMember>();
  readonly #orders: Orders;
  readonly chosen = new Chosen();
  readonly #beginnings: Beginnings;
  /** Of those whoever cancelled was told that they were stopped. */
  #stopped = new Set<string>();
  #unmoved = new Set<string>();
  /** RO35: halted in what is looked at now. */
  readonly #sendsBack = new Set<KnownRollout>();
  #journal: Journal | null = null;
  isHolding = false;

  constructor(options: RolloutOracleOptions) {
    this.#options = options;
    const { rollouts } = this;
    this.#orders = new Orders({
      ...options,
      besides: (command) => this.chosen.besides(command, rollouts.values()),
      agentOf: (instance) => this.#byInstance.get(instance),
      ofCommand: (id) => {
        const member = this.#memberOf.get(id);
        const rollout = rollouts.get(member?.rollout ?? '');
        return member === undefined || rollout === undefined ? null : { member, rollout };
      },
    });
    this.#beginnings = new Beginnings({
      ...{ ...options, rollouts, nameOf: (instance) => this.#nameOf(instance) },
      formerOf: (instance, command) =>
        this.#byInstance.get(instance)?.upgrade.formers.get(command)?.version,
    });
  }

  knows(agent: LightAgent): void {
    this.#byInstance.set(agent.instanceId, agent);
  }

  /** Another database is in place: what it has is where it begins. */
  begin(journal: Journal, isEmpty: boolean): void {
    this.#journal = journal;
    if (isEmpty) return;
    for (const map of [this.rollouts, this.#memberOf, this.#orders, this.chosen]) map.clear();
    this.#stopped = new Set();
    for (const change of journal.all()) this.#take(change, true);
    this.#unmoved.clear();
    for (const rollout of this.rollouts.values()) beginAnew(rollout, this.#options.nowMs());
  }

  /** Reads what is new. */
  look(): void {
    const news = this.#journal?.news() ?? [];
    for (const change of news) this.#take(change, false);
    for (const wave of this.#unmoved)
      this.#fail('RO3', `a member moved, its wave did not: ${wave}`);
    this.#unmoved.clear();
    for (const { name, members } of this.#sendsBack)
      for (const member of members.values())
        if (member.state === 'done')
          this.#fail('RO35', `${name} is halted, and ${this.#name(member)} is not to go back`);
    this.#sendsBack.clear();
    this.#beginnings.settle();
  }

  /** RO43: by a person, before it is. */
  startOrdered(name: string): void {
    this.#beginnings.startOrdered(name);
  }

  startRefused(name: string): void {
    this.#beginnings.startRefused(name);
  }

  close(): void {
    this.#journal?.close();
    this.#journal = null;
  }

  wentDown(agent: LightAgent, job: Job): void {
    const command = this.#orders.commands.get(job.commandId);
    if (command === undefined || command.origin === 'manual') return;
    const { agents, nowMs } = this.#options;
    const down = this.#orders.places.againstDown(agent, { agents, nowMs: nowMs() });
    if (down !== null) this.#fail('RO1', down);
  }

  switched(agent: LightAgent, { commandId }: Job): void {
    const isOf = `${agent.name} switches for ${commandId}`;
    if (!this.#orders.isLetToSwitch(commandId))
      this.#fail('C12', `${isOf}, which nobody permitted`);
    if (this.#stopped.has(commandId)) this.#fail('RO10', `${isOf}, and was said to be stopped`);
  }

  /** RO33: nobody has to hurry for it. */
  isStanding(command: string): boolean {
    const { state } = this.rollouts.get(this.#memberOf.get(command)?.rollout ?? '') ?? {};
    return state === 'paused' || state === 'halted';
  }

  isUpgrading(command: string): boolean {
    const member = this.#memberOf.get(command);
    return member?.command === command && member.state === 'upgrading';
  }

  /** RO10: what whoever cancels is told. */
  cancelled(
    name: string,
    answers: readonly { readonly agent: string; readonly answer: string }[],
  ): void {
    const rollout = [...this.rollouts.values()].find((one) => one.name === name);
    if (rollout === undefined) return;
    for (const { agent: agentName, answer } of answers) {
      const agent = this.#options.agents.find((one) => one.name === agentName);
      const member = rollout.members.get(agent?.instanceId ?? '');
      if (agent === undefined || member === undefined) continue;
      this.#options.met(`cancel: ${answer}`);
      const { command } = member;
      if (answer === 'stopped' && command !== null) this.#stopped.add(command);
      if (answer === 'too-late' && !this.#orders.isLetToSwitch(command ?? ''))
        this.#fail('RO10', `${agentName} is too late, and was never permitted to switch`);
      if (answer === 'done' && !agent.upgrade.hasDone(command ?? ''))
        this.#fail('RO10', `${agentName} is said to be done, and is not`);
    }
  }

  #take(change: Change, isOld: boolean): void {
    if (!isOld) this.#options.trace('committed', change);
    switch (change.on) {
      case 'rollout':
        this.#rollout(change, isOld);
        return;
      case 'member':
        this.#member(change, isOld);
        return;
      case 'gone':
        this.#gone(change);
        return;
      case 'wave':
        this.#wave(change);
        return;
      case 'command':
        this.#orders.changed(change, isOld);
        return;
      case 'grant':
        this.#orders.granted(change);
        return;
      case 'group':
        this.#orders.places.limits.set(change.group, {
          max: change.max,
          sinceMs: this.#options.nowMs(),
        });
        return;
      case 'agent':
        for (const agent of this.#options.agents)
          if (agent.name === change.name) agent.group = change.group;
        return;
      case 'choice':
        this.chosen.changed(change);
        return;
      case 'kept':
        if (change.key === 'maintenance') this.#orders.isInMaintenance = change.isThere === 1;
        return;
      case 'life':
        this.isHolding = change.adopted === 0;
    }
  }

  #rollout(change: Of<'rollout'>, isOld: boolean): void {
    const { id, name, state, from } = change;
    const known = this.rollouts.get(id);
    if (known === undefined) {
      const made = newRollout(change, isOld);
      this.rollouts.set(id, made);
      if (!isOld) this.#beginnings.made(made);
      return;
    }
    const { state: before } = known;
    Object.assign(known, { ...change, spec: specIn(change.spec) });
    if (isOld || from === state) return;
    this.#options.met(`rollout: ${from} → ${state}`);
    if (ROLLOUT_GOES[before]?.includes(state) !== true)
      this.#fail('RO3', `${name} goes from ${before} to ${state}`);
    if (state === 'running') this.#runs(known, from);
    else if (state === 'halted' && !known.isUncertain && !mayHalt(known))
      this.#fail('RO4', `${name} is halted, and no more failed than may`);
    else if (state === 'halted' && known.spec?.rollBack === 'all') this.#sendsBack.add(known);
    else if (state === 'ended') this.#ended(known);
  }

  #runs(rollout: KnownRollout, from: string | null): void {
    if (from === 'pending') {
      this.#beginnings.starts(rollout);
    } else resume(rollout);
    rollout.doneAtResume = countOf(rollout, 'done');
  }

  #ended(rollout: KnownRollout): void {
    for (const { invariant, why } of againstEnd(rollout, this.#options.nowMs()))
      this.#fail(invariant, `${rollout.name} has ended${why}`);
  }

  #member(change: Of<'member'>, isOld: boolean): void {
    const rollout = this.rollouts.get(change.rollout);
    if (rollout === undefined) {
      this.#fail('RO3', `a member of no rollout: ${change.rollout}`);
      return;
    }
    const known = rollout.members.get(change.instance);
    const { instance, group, wave, state, command } = change;
    const member = known ?? {
      rollout: rollout.id,
      instance,
      group,
      wave,
      state: '',
      command: null,
      ...{ wasParked: false, wasRetried: false, isGone: false },
    };
    const from = member.state;
    this.#orders.places.moves(member, rollout.component, group);
    rollout.members.set(instance, member);
    const given = member.command;
    member.command = command;
    if (command !== null) this.#memberOf.set(command, member);
    if (from === state) return;
    if (!isOld && from !== '') {
      this.#options.met(`member: ${from} → ${state}`);
      if (!mayGo(rollout, from, state))
        this.#fail('RO3', `${this.#name(member)} goes from ${from} to ${state}`);
      if (from === 'waiting' && state === 'upgrading') this.#starts(rollout, member);
      if (state === 'done') this.#done(rollout, member, from);
      if (from === 'done' && state === 'failed' && this.#byInstance.get(instance)?.hasSpokenLately)
        this.#fail('RO36', `${this.#name(member)} is said to be gone, and has spoken`);
      if (state === 'rolling-back') this.#goesBack(rollout, member, given);
      if (GOES_BACK.has(from) && state === 'failed') rollout.isWayBackLost = true;
    }
    this.#count(rollout, member, state);
    if (!isOld && from === '') this.#isChosen(rollout, member, 'RO51');
    if (!isOld && from === '') this.#beginnings.joined(rollout, member, this.#name(member));
  }

  #gone({ rollout: id, instance }: Of<'gone'>): void {
    const rollout = this.rollouts.get(id);
    const member = rollout?.members.get(instance);
    if (rollout === undefined || member === undefined) return;
    if (ACTIVE.has(rollout.state))
      this.#fail('RO3', `${this.#name(member)} is in ${rollout.name} no more, and has no end`);
    rollout.members.delete(instance);
    this.#beginnings.left(rollout, instance);
    raise(rollout.counts, `${member.wave} ${member.state}`, -1);
  }

  #count(rollout: KnownRollout, member: KnownMember, state: string): void {
    const { wave, instance, state: from } = member;
    member.state = state;
    if (from !== '') raise(rollout.counts, `${wave} ${from}`, -1);
    raise(rollout.counts, `${wave} ${state}`, 1);
    if (!countedIn(rollout).includes(state)) rollout.forgiven.delete(instance);
    member.isGone = state === 'failed' && (from === 'done' || GOES_BACK.has(from));
    if (state === 'parked') member.wasParked = true;
    if (state === 'waiting') member.wasParked = false;
    if (FAILURES.has(from) && state === 'waiting') member.wasRetried = true;
    // RO5: who comes late does not make a wave soak anew.
    const isLate = member.wasParked && rollout.lastWentMs.has(wave);
    if (WENT_THROUGH.has(state) && !isLate) rollout.lastWentMs.set(wave, this.#options.nowMs());
    this.#orders.places.moved(member, rollout.component);
    this.#unmoved.add(`${rollout.id} ${wave}`);
  }

  #isChosen(rollout: KnownRollout, member: KnownMember, invariant: string): void {
    const agent = this.#byInstance.get(member.instance);
    const against = agent === undefined ? null : this.chosen.against(rollout, agent);
    if (against !== null) this.#fail(invariant, `${agent?.name} is ${against}`);
    else if (rollout.origin === 'choice') this.#options.met('choice: goes');
  }

  #starts(rollout: KnownRollout, member: KnownMember): void {
    const who = `${this.#name(member)} starts in ${rollout.name}`;
    const { spec } = rollout;
    if (!member.wasRetried) this.#isChosen(rollout, member, 'RO52');
    if (rollout.state !== 'running') this.#fail('RO2', `${who}, which is ${rollout.state}`);
    if (this.isHolding) this.#fail('RO6', `${who}, and nobody has adopted this store`);
    if (this.#orders.isInMaintenance)
      this.#fail('C24', `${who}, and the coordinator is in maintenance`);
    if (spec === null) {
      this.#fail('RO6', `${who}, whose spec nobody can read`);
      return;
    }
    const taken = this.#orders.places.againstStart(member.group, rollout.component);
    if (spec.pace === 'now' && taken !== null) this.#fail('RO1', `${who}: ${taken}`);
    if (spec.pace !== 'now' && countOf(rollout, 'upgrading') >= FETCHES_MAX)
      this.#fail('RO23', `${who}, where ${FETCHES_MAX} fetch`);
    if (!rollout.isUncertain && isTooMuch(rollout).halts)
      this.#fail('RO4', `${who}, where too many have failed`);
    if (spec.pauseAfter !== null) {
      const done = countOf(rollout, 'done') - rollout.doneAtResume;
      if (done + countOf(rollout, 'upgrading') >= spec.pauseAfter)
        this.#fail('RO9', `${who}: ${done} are done, and it was to pause after ${spec.pauseAfter}`);
    }
    if (member.wave > 0 && !rollout.begun.has(member.wave)) this.#opens(rollout, member.wave, who);
    rollout.begun.add(member.wave);
  }

  /** RO5, RO6 */
  #opens(rollout: KnownRollout, wave: number, who: string): void {
    this.#options.met(rollout.approved.has(wave) ? 'wave: opens approved' : 'wave: opens');
    for (const { invariant, why } of againstOpening(rollout, wave, this.#options.nowMs()))
      this.#fail(invariant, `${who}${why}`);
  }

  /** RO35: by its own word, where it has one. */
  #goesBack(rollout: KnownRollout, member: KnownMember, given: string | null): void {
    const to = this.#orders.commands.get(member.command ?? '')?.version;
    const former = this.#byInstance.get(member.instance)?.upgrade.formers.get(given ?? '')?.version;
    const wanted = rollout.spec?.rollBackTo ?? former;
    if (rollout.wasRestored || given === member.command) return;
    if (wanted === undefined || to === wanted) return;
    this.#fail('RO35', `${this.#name(member)} goes back to ${to}, and ran ${former} before`);
  }

  /** RO7: by what the host itself has committed, or made ready where that was all. */
  #done(rollout: KnownRollout, member: KnownMember, from: string): void {
    const agent = this.#byInstance.get(member.instance);
    // RO35: it keeps what it had; its order may be the one that was to take it back.
    if (GOES_BACK.has(from) && agent?.upgrade.versions.has(rollout.version)) return;
    if (agent?.upgrade.hasDone(member.command ?? '') === true) return;
    this.#fail('RO7', `${this.#name(member)} is done, and runs ${agent?.upgrade.runs.version}`);
  }

  #wave({ rollout: id, wave, approved, counts }: Of<'wave'>): void {
    const rollout = this.rollouts.get(id);
    if (rollout === undefined) return;
    this.#unmoved.delete(`${id} ${wave}`);
    if (approved === 1) rollout.approved.add(wave);
    for (const why of miscounted(rollout, { wave, counts })) this.#fail('RO3', why);
  }

  #name({ instance }: KnownMember): string {
    return this.#nameOf(instance);
  }

  #nameOf(instance: string): string {
    return this.#byInstance.get(instance)?.name ?? instance;
  }

  #fail(invariant: string, message: string): void {
    this.#options.fail(invariant, message);
  }
}
