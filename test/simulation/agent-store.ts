/*
 * The agent's real database code over SQLite in memory, one for each host: what it committed survives every process.
 * The world may strike before and after each transaction; a full disk refuses them.
 */
import { DatabaseSync } from 'node:sqlite';
import { type AgentStore, openStore } from '../../packages/agent/src/database/index.ts';
import { DiskFull } from './file-system.ts';
import { STORE_WRITES } from './points.ts';
import type { SimProcess } from './sim-process.ts';
import type { World } from './world.ts';

const COUNTED: ReadonlySet<string> = new Set(STORE_WRITES);

let hosts = 0;

/** Lives as long as the host: databases in memory vanish with their last connection. */
export class HostDatabase {
  readonly #path: string;
  readonly #anchor: DatabaseSync;
  readonly #opened: AgentStore[] = [];

  constructor() {
    hosts += 1;
    this.#path = `file:moult-host-${hosts}?mode=memory&cache=shared`;
    this.#anchor = new DatabaseSync(this.#path);
  }

  /** Kind of the upgrade record's state; null: there is none yet. */
  upgradeState(): { readonly kind: string } {
    const table = this.#anchor
      .prepare("SELECT 1 FROM sqlite_master WHERE name = 'upgrade_record'")
      .get();
    if (table === undefined) return { kind: 'idle' };
    const row = this.#anchor.prepare('SELECT state FROM upgrade_record').get();
    return row === undefined ? { kind: 'idle' } : JSON.parse(String(row['state']));
  }

  open(world: World, process: SimProcess): AgentStore {
    if (world.files.isFull) throw new DiskFull('agent.db');
    const store = openStore({ path: this.#path, nowMs: world.wallMs, random: world.random });
    this.#opened.push(store);
    return guarded(world, process, store);
  }

  close(): void {
    for (const store of this.#opened) {
      try {
        store.close();
      } catch {
        // The agent closed it itself.
      }
    }
    this.#anchor.close();
  }
}

type Method = (...given: readonly unknown[]) => unknown;

function guarded(world: World, process: SimProcess, store: AgentStore): AgentStore {
  const wrap = <T extends object>(part: T, partName: string): T =>
    new Proxy(part, {
      get: (target, name) => {
        const method: unknown = Reflect.get(target, name);
        if (typeof method !== 'function') return method;
        return (...given: readonly unknown[]): unknown =>
          guardedCall(world, process, {
            name: `${partName}.${String(name)}`,
            given,
            work: (...all) => Reflect.apply(method, target, all),
          });
      },
    });
  return {
    upgradeRecord: wrap(store.upgradeRecord, 'upgradeRecord'),
    inbox: wrap(store.inbox, 'inbox'),
    outbox: wrap(store.outbox, 'outbox'),
    session: wrap(store.session, 'session'),
    meta: wrap(store.meta, 'meta'),
    condition: wrap(store.condition, 'condition'),
    setAsidePath: store.setAsidePath,
    // Closed with the host: what a dead process still computes must find it open.
    close: () => undefined,
  };
}

/** What a dead process is told, so that it goes on to its next wait, which never ends. */
const TOLD_THE_DEAD: Readonly<Record<string, unknown>> = {
  'inbox.store': 'known',
  'outbox.agree': 0,
  'session.raise': { counter: 0, ticket: '', generation: 0, position: 0 },
};

const READS: ReadonlySet<string> = new Set([
  'upgradeRecord.load',
  'inbox.waiting',
  'inbox.isReported',
  'outbox.holds',
  'outbox.isEmpty',
  'outbox.batchAfter',
  'session.read',
  'meta.read',
  'condition.read',
]);

function guardedCall(
  world: World,
  process: SimProcess,
  call: { readonly name: string; readonly given: readonly unknown[]; readonly work: Method },
): unknown {
  const { name, given, work } = call;
  if (READS.has(name)) return work(...given);
  const point = pointOf(name, given[0]);
  if (point !== null) process.pointNow(`${point}:before`);
  if (!process.isRunning) return TOLD_THE_DEAD[name];
  if (world.files.isFull) throw new DiskFull('agent.db');
  const result = work(...given);
  if (name === 'upgradeRecord.save') {
    world.trace('saved', shortOf(given[0]));
    world.invariants.saved(given[0]);
  }
  if (point !== null) process.pointNow(`${point}:after`);
  return result;
}

function pointOf(name: string, first: unknown): string | null {
  if (name === 'upgradeRecord.save') return `save:${(first as { readonly kind: string }).kind}`;
  return COUNTED.has(name) ? name : null;
}

function shortOf(state: unknown): unknown {
  const { kind, retry, outcome, isAttested } = state as Record<string, unknown>;
  return { kind, retry, outcome, isAttested };
}
