/* A fleet in groups, one rollout over it, and hosts that answer as a test says. */
import { ARRIVING_MS, DEFAULT_SPEC, type RolloutSpec } from '@moult/core/rollout';
import type { Store } from '../../src/index.ts';
import { D2, enroll, finish, NOW, order, report, session } from './rows.ts';
import { makeToken } from './tokens.ts';

export class Fleet {
  readonly #store: Store;
  readonly #ids = new Map<string, string>();
  readonly #sequences = new Map<string, number>();
  rollout = '';
  /** What the next one is made for, as it was written; null: agents by name. */
  selector: string | null = null;

  private constructor(store: Store) {
    this.#store = store;
  }

  /** All of version 1.0.0, Up. */
  static async of(
    store: Store,
    groups: Readonly<Record<string, readonly string[]>>,
  ): Promise<Fleet> {
    const fleet = new Fleet(store);
    for (const [group, names] of Object.entries(groups)) {
      for (const name of names) {
        const token = await makeToken(store, { group, validates: true });
        const made = await enroll(store, { tokenId: token.id, name, publicKey: name });
        await session(store, { instanceId: made.instanceId, counter: 1 });
        await report(store, made.instanceId, []);
        fleet.#ids.set(name, made.instanceId);
      }
    }
    return fleet;
  }

  id(name: string): string {
    return this.#ids.get(name) ?? '';
  }

  async make(set: Partial<RolloutSpec>, names: readonly string[] = [...this.#ids.keys()]) {
    const spec = { ...DEFAULT_SPEC, component: 'agent', version: '2.0.0', ...set } as const;
    const agents = names.map((name) => ({ instanceId: this.id(name), isConnected: true }));
    return await this.#store.write('createRollout', {
      ...order,
      ...{ spec, name: null, selector: this.selector, agents },
    });
  }

  async rollOut(set: Partial<RolloutSpec>, names?: readonly string[]): Promise<void> {
    const { id } = await this.make(set, names);
    await this.#store.write('startRollout', { ...order, rollout: id });
    this.rollout = id;
    await this.step();
  }

  async step(): Promise<void> {
    await this.#store.write('stepRollout', { id: this.rollout, nowMs: NOW });
  }

  async view() {
    return (await this.#store.read('rolloutView', this.rollout)).row;
  }

  async states(): Promise<Readonly<Record<string, string>>> {
    const page = { rollout: this.rollout, state: null, after: null, limit: 100 };
    const rows = await this.#store.read('rolloutMembers', page);
    return Object.fromEntries(rows.map((row) => [row.agent_name, row.state]));
  }

  async commandOf(name: string): Promise<string> {
    const page = { agent: name, state: 'open', before: null, limit: 1 } as const;
    const [command] = await this.#store.read('commandPage', page);
    return command?.id ?? '';
  }

  /** Its command goes out; gives what holds it, or null. */
  async send(
    name: string,
    { isConnected = true, listeningMs = ARRIVING_MS } = {},
  ): Promise<string | null> {
    const { open } = await this.#store.write('dispatch', {
      instanceId: this.id(name),
      isConnected,
      listeningSinceMs: NOW - listeningMs,
      nowMs: NOW,
      resends: false,
    });
    return open[0]?.hold_reason ?? null;
  }

  async finish(
    name: string,
    end: { readonly attests: boolean; readonly outcome?: string },
  ): Promise<void> {
    const instanceId = this.id(name);
    const sequence = (this.#sequences.get(name) ?? 0) + 1;
    this.#sequences.set(name, sequence);
    const page = { agent: name, state: 'open', before: null, limit: 1 } as const;
    const [command] = await this.#store.read('commandPage', page);
    if (command === undefined) throw new Error(`nothing is open for ${name}`);
    if (end.attests) {
      await session(this.#store, {
        instanceId,
        counter: sequence + 1,
        commandNonce: command.nonce,
        slot: { version: '2.0.0', digest: D2 },
      });
    }
    await finish(this.#store, {
      ...{ instanceId, commandId: command.id, sequence },
      ...(end.outcome === undefined ? {} : { outcome: end.outcome }),
    });
  }
}
