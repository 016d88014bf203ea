import type { AgentMessages, OutputItem } from '@moult/protocol';
import { describe, expect, test } from 'vitest';
import { BATCH_ITEMS_MAX } from '../src/database/index.ts';
import { Delivery } from '../src/session/delivery.ts';
import { lastSequenceIn } from './support/fake-coordinator.ts';
import { TestHost } from './support/host.ts';

const record = (bytes: number): OutputItem => ({
  item: 'record',
  record: { stream: 's', task: '', run: '', atMs: 1, content: Buffer.alloc(bytes, 7) },
});

function world() {
  const host = new TestHost();
  const store = host.store();
  const sent: AgentMessages['output'][] = [];
  const delivery = new Delivery({
    outbox: store.outbox,
    clock: host.clock,
    send: (frame) => {
      if (frame.kind === 'output') sent.push(frame.message);
      return true;
    },
    onAcknowledged: () => undefined,
  });
  const take = (count: number, bytes = 10) => {
    store.outbox.appendAll(Array.from({ length: count }, () => record(bytes)));
    delivery.more();
  };
  const acknowledge = (batch = sent.at(-1)) => {
    if (batch !== undefined) delivery.acknowledged(batch.epoch, lastSequenceIn(batch));
  };
  return { host, store, sent, delivery, take, acknowledge };
}

const NOBODY = { epoch: '', sequence: 0 };
const firsts = (sent: readonly AgentMessages['output'][]) =>
  sent.map(({ firstSequence }) => firstSequence);

describe('the delivery of output', () => {
  test('what comes while a batch is on its way goes together when that is acknowledged', () => {
    const { sent, delivery, take, acknowledge } = world();
    delivery.begin(NOBODY);
    for (let turn = 0; turn < 5; turn++) take(1);
    expect(sent.map(({ items }) => items.length)).toEqual([1]);
    acknowledge();
    expect(sent.map(({ items }) => items.length)).toEqual([1, 4]);
  });

  test('Q8: four batches are on their way, full ones behind the first, and each acknowledgement lets one go', () => {
    const { sent, delivery, take, acknowledge } = world();
    for (let batch = 0; batch < 10; batch++) take(BATCH_ITEMS_MAX);
    delivery.begin(NOBODY);
    expect(firsts(sent)).toEqual([1, 1_001, 2_001, 3_001]);
    acknowledge(sent[0]);
    expect(firsts(sent).slice(4)).toEqual([4_001]);
    acknowledge(sent[3]);
    expect(firsts(sent).slice(5)).toEqual([5_001, 6_001, 7_001]);
  });

  test('Q8: large records fill batches by their bytes', () => {
    const { sent, delivery, take } = world();
    take(50, 100_000);
    delivery.begin(NOBODY);
    expect(sent.map(({ items }) => items.length)).toEqual([3, 3, 3, 3]);
  });

  test('Q8: a coordinator that says nothing is sent one batch, ever more seldom, until it speaks', async () => {
    const { host, sent, delivery, take, acknowledge } = world();
    for (let batch = 0; batch < 6; batch++) take(BATCH_ITEMS_MAX);
    delivery.begin(NOBODY);
    await host.clock.advance(29_000);
    expect(sent).toHaveLength(4);
    await host.clock.advance(1_000);
    expect(firsts(sent).slice(4)).toEqual([1]);
    await host.clock.advance(3_600_000);
    expect(firsts(sent).slice(4, 8)).toEqual([1, 1, 1, 1]);
    expect(sent.length).toBeLessThan(25);
    sent.length = 4;
    // Late, of what was sent first.
    acknowledge(sent[3]);
    expect(firsts(sent).slice(4)).toEqual([4_001, 5_001]);
  });

  test('a session that was lost begins with what the coordinator has', () => {
    const { store, sent, delivery, take, acknowledge } = world();
    for (let batch = 0; batch < 3; batch++) take(BATCH_ITEMS_MAX);
    delivery.begin(NOBODY);
    delivery.lost();
    take(1);
    expect(sent).toHaveLength(3);
    delivery.begin({ epoch: sent[0]?.epoch ?? '', sequence: 2_000 });
    expect(firsts(sent).slice(3)).toEqual([2_001]);
    acknowledge();
    acknowledge();
    expect(store.outbox.amount().items).toBe(0);
  });
});
