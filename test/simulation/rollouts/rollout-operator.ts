/*
 * Who rolls out: uses the coordinator's own handlers at any time, whether it makes sense or not. Expected refusals are
 * expected; anything else is a defect.
 */
import type { Rollout } from '@moult/api';
import { CodedError } from '@moult/core/errors';
import type { CommandTable } from '@moult/store';
import type { RealCoordinator } from '../fleet/real-coordinator.ts';
import type { SeededRandom } from '../seeded-random.ts';
import { drawSpec } from './draw-spec.ts';
import type { LightAgent } from './light-agent.ts';
import type { LightRelease } from './light-releases.ts';
import type { RolloutOracle } from './oracle.ts';

export interface RolloutOperatorOptions {
  readonly coordinator: RealCoordinator;
  readonly random: SeededRandom;
  readonly agents: readonly LightAgent[];
  readonly releases: readonly LightRelease[];
  readonly oracle: () => RolloutOracle;
  readonly tamper: (rollout: string) => void;
  readonly fail: (invariant: string, message: string) => void;
  readonly met: (what: string) => void;
  readonly trace: (what: string, detail?: unknown) => void;
}

/** What an operator may be answered without anything being wrong. */
const EXPECTED: ReadonlySet<string> = new Set([
  'not-found',
  'command-ended',
  'too-late',
  'no-desired-version',
  'desired-version-invalid',
  'disk-full',
  'store-closed',
  'not-restored',
  'nothing-selected',
  'rollout-empty',
  'rollout-plan-stale',
  'rollout-not-approved',
  'second-principal-needed',
  'rollout-split-invalid',
  'rollout-exists',
  'rollout-overlaps',
  'rollout-owns-agent',
  'rollout-state',
  'agents-in-flight',
  'agent-in-flight',
  'rollout-start-past',
]);

const ACTIONS = {
  'create and start': 12,
  create: 3,
  start: 3,
  pause: 5,
  resume: 8,
  approve: 8,
  cancel: 2,
  'skip an agent': 3,
  retry: 4,
  'set a group': 3,
  'upgrade by hand': 2,
  'take back a command': 2,
  'pause an agent': 1,
  'resume an agent': 2,
  'remove an agent': 0.3,
  'release a quarantine': 1,
  adopt: 2,
  'write a spec of tomorrow': 0.5,
} as const;

type Action = keyof typeof ACTIONS;

export class RolloutOperator {
  readonly #options: RolloutOperatorOptions;
  /** By a choice, and not by a rollout of a person. */
  choosesLast = false;
  /** Name of the last rollout. */
  last = LAST;
  /** It was ordered once: a backup may bring it again. */
  #isMaintained = false;

  constructor(options: RolloutOperatorOptions) {
    this.#options = options;
  }

  actOnce(): void {
    const action = this.#options.random.weighted(ACTIONS);
    this.#options.trace('operator', action);
    void this.#do(action);
  }

  begin(): void {
    void this.#do('create and start');
  }

  async adopt(): Promise<void> {
    await this.call('adoptCoordinator', { body: WHY });
    if (this.#isMaintained)
      await this.call('setMaintenance', { body: { ...WHY, isOn: false, waits: false } });
    if (this.last === LAST && this.#options.oracle().chosen.isAny) await this.#chooseNothing();
    for (const { name, isRemoved } of this.#options.agents) {
      if (isRemoved) continue;
      await this.call('releaseQuarantine', { params: { name }, body: WHY });
      await this.call('validateAgent', { params: { name }, body: WHY });
    }
    const agents = this.#living.map(({ name }) => name);
    if (agents.length > 0)
      await this.call('controlAgents', { body: { ...WHY, action: 'resume', agents } });
  }

  /** Whatever a rollout waits a person for. */
  async help(): Promise<void> {
    for (const rollout of await this.#rollouts()) {
      const params = { rollout: rollout.name };
      const request = { params, body: WHY };
      if (rollout.spec === null) await this.call('cancelRollout', request);
      else if (rollout.state === 'paused' || rollout.state === 'halted')
        await this.call('resumeRollout', request);
      else if (rollout.state === 'running' && NEEDS_APPROVAL.has(rollout.waitsFor?.reason ?? ''))
        await this.call('approveRollout', request);
    }
    for (const { id, instance_id: instance, hold_reason: reason } of await this.#open()) {
      const agent = this.#options.agents.find(({ instanceId }) => instanceId === instance);
      // A store that was put back knows it still; its host was told, and never comes.
      if (agent?.isRemoved === true)
        await this.call('removeAgents', { body: { ...WHY, agents: [agent.name] } });
      else if (STANDING.has(reason ?? ''))
        await this.call('revokeCommand', { params: { id }, body: WHY });
    }
  }

  /** Agents that failed would be ordered anew for days. */
  async #chooseNothing(): Promise<void> {
    const body = { ...WHY, version: null };
    await this.call('setFleetDesired', { params: { component: 'agent' }, body });
    for (const group of new Set(this.#options.agents.map((agent) => agent.group)))
      await this.call('setGroupDesired', { params: { group, component: 'agent' }, body });
  }

  async rollOutToAll(version: string): Promise<void> {
    for (const { name, state } of await this.#rollouts())
      if (BEFORE_START.has(state))
        await this.call('cancelRollout', { params: { rollout: name }, body: WHY });
    if (this.choosesLast) {
      const request = { params: { component: 'agent' }, body: { ...WHY, version } };
      const made = (await this.call('setFleetDesired', request)) as Made | null;
      this.last = made?.rollout?.name ?? '';
      return;
    }
    const agents = this.#living.map(({ name }) => name);
    const spec = { waves: [{ kind: 'rest' }] };
    const body = { ...WHY, component: 'agent', version, name: LAST, agents, spec };
    await this.call('createRollout', { body });
    const start = { params: { rollout: LAST }, body: { ...WHY, asPlanned: true } };
    await this.call('startRollout', start);
  }

  #do(action: Action): Promise<unknown> {
    const { random, agents } = this.#options;
    const { name, group } = random.pick(agents);
    switch (action) {
      case 'create':
      case 'create and start':
        return this.#create(action !== 'create');
      case 'start':
        return this.#act('startRollout', {}, { asPlanned: random.chance(0.5) });
      case 'pause':
      case 'resume':
      case 'approve':
      case 'retry':
        return this.#act(`${action}Rollout`);
      case 'cancel':
        return this.#cancel();
      case 'skip an agent':
        return this.#act('skipRolloutAgent', { agent: name });
      case 'set a group': {
        const unavailableMax = Number(random.weighted({ 1: 3, 2: 3, 5: 1, 20: 1 }));
        return this.call('setGroup', { params: { group }, body: { ...WHY, unavailableMax } });
      }
      case 'upgrade by hand': {
        const body = { ...WHY, component: 'agent', isForced: random.chance(0.3) };
        const { version } = random.pick(this.#options.releases);
        return this.call('upgradeAgent', { params: { name }, body: { ...body, version } });
      }
      case 'take back a command':
        return this.#takeBack(random.chance(0.5) ? 'revokeCommand' : 'skipCommand');
      case 'pause an agent':
      case 'resume an agent': {
        const control = action === 'pause an agent' ? 'pause' : 'resume';
        return this.call('controlAgents', { body: { ...WHY, action: control, agents: [name] } });
      }
      case 'remove an agent':
        return this.call('removeAgents', { body: { ...WHY, agents: [name] } });
      case 'release a quarantine':
        return this.call('releaseQuarantine', { params: { name }, body: WHY });
      case 'adopt':
        return this.call('adoptCoordinator', { body: WHY });
      case 'write a spec of tomorrow':
        return this.#tamper();
    }
  }

  async #create(isStarted: boolean): Promise<void> {
    const { random, releases } = this.#options;
    const { group } = random.pick(this.#options.agents);
    const some = this.#living.filter(() => random.chance(0.4)).map(({ name }) => name);
    const target =
      random.chance(0.25) && some.length > 0
        ? { agents: some }
        : { select: random.chance(0.7) ? 'agent=*' : `group=${group}` };
    const { version } = random.pick(releases);
    const drawn = drawSpec(random);
    // Agents by name are those, and nobody else.
    const spec = 'agents' in target ? { ...drawn, takesLateJoiners: false } : drawn;
    const body = { ...WHY, ...target, component: 'agent', version, spec };
    const made = await this.call('createRollout', { body });
    if (made === null || !isStarted) return;
    const { name: rollout } = made as Rollout;
    await this.#start(rollout);
  }

  async #start(rollout: string): Promise<void> {
    const body = { ...WHY, asPlanned: this.#options.random.chance(0.5) };
    await this.call('startRollout', { params: { rollout }, body });
  }

  async #act(handler: string, more: object = {}, body: object = {}): Promise<void> {
    const all = await this.#rollouts();
    if (all.length === 0) return;
    const params = { rollout: this.#options.random.pick(all).name, ...more };
    await this.call(handler, { params, body: { ...WHY, ...body } });
  }

  async #cancel(): Promise<void> {
    const all = await this.#rollouts();
    if (all.length === 0) return;
    const { name: rollout } = this.#options.random.pick(all);
    const done = await this.call('cancelRollout', { params: { rollout }, body: WHY });
    if (done === null) return;
    const { agents } = done as { agents: readonly { agent: string; answer: string }[] };
    this.#options.oracle().look();
    this.#options.oracle().cancelled(rollout, agents);
  }

  async #tamper(): Promise<void> {
    const all = (await this.#rollouts()).filter(({ state }) => state === 'pending');
    if (all.length > 0) this.#options.tamper(this.#options.random.pick(all).id);
  }

  async #takeBack(handler: 'revokeCommand' | 'skipCommand'): Promise<void> {
    const open = await this.#open();
    if (open.length === 0) return;
    const params = { id: this.#options.random.pick(open).id };
    await this.call(handler, { params, body: WHY });
  }

  get #living(): readonly LightAgent[] {
    return this.#options.agents.filter(({ isRemoved }) => !isRemoved);
  }

  /** Those that are not over, and the newest that is. */
  async #rollouts(): Promise<readonly Rollout[]> {
    return (await this.all()).filter(({ state }, index) => index === 0 || !OVER.has(state));
  }

  async all(): Promise<readonly Rollout[]> {
    const found = await this.call('listRollouts', { query: { limit: 20 } });
    return (found as { readonly rollouts: readonly Rollout[] } | null)?.rollouts ?? [];
  }

  async #open(): Promise<readonly CommandTable[]> {
    const page = { agent: null, state: 'open', before: null, limit: 1_000 } as const;
    return (await this.#options.coordinator.process?.store.read('commandPage', page)) ?? [];
  }

  #isUnread(request: { readonly params?: { readonly rollout?: string } }): boolean {
    const oracle = this.#options.oracle();
    oracle.look();
    const known = [...oracle.rollouts.values()];
    return known.some(({ name, spec }) => name === request.params?.rollout && spec === null);
  }

  #note(name: string, request: Noted): void {
    const { body } = request;
    if (name === 'setMaintenance') this.#isMaintained = true;
    if (name === 'startRollout' && body?.startsMs === undefined)
      this.#options.oracle().startOrdered(nameIn(request));
  }

  /** Null: refused as may be, or there is nobody who answers. */
  async call(name: string, request: object): Promise<unknown> {
    const { coordinator, fail, trace, met } = this.#options;
    const handlers = coordinator.process?.handlers as unknown as
      | Readonly<Record<string, (request: object) => Promise<unknown>>>
      | undefined;
    if (handlers === undefined) return null;
    const handler = handlers[name];
    if (handler === undefined) throw new Error(`the coordinator has no handler ${name}`);
    this.#note(name, request);
    try {
      const done = await handler({ params: {}, query: {}, caller: CALLER, ...request });
      met(`operator: ${name}`);
      return done;
    } catch (error) {
      const code = error instanceof CodedError ? error.code : 'internal';
      if (name === 'startRollout') this.#options.oracle().startRefused(nameIn(request));
      trace('operator is answered', { name, code, error: String(error) });
      met(`operator: ${name}: ${code}`);
      const isExpected = EXPECTED.has(code) || (code === UNREAD && this.#isUnread(request));
      if (!isExpected) fail('C7', `${name}: ${String(error)}`);
      return null;
    }
  }
}

interface Made {
  readonly rollout: { readonly name: string } | null;
}

interface Noted {
  readonly params?: { readonly rollout?: string };
  readonly body?: { readonly startsMs?: number };
}

function nameIn({ params }: Noted): string {
  return params?.rollout ?? '';
}

/** Of a rollout whose spec is of a later version, and of no other (RO6). */
const UNREAD = 'rollout-spec-invalid';
const LAST = 'last';
/** Nobody but a person takes back what waits for one of these. */
export const STANDING: ReadonlySet<string> = new Set(['refused-here', 'rollout-failed']);
/** They have begun with nobody. */
export const BEFORE_START: ReadonlySet<string> = new Set(['draft', 'planning', 'pending']);
const OVER: ReadonlySet<string> = new Set(['ended', 'cancelled']);
const NEEDS_APPROVAL: ReadonlySet<string> = new Set(['awaiting-approval', 'awaiting-gate']);
const WHY = { why: 'because' };
const CALLER = { principal: 'ann', role: 'admin' } as const;
