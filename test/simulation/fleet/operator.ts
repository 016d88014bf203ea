/*
 * Whoever operates the fleet: uses the coordinator's own handlers, at any time, whether it makes sense or not. Expected
 * refusals are expected; anything else is a defect.
 */
import { CodedError } from '@moult/core/errors';
import type { CommandTable } from '@moult/store';
import type { SeededRandom } from '../seeded-random.ts';
import type { SimRelease } from '../versions.ts';
import type { FleetHost } from './oracle.ts';
import type { RealCoordinator } from './real-coordinator.ts';

export interface OperatorOptions {
  readonly coordinator: RealCoordinator;
  readonly random: SeededRandom;
  readonly hosts: readonly FleetHost[];
  /** Of agents and launchers, in the order in which they were published. */
  readonly releases: readonly SimRelease[];
  readonly fail: (invariant: string, message: string) => void;
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
]);

const ACTIONS = {
  'choose for the fleet': 4,
  'choose for a group': 1,
  'choose for one': 2,
  'withdraw a choice': 2,
  upgrade: 5,
  'upgrade by force': 2,
  'upgrade the launcher': 1,
  pause: 2,
  resume: 2,
  restart: 1,
  clear: 1,
  revoke: 4,
  skip: 5,
  why: 1,
  adopt: 2,
} as const;

type Action = keyof typeof ACTIONS;
type ChoiceHandler = 'setFleetDesired' | 'setGroupDesired' | 'setAgentDesired';

export class Operator {
  readonly #options: OperatorOptions;

  constructor(options: OperatorOptions) {
    this.#options = options;
  }

  /** Something, perhaps to the wrong agent at the wrong time. Answers may never come: the coordinator may be killed. */
  actOnce(): void {
    void this.#do(this.#options.random.weighted(ACTIONS));
  }

  /** Everything that a person can free is freed. */
  async free(): Promise<void> {
    const { hosts } = this.#options;
    await this.#call('adoptCoordinator', { body: WHY });
    for (const { name } of hosts)
      await this.#call('validateAgent', { params: { name }, body: WHY });
    const agents = hosts.map(({ name }) => name);
    for (const action of ['clear', 'resume'] as const) {
      await this.#call('controlAgents', { body: { ...WHY, action, agents } });
    }
    // An order by hand for what a host has refused stands, before every choice, until somebody takes it back.
    for (const { id, hold_reason: reason } of await this.#open()) {
      if (reason === 'refused-here') await this.#call('skipCommand', { params: { id }, body: WHY });
    }
  }

  async chooseForAll(release: SimRelease): Promise<void> {
    const { hosts } = this.#options;
    const { component } = release;
    for (const { name, group } of hosts) {
      await this.#withdraw('setAgentDesired', { name }, component);
      await this.#withdraw('setGroupDesired', { group }, component);
    }
    const body = { ...WHY, version: release.slot.version };
    await this.#call('setFleetDesired', { params: { component }, body });
  }

  #do(action: Action): Promise<void> {
    const { random, hosts } = this.#options;
    const { name, group } = random.pick(hosts);
    const agents = random.chance(0.3) ? hosts.map((host) => host.name) : [name];
    this.#options.trace('operator', { action, name });
    switch (action) {
      case 'choose for the fleet':
        return this.#choose('setFleetDesired', {});
      case 'choose for one':
        return this.#choose('setAgentDesired', { name });
      case 'choose for a group':
        return this.#choose('setGroupDesired', { group });
      case 'withdraw a choice':
        return random.chance(0.5)
          ? this.#withdraw('setGroupDesired', { group })
          : this.#withdraw('setAgentDesired', { name });
      case 'upgrade':
      case 'upgrade by force':
        return this.#upgrade(name, { component: 'agent', isForced: action !== 'upgrade' });
      case 'upgrade the launcher':
        return this.#upgrade(name, { component: 'launcher', isForced: false });
      case 'pause':
      case 'resume':
      case 'restart':
      case 'clear':
        return this.#call('controlAgents', { body: { ...WHY, action, agents } });
      case 'revoke':
      case 'skip':
        return this.#takeBack(action);
      case 'adopt':
        return this.#call('adoptCoordinator', { body: WHY });
      case 'why':
        return this.#call('whyAgent', { params: { name } });
    }
  }

  #choose(handler: ChoiceHandler, names: object): Promise<void> {
    const release = this.#release('agent');
    const params = { ...names, component: 'agent' };
    return this.#call(handler, { params, body: { ...WHY, version: release.slot.version } });
  }

  #withdraw(
    handler: ChoiceHandler,
    names: object,
    component: SimRelease['component'] = 'agent',
  ): Promise<void> {
    return this.#call(handler, {
      params: { ...names, component },
      body: { ...WHY, version: null },
    });
  }

  #upgrade(
    name: string,
    of: { readonly component: SimRelease['component']; readonly isForced: boolean },
  ): Promise<void> {
    const { version } = this.#release(of.component).slot;
    return this.#call('upgradeAgent', { params: { name }, body: { ...WHY, ...of, version } });
  }

  async #takeBack(action: 'revoke' | 'skip'): Promise<void> {
    const open = await this.#open();
    if (open.length === 0) return;
    const params = { id: this.#options.random.pick(open).id };
    const handler = action === 'revoke' ? 'revokeCommand' : 'skipCommand';
    await this.#call(handler, { params, body: WHY });
  }

  async #open(): Promise<readonly CommandTable[]> {
    const page = { agent: null, state: 'open', before: null, limit: 1_000 } as const;
    return (await this.#options.coordinator.process?.store.read('commandPage', page)) ?? [];
  }

  #release(component: SimRelease['component']): SimRelease {
    const { random, releases } = this.#options;
    return random.pick(releases.filter((release) => release.component === component));
  }

  async #call(name: string, request: object): Promise<void> {
    const { coordinator, fail, trace } = this.#options;
    const handlers = coordinator.process?.handlers as unknown as
      | Readonly<Record<string, (request: object) => Promise<unknown>>>
      | undefined;
    if (handlers === undefined) return;
    const handler = handlers[name];
    if (handler === undefined) throw new Error(`the coordinator has no handler ${name}`);
    try {
      await handler({ params: {}, query: {}, caller: CALLER, ...request });
    } catch (error) {
      const code = error instanceof CodedError ? error.code : 'internal';
      trace('operator is answered', { name, code, error: String(error) });
      if (!EXPECTED.has(code)) fail('C7', `${name}: ${String(error)}`);
    }
  }
}

const WHY = { why: 'because' };
const CALLER = { principal: 'ann', role: 'admin' } as const;
