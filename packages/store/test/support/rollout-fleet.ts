/* A fleet in groups, one rollout over it, and hosts that answer as a test says. */
import { VANISHED_MS } from '@moult/core/command';
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

  /** Where something was freed; null: anywhere. */
  async step(groups: readonly string[] | null = null): Promise<void> {
    await this.#store.write('stepRollout', { id: this.rollout, groups, nowMs: NOW });
  }

  async view() {
    return (await this.#store.read('rolloutView', this.rollout)).row;
  }

  async states(): Promise<Readonly<Record<string, string>>> {
    return Object.fromEntries((await this.members()).map((row) => [row.agent_name, row.state]));
  }

  async commandOf(name: string): Promise<string> {
    const page = { agent: name, state: 'open', before: null, limit: 1 } as const;
    const [command] = await this.#store.read('commandPage', page);
    return command?.id ?? '';
  }

  /** How each has failed. */
  async failures(): Promise<Readonly<Record<string, string | null>>> {
    return Object.fromEntries((await this.members()).map((row) => [row.agent_name, row.failure]));
  }

  async members() {
    const page = { rollout: this.rollout, state: null, after: null, limit: 100 };
    return await this.#store.read('rolloutMembers', page);
  }

  async waves() {
    return (await this.#store.read('rolloutView', this.rollout)).waves;
  }

  /** Of its rollout, also where it has ended. */
  async lastCommandOf(name: string): Promise<string> {
    const member = (await this.members()).find((row) => row.agent_name === name);
    return member?.command_id ?? '';
  }

  /** Its command goes out; gives what holds it, or null. */
  async send(
    name: string,
    { isConnected = true, listeningMs = ARRIVING_MS, nowMs = NOW } = {},
  ): Promise<string | null> {
    const { open } = await this.#store.write('dispatch', {
      instanceId: this.id(name),
      isConnected,
      listeningSinceMs: NOW - listeningMs,
      nowMs,
      resends: false,
    });
    return open[0]?.hold_reason ?? null;
  }

  /** From its turn to its end, well. */
  async upgrade(name: string, nowMs: number = NOW): Promise<void> {
    await this.send(name, { nowMs });
    await this.finish(name, { attests: true, nowMs });
  }

  /** It has its command, and is not seen for a day. */
  async vanish(name: string): Promise<void> {
    const commandId = await this.commandOf(name);
    const accepted = { instanceId: this.id(name), commandId, attempt: 1, nowMs: NOW };
    await this.#store.write('recordAccepted', accepted);
    await this.send(name, { isConnected: false, nowMs: NOW + VANISHED_MS });
  }

  async finish(
    name: string,
    end: { readonly attests: boolean; readonly outcome?: string; readonly nowMs?: number },
  ): Promise<void> {
    const { attests, nowMs = NOW, ...rest } = end;
    const instanceId = this.id(name);
    const sequence = (this.#sequences.get(name) ?? 0) + 1;
    this.#sequences.set(name, sequence);
    const commandId = (await this.commandOf(name)) || (await this.lastCommandOf(name));
    const command = await this.#store.read('commandById', commandId);
    if (command === null) throw new Error(`nothing was ordered of ${name}`);
    if (attests) {
      await session(this.#store, {
        instanceId,
        counter: sequence + 1,
        commandNonce: command.nonce,
        slot: { version: '2.0.0', digest: D2 },
      });
    }
    await finish(this.#store, { instanceId, commandId: command.id, sequence, nowMs, ...rest });
  }
}
