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
    const { clock } = process;
    const store = openStore({ path: this.#path, clock, random: world.random });
    this.#opened.push(store);
    return guarded(world, process, { store, endsHeld: () => this.#endsHeld() });
  }

  /** Attempts whose end nobody has acknowledged yet. */
  #endsHeld(): readonly string[] {
    const rows = this.#anchor
      .prepare('SELECT attempt_id FROM outbox WHERE attempt_id IS NOT NULL')
      .all();
    return rows.map((row) => String(row['attempt_id']));
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

interface Opened {
  readonly store: AgentStore;
  readonly endsHeld: () => readonly string[];
}

function guarded(world: World, process: SimProcess, { store, endsHeld }: Opened): AgentStore {
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
            endsHeld,
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
    taskRuns: wrap(store.taskRuns, 'taskRuns'),
    numberedStreams: store.numberedStreams,
    readableSince: store.readableSince,
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
  'outbox.hasLeftover',
  'outbox.amount',
  'outbox.batchAfter',
  'session.read',
  'meta.read',
  'condition.read',
  'taskRuns.list',
]);
/** By these a host forgets what it holds to be stored. */
const FORGETTING: ReadonlySet<string> = new Set(['outbox.acknowledge', 'outbox.agree']);

function guardedCall(
  world: World,
  process: SimProcess,
  call: {
    readonly name: string;
    readonly given: readonly unknown[];
    readonly work: Method;
    readonly endsHeld: () => readonly string[];
  },
): unknown {
  const { name, given, work, endsHeld } = call;
  if (READS.has(name)) return work(...given);
  const point = pointOf(name, given[0]);
  if (point !== null) process.pointNow(`${point}:before`);
  if (!process.isRunning) return TOLD_THE_DEAD[name];
  if (world.files.isFull) throw new DiskFull('agent.db');
  const held = FORGETTING.has(name) ? endsHeld() : [];
  const result = work(...given);
  expectKept(world, held, endsHeld);
  if (name === 'upgradeRecord.save') {
    world.trace('saved', shortOf(given[0]));
    world.invariants.saved(given[0]);
    world.tasks.saving(given[0]);
  }
  if (point !== null) process.pointNow(`${point}:after`);
  return result;
}

/** C14: nothing is acknowledged that the coordinator has not stored. */
function expectKept(
  world: World,
  held: readonly string[],
  endsHeld: () => readonly string[],
): void {
  if (held.length === 0) return;
  const left = new Set(endsHeld());
  const lost = held.find((attemptId) => !left.has(attemptId) && !world.door.isEndKept(attemptId));
  if (lost !== undefined) world.fail('C14', `${lost} is acknowledged, and its end is not stored`);
}

function pointOf(name: string, first: unknown): string | null {
  if (name === 'upgradeRecord.save') return `save:${(first as { readonly kind: string }).kind}`;
  return COUNTED.has(name) ? name : null;
}

function shortOf(state: unknown): unknown {
  const { kind, retry, outcome, isAttested } = state as Record<string, unknown>;
  return { kind, retry, outcome, isAttested };
}
