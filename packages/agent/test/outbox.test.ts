import { DatabaseSync } from 'node:sqlite';
import type { AgentMessages, FinishMessage, OutputItem } from '@moult/protocol';
import { systemRandom } from '@moult/runtime/random';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { type AgentStore, openStore } from '../src/database/index.ts';
import { Delivery } from '../src/session/delivery.ts';
import { ModelCoordinator } from './support/model-coordinator.ts';

const MIB = 1_048_576;
/** So large that ten of them are all that can be on its way. */
const LARGE = 250_000;

type Gap = Extract<OutputItem, { readonly item: 'gap' }>['gap'];
type Output = AgentMessages['output'];

const record = (id: number, bytes: number): OutputItem => {
  const content = Buffer.alloc(bytes, 7);
  content.writeUInt32BE(id);
  return { item: 'record', record: { stream: 's', task: '', run: '', atMs: 1, content } };
};

const finish = (id: number): FinishMessage => ({
  commandId: `command-${id}`,
  attempt: 1,
  component: '',
  outcome: 'succeeded',
  code: '',
  message: '',
  evidence: null,
  from: null,
  current: null,
  steps: [],
  bytesFetched: 0,
  bytesTotal: 0,
  rehearsal: '',
  wantedVersion: '',
});

let worlds = 0;

class World {
  /** In memory: what is asked here is what was committed, not whether it is on the disk. */
  readonly path = `file:outbox-${worlds++}?mode=memory&cache=shared`;
  readonly anchor = new DatabaseSync(this.path);
  readonly clock = new ManualClock();
  readonly coordinator = new ModelCoordinator();
  readonly limits: { readonly bytesMax: number; readonly ageMsMax: number };
  /** On the way there, and on the way back. */
  sent: Output[] = [];
  answers: { readonly epoch: string; readonly sequence: number }[] = [];
  isLive = false;
  ids: number[] = [];
  finishes: number[] = [];
  bytes = new Map<number, number>();
  store: AgentStore;
  delivery: Delivery;
  #next = 1;

  constructor(limits: { readonly bytesMax: number; readonly ageMsMax: number }) {
    this.limits = limits;
    this.store = this.#open();
    this.delivery = this.#deliver();
  }

  #open(): AgentStore {
    const { path, clock, limits } = this;
    return openStore({ path, clock, random: systemRandom, outboxLimits: limits });
  }

  #deliver(): Delivery {
    return new Delivery({
      outbox: this.store.outbox,
      clock: this.clock,
      send: (frame) => {
        if (!this.isLive) return false;
        if (frame.kind === 'output') this.sent.push(frame.message);
        return true;
      },
      onAcknowledged: () => undefined,
    });
  }

  append(sizes: readonly number[]): void {
    const items = sizes.map((size) => {
      const id = this.#next++;
      this.ids.push(id);
      this.bytes.set(id, size);
      return record(id, size);
    });
    this.store.outbox.appendAll(items);
    this.delivery.more();
  }

  /** An end within another transaction, which may fail. */
  finish(fails: boolean): void {
    const id = this.#next++;
    try {
      this.store.inbox.finish(finish(id), () => {
        this.store.outbox.append({ item: 'finish', finish: finish(id) });
        if (fails) throw new Error('undone');
      });
      this.finishes.push(id, id);
    } catch (error) {
      if (!fails) throw error;
    }
    this.delivery.more();
  }

  arrive(): void {
    const batch = this.sent.shift();
    if (batch === undefined) return;
    this.coordinator.store(batch);
    this.answers.push({ epoch: batch.epoch, sequence: this.coordinator.sequence });
  }

  answer(): void {
    const answer = this.answers.shift();
    if (answer !== undefined) this.delivery.acknowledged(answer.epoch, answer.sequence);
  }

  lose(): void {
    this.isLive = false;
    this.sent = [];
    this.answers = [];
    this.delivery.lost();
  }

  connect(): void {
    this.lose();
    this.isLive = true;
    this.delivery.begin(this.coordinator);
  }

  /** kill -9: the process before is gone with all that it had in memory; another opens what is on the disk. */
  restart(): void {
    this.lose();
    this.store.close();
    this.store = this.#open();
    this.delivery = this.#deliver();
  }

  async settle(): Promise<void> {
    this.connect();
    for (let turn = 0; this.store.outbox.amount().items > 0; turn++) {
      expect(turn).toBeLessThan(10_000);
      this.arrive();
      this.answer();
    }
  }

  gaps(): readonly Gap[] {
    return this.coordinator.stored.flatMap(({ item }) => (item.item === 'gap' ? [item.gap] : []));
  }

  expectTotals(): void {
    const row = this.anchor
      .prepare('SELECT count(*) AS items, total(bytes) AS bytes FROM outbox')
      .get();
    expect(this.store.outbox.amount()).toEqual({ ...row });
  }

  /** Every sequence number is covered once; records keep their order, are there once, or counted by a gap. */
  expectAccounted(): void {
    let last = 0;
    for (const stored of this.coordinator.stored) {
      expect(stored.first).toBe(last + 1);
      last = stored.last;
    }
    const items = this.coordinator.stored.map(({ item }) => item);
    const got = items.flatMap((item) =>
      item.item === 'record' ? [Buffer.from(item.record.content).readUInt32BE()] : [],
    );
    expect(got).toEqual(this.ids.filter((id) => got.includes(id)));
    const lost = this.ids.filter((id) => !got.includes(id));
    const count = (of: (gap: Gap) => number) =>
      this.gaps().reduce((total, gap) => total + of(gap), 0);
    expect(count(({ items: missing }) => missing)).toBe(lost.length);
    expect(count(({ covers }) => covers)).toBe(lost.length);
    expect(count(({ bytes }) => bytes)).toBe(
      lost.reduce((total, id) => total + (this.bytes.get(id) ?? 0), 0),
    );
    const ends = items.flatMap((item) => (item.item === 'finish' ? [item.finish.commandId] : []));
    expect(ends).toEqual(this.finishes.map((id) => `command-${id}`));
  }

  close(): void {
    this.store.close();
    this.anchor.close();
  }
}

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('append'), count: fc.integer({ min: 1, max: 8 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('finish'), count: fc.integer({ min: 0, max: 1 }) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constantFrom('arrive', 'answer'),
      count: fc.integer({ min: 1, max: 4 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom('lose', 'connect', 'restart'),
      count: fc.constant(1),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('pass'), count: fc.integer({ min: 1, max: 4 }) }),
  },
);

async function play(
  world: World,
  steps: readonly { kind: string; count: number }[],
): Promise<void> {
  for (const { kind, count } of steps) {
    switch (kind) {
      case 'append':
        world.append(Array.from({ length: count }, (_, index) => (index % 3 === 0 ? 4 : LARGE)));
        break;
      case 'finish':
        world.finish(count === 0);
        break;
      case 'pass':
        await world.clock.advance(count * 20_000);
        break;
      case 'arrive':
      case 'answer':
        for (let turn = 0; turn < count; turn++) world[kind]();
        break;
      case 'lose':
      case 'connect':
      case 'restart':
        world[kind]();
        break;
    }
  }
}

describe('the outbox', () => {
  test('Q1, Q2, Q3, Q5: whatever happens, what was taken arrives once and in order, or a gap stands for it', async () => {
    const seen = new Set<string>();
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60 }), async (steps) => {
        const world = new World({ bytesMax: 5 * MIB, ageMsMax: 60_000 });
        await play(world, steps);
        world.expectTotals();
        world.restart();
        world.expectTotals();
        await world.settle();
        world.expectAccounted();
        for (const { reason } of world.gaps()) seen.add(reason);
        world.close();
      }),
      { numRuns: 40 },
    );
    // Else nothing was asked.
    expect([...seen].sort()).toEqual(['outbox-age', 'outbox-full']);
  });

  test('Q3: neighbouring gaps are one, before the next record that is left', () => {
    const world = new World({ bytesMax: 4 * MIB, ageMsMax: 60_000 });
    for (let group = 0; group < 12; group++) world.append([LARGE, LARGE, LARGE]);
    expect(shapeOf(kindsIn(world))).toBe('record*3 gap*1 record*9');
    world.close();
  });

  test('Q3: ends of commands and of runs stay, also where they alone are too much', () => {
    const world = new World({ bytesMax: 1, ageMsMax: 1 });
    for (let round = 0; round < 20; round++) {
      world.finish(false);
      world.append([LARGE]);
    }
    world.finish(false);
    const kinds = kindsIn(world);
    expect(kinds.filter((kind) => kind === 'finish')).toHaveLength(42);
    expect(kinds.filter((kind) => kind === 'record')).toHaveLength(1);
    expect(kinds.filter((kind) => kind === 'gap')).toHaveLength(19);
    world.close();
  });

  test('Q4: old is what an agent ran with for so long; neither a date that jumps nor a host that slept makes it so', () => {
    const world = new World({ bytesMax: 100 * MIB, ageMsMax: 60_000 });
    world.append([4]);
    world.append(Array.from({ length: 12 }, () => LARGE));
    world.clock.jump(10 * 365 * 86_400_000);
    world.append([4]);
    world.restart();
    world.append([4]);
    expect(world.store.outbox.amount().items).toBe(15);
    world.clock.stall(61_000);
    world.append([4]);
    expect(shapeOf(kindsIn(world))).toBe('record*9 gap*1 record*1');
    expect(world.store.outbox.batchAfter(9, MIB)?.items[0]).toMatchObject({
      gap: { reason: 'outbox-age', items: 6, covers: 6 },
    });
    world.close();
  });

  test('U11: leftover is what was there when the process began, not what comes while it is delivered', () => {
    const world = new World({ bytesMax: 100 * MIB, ageMsMax: 60_000 });
    world.append([4, 4, 4]);
    expect(world.store.outbox.hasLeftover()).toBe(false);
    world.restart();
    world.connect();
    world.append([4, 4]);
    expect(world.store.outbox.hasLeftover()).toBe(true);
    world.arrive();
    world.answer();
    expect(world.store.outbox.hasLeftover()).toBe(false);
    expect(world.store.outbox.amount().items).toBe(2);
    world.close();
  });

  test('Q6: a word about what was never sent, of another epoch, or within a gap changes nothing', () => {
    const world = new World({ bytesMax: 4 * MIB, ageMsMax: 60_000 });
    world.append(Array.from({ length: 20 }, () => LARGE));
    world.connect();
    const epoch = world.sent[0]?.epoch ?? '';
    const before = world.store.outbox.amount();
    world.delivery.acknowledged(epoch, 20);
    world.delivery.acknowledged(epoch, Number.MAX_SAFE_INTEGER);
    world.delivery.acknowledged('another', 1);
    expect(world.store.outbox.amount()).toEqual(before);
    // The gap stands from 9 to 16.
    world.store.outbox.acknowledge(epoch, 12);
    const batch = world.store.outbox.batchAfter(0, MIB);
    expect(batch?.firstSequence).toBe(9);
    expect(batch?.items[0]).toMatchObject({ item: 'gap', gap: { covers: 8 } });
    world.close();
  });

  test('Q7: a new epoch begins with a gap that takes all numbers before, and the rest keeps its own', async () => {
    const world = new World({ bytesMax: 100 * MIB, ageMsMax: 60_000 });
    world.append([1, 1, 1, 1].map((size) => 3 + size));
    world.connect();
    world.arrive();
    world.answer();
    world.append([4, 4]);
    const { epoch } = world.coordinator;
    world.coordinator.sequence = 1;
    world.connect();
    expect(world.sent[0]).toMatchObject({
      firstSequence: 1,
      items: [
        { gap: { reason: 'coordinator-restored', items: 3, covers: 4 } },
        { item: 'record' },
        { item: 'record' },
      ],
    });
    expect(world.sent[0]?.epoch).not.toBe(epoch);
    world.coordinator.stored = [];
    await world.settle();
    expect(world.coordinator.sequence).toBe(6);
    world.close();
  });
});

function kindsIn(world: World): readonly string[] {
  const kinds: string[] = [];
  for (let after = 0; ; ) {
    const batch = world.store.outbox.batchAfter(after, MIB);
    if (batch === null) return kinds;
    kinds.push(...batch.items.map(({ item }) => item));
    after = batch.lastSequence;
  }
}

/** `record*8 gap*1`. */
function shapeOf(kinds: readonly string[]): string {
  const runs: { kind: string; count: number }[] = [];
  for (const kind of kinds) {
    const last = runs.at(-1);
    if (last?.kind === kind) last.count += 1;
    else runs.push({ kind, count: 1 });
  }
  return runs.map(({ kind, count }) => `${kind}*${count}`).join(' ');
}
