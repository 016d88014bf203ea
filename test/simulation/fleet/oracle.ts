/*
 * What must hold of a fleet whatever happens to it, checked after each transaction of the coordinator's store from
 * what it added to history; by the ids of docs/spec/command.md. What hosts did is taken from their own worlds, so that
 * the coordinator is never believed about them.
 */
import { COMMAND_TRANSITIONS, type CommandState, isEnded } from '@moult/core/command';
import type { HistoryRow, Store } from '@moult/store';
import type { World } from '../world.ts';

export interface FleetHost {
  readonly name: string;
  readonly group: string;
  readonly instanceId: string;
  readonly world: World;
}

interface Known {
  readonly id: string;
  readonly instanceId: string;
  readonly component: string;
  readonly kind: string;
  readonly origin: string;
  state: CommandState;
}

const PAGE = 1_000;
const IN_FLIGHT: ReadonlySet<CommandState> = new Set(['sent', 'accepted', 'running']);
const REPAIRS_MAX = 2;

export class Oracle {
  readonly #hosts: ReadonlyMap<string, FleetHost>;
  readonly #fail: (invariant: string, message: string) => void;
  readonly #trace: (what: string, detail?: unknown) => void;
  #commands = new Map<string, Known>();
  #position = 0;
  /** RS4: a restored store that nobody has adopted. */
  #isHolding = false;
  /** Orders that the store in place does not know may turn up in it. */
  #wasRestored = false;
  #looking: Promise<void> = Promise.resolve();
  /** Never forgotten, whatever store is put in place: what hosts were told they were told. */
  readonly #switchGranted = new Set<string>();
  readonly #attested = new Set<string>();
  readonly #confirmed = new Set<string>();
  readonly #endsKept = new Set<string>();
  readonly #repairs = new Map<string, number>();

  constructor(options: {
    readonly hosts: readonly FleetHost[];
    readonly fail: (invariant: string, message: string) => void;
    readonly trace: (what: string, detail?: unknown) => void;
  }) {
    this.#hosts = new Map(options.hosts.map((host) => [host.instanceId, host]));
    this.#fail = options.fail;
    this.#trace = options.trace;
  }

  isSwitchGranted(attemptId: string): boolean {
    return this.#switchGranted.has(attemptId);
  }

  isConfirmed(attemptId: string): boolean {
    return this.#confirmed.has(attemptId);
  }

  isEndKept(attemptId: string): boolean {
    return this.#endsKept.has(attemptId);
  }

  /** Reads what was added since it looked last; looks one after another. */
  look(store: Store): Promise<void> {
    // A look into a store that was killed meanwhile failed; the next one finds what it missed.
    this.#looking = this.#looking.catch(() => undefined).then(() => this.#look(store));
    return this.#looking;
  }

  async #look(store: Store): Promise<void> {
    for await (const row of historyAfter(store, this.#position)) this.#take(row);
  }

  /** Another store is in place: its past is not ours to judge. */
  async begin(store: Store): Promise<void> {
    // A backup may have ends that were stored a moment before it was made, and never looked at.
    for await (const row of historyAfter(store, 0)) this.#keepsEnd(row);
    this.#position = (await store.read('storeLife', null)).position;
    this.#wasRestored = true;
    this.#isHolding = (await store.read('unadoptedLife', null)) !== null;
    this.#commands = new Map();
    this.#repairs.clear();
    const page = { agent: null, state: 'all', before: null, limit: PAGE } as const;
    for (const row of await store.read('commandPage', page)) {
      const { id, instance_id: instanceId, component, kind, origin, state } = row;
      this.#commands.set(id, { id, instanceId, component, kind, origin, state });
    }
  }

  #take(row: HistoryRow): void {
    if (row.position <= this.#position) {
      this.#fail('C8', `history goes back: ${this.#position} → ${row.position}`);
    }
    this.#position = row.position;
    this.#trace('history', { kind: row.kind, command: row.command_id, detail: row.detail });
    const attemptId = attemptIdOf(row);
    if (row.kind.startsWith('command-')) this.#moved(row, attemptId);
    this.#keepsEnd(row);
    switch (row.kind) {
      case 'coordinator-restored':
        this.#isHolding = true;
        return;
      case 'coordinator-adopted':
        this.#isHolding = false;
        return;
      case 'quarantined':
        this.#fail('T14', `one host is taken for a clone: ${row.agent_name} ${row.detail}`);
        return;
      case 'permission-granted':
        this.#granted(row);
        if (detailOf(row)['point'] === 'switch') this.#switchGranted.add(attemptId);
        return;
      // By its digest, which its session has proven (RS8).
      case 'attempt-adopted':
      case 'attested':
        this.#attested.add(attemptId);
        return;
      case 'confirmed':
        this.#confirmed.add(attemptId);
        if (!this.#attested.has(attemptId)) {
          this.#fail('C10', `${attemptId} is told to commit, and was never attested`);
        }
        return;
      case 'version-given':
        this.#repairs.delete(`${row.instance_id}/${row.component}`);
        return;
      case 'repair':
        this.#repaired(row);
    }
  }

  /** C13, C14: an end that may be acknowledged, of a command that is known or not. */
  #keepsEnd(row: HistoryRow): void {
    const isEnd = row.kind.startsWith('command-') && isEnded(stateIn(row));
    if (isEnd || row.kind === 'orphan-kept') this.#endsKept.add(attemptIdOf(row));
  }

  /** C12: what was taken back goes no further. */
  #granted(row: HistoryRow): void {
    const state = this.#commands.get(row.command_id ?? '')?.state ?? 'queued';
    if (isEnded(state)) this.#fail('C12', `${row.command_id} is ${state}, and is let go on`);
  }

  #repaired(row: HistoryRow): void {
    const name = `${row.instance_id}/${row.component}`;
    const count = (this.#repairs.get(name) ?? 0) + 1;
    this.#repairs.set(name, count);
    if (count > REPAIRS_MAX) this.#fail('C18', `${row.agent_name} is repaired ${count} times`);
  }

  #moved(row: HistoryRow, attemptId: string): void {
    const id = row.command_id ?? '';
    const state = stateIn(row);
    const known = this.#commands.get(id);
    if (known === undefined) {
      if (state !== 'queued' && !this.#wasRestored) this.#fail('C2', `${id} begins as ${state}`);
      const { kind = 'autoUpgrade', origin } = detailOf(row);
      this.#commands.set(id, {
        id,
        instanceId: row.instance_id ?? '',
        component: row.component ?? '',
        kind: String(kind),
        origin: String(origin),
        state,
      });
      return;
    }
    const isLegal = Object.values(COMMAND_TRANSITIONS[known.state]).includes(state);
    if (!isLegal) this.#fail('C2', `${id} goes from ${known.state} to ${state}`);
    if (isEnded(known.state) && state !== 'succeeded') {
      this.#fail('C15', `${id} had ended as ${known.state}, and ends as ${state}`);
    }
    known.state = state;
    if (state === 'sent' && this.#isHolding) this.#fail('RS4', `${id} is sent before the adoption`);
    if (known.kind !== 'autoUpgrade') return;
    if (state === 'sent') this.#takesItsTurn(known);
    if (state === 'succeeded') this.#done(known, attemptId, row);
  }

  /** C9: one of a group and component at a time. */
  #takesItsTurn(command: Known): void {
    if (command.origin === 'manual') return;
    const group = this.#hosts.get(command.instanceId)?.group;
    for (const other of this.#commands.values()) {
      const isBeside =
        other !== command &&
        other.kind === 'autoUpgrade' &&
        other.component === command.component &&
        other.instanceId !== command.instanceId &&
        IN_FLIGHT.has(other.state) &&
        this.#hosts.get(other.instanceId)?.group === group;
      if (isBeside) this.#fail('C9', `${command.id} and ${other.id} of ${group} at once`);
    }
  }

  /** N5: done is what the host itself holds to be committed. */
  #done(command: Known, attemptId: string, row: HistoryRow): void {
    const host = this.#hosts.get(command.instanceId);
    const { invariants } = host?.world ?? {};
    if (invariants === undefined || invariants.isDamaged) return;
    const { version } = detailOf(row);
    const component = command.component === 'launcher' ? 'launcher' : 'agent';
    const committed = invariants.record?.components[component].committed ?? null;
    if (invariants.committed.has(attemptId) || committed?.version === version) return;
    this.#fail('C10', `${attemptId} is done on ${host?.name}, which never committed ${version}`);
  }
}

/** Rows above a position, the oldest first. */
async function* historyAfter(store: Store, position: number): AsyncGenerator<HistoryRow> {
  for (let after = position; ; ) {
    const page = { agent: null, before: null, after, limit: PAGE };
    const rows = [...(await store.read('historyPage', page))].reverse();
    yield* rows;
    after = rows.at(-1)?.position ?? after;
    if (rows.length < PAGE) return;
  }
}

function attemptIdOf(row: HistoryRow): string {
  return `${row.command_id}/${row.attempt}`;
}

function stateIn(row: HistoryRow): CommandState {
  return row.kind.slice('command-'.length) as CommandState;
}

function detailOf(row: HistoryRow): Readonly<Record<string, unknown>> {
  return JSON.parse(row.detail) as Readonly<Record<string, unknown>>;
}
