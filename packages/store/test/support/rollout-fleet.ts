/* A fleet in groups, one rollout over it, and hosts that answer as a test says. */
import { NO_CHANGES } from '@moult/core/changed-files';
import { ARRIVING_MS, DEFAULT_SPEC, type RolloutSpec } from '@moult/core/rollout';
import type { Store } from '../../src/index.ts';
import { D2, enroll, finish, NOW, order, report, session } from './rows.ts';
import { makeToken } from './tokens.ts';

interface Slot {
  readonly version: string;
  readonly digest: string;
}

export class Fleet {
  #store: Store;
  readonly #ids = new Map<string, string>();
  readonly #sequences = new Map<string, number>();
  rollout = '';
  /** What the next one is made for, as it was written; null: agents by name. */
  selector: string | null = null;

  private constructor(store: Store) {
    this.#store = store;
  }

  /** The same database was opened again. */
  reopened(store: Store): void {
    this.#store = store;
  }

  /** All of version 1.0.0, Up. */
  static async of(
    store: Store,
    groups: Readonly<Record<string, readonly string[]>>,
  ): Promise<Fleet> {
    const fleet = new Fleet(store);
    for (const [group, names] of Object.entries(groups)) {
      for (const name of names) await fleet.enroll(name, group);
    }
    return fleet;
  }

  async enroll(name: string, group: string): Promise<void> {
    const token = await makeToken(this.#store, { group, validates: true });
    const made = await enroll(this.#store, { tokenId: token.id, name, publicKey: name });
    await session(this.#store, { instanceId: made.instanceId, counter: 1 });
    await report(this.#store, made.instanceId, []);
    this.#ids.set(name, made.instanceId);
  }

  ids(): readonly string[] {
    return [...this.#ids.values()];
  }

  /** Its host has the command. */
  async accept(name: string): Promise<void> {
    const commandId = await this.commandOf(name);
    const accepted = { instanceId: this.id(name), commandId, attempt: 1, nowMs: NOW };
    await this.#store.write('recordAccepted', accepted);
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

  /** The queue looks at it, which is there. */
  async look(name: string, nowMs: number) {
    const instanceId = this.id(name);
    const asked = { instanceId, isConnected: true, listeningSinceMs: 0, nowMs, resends: false };
    return await this.#store.write('dispatch', asked);
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

  /** Its host has its order, and is at that step. */
  async progress(name: string, step: string, nowMs: number = NOW): Promise<void> {
    const ref = { instanceId: this.id(name), commandId: await this.commandOf(name), attempt: 1 };
    await this.#store.write('recordAccepted', { ...ref, nowMs });
    const bytes = { bytesDone: 0, bytesTotal: 0, hostHoldReason: null };
    await this.#store.write('recordProgress', { ...ref, ...bytes, step, nowMs });
  }

  /** Its report says that step, and nothing else does. */
  async reportsStep(name: string, step: string, nowMs: number = NOW): Promise<void> {
    const about = {
      commandId: await this.commandOf(name),
      attempt: 1,
      component: 'agent',
    } as const;
    const upgrade = { ...about, step, detail: '', bytesDone: 0, bytesTotal: 0 };
    await report(this.#store, this.id(name), [], { upgrade, nowMs });
  }

  /** It asks to be let to its switch. */
  async permission(name: string, commandId?: string) {
    const id = commandId ?? (await this.commandOf(name));
    const ask = { instanceId: this.id(name), commandId: id, attempt: 1, nowMs: NOW };
    return await this.#store.write('decidePermission', { ...ask, point: 'switch' });
  }

  /** It is let to its switch, and not seen for ten minutes. */
  async vanish(name: string): Promise<void> {
    await this.progress(name, 'switching');
    await this.permission(name);
    await this.send(name, { isConnected: false, nowMs: NOW + 600_000 });
  }

  /** What it runs, by its own word. */
  async reports(name: string, current: Slot): Promise<void> {
    const own = { component: 'agent', current, previous: null, refused: [] } as const;
    const components = [{ ...own, trialAttemptId: '', changes: NO_CHANGES }];
    await report(this.#store, this.id(name), [], { components });
  }

  async finish(
    name: string,
    end: {
      readonly attests: boolean;
      readonly outcome?: string;
      readonly nowMs?: number;
      readonly steps?: readonly { readonly step: string; readonly startedMs: number }[];
      /** What it shows; absent: what the rollout brings. */
      readonly slot?: Slot;
    },
  ): Promise<void> {
    const { attests, nowMs = NOW, slot = { version: '2.0.0', digest: D2 }, ...rest } = end;
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
        slot,
      });
      await this.reports(name, slot);
    }
    await finish(this.#store, { instanceId, commandId: command.id, sequence, nowMs, ...rest });
  }
}
