import { writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { CodedError } from '@moult/core/errors';
import type { UpgradeState } from '@moult/core/upgrade';
import { describe, expect, test } from 'vitest';
import { settle, until } from '../../../test/support/manual-clock.ts';
import { openStore } from '../src/database/index.ts';
import type { AgentPorts } from '../src/ports.ts';
import { type Booted, components, NEW, OLD, TestHost } from './support/host.ts';

const ORDERED = {
  commandId: 'command-1',
  attempt: 1,
  notAfterMs: 2_000_000_000_000,
  generation: 1,
  position: 7,
  autoUpgrade: {
    component: 'agent',
    version: '1.1.0',
    isForced: false,
    isRevert: false,
    nonce: 'cd',
  },
};

/** A launcher and a coordinator that let everything through, over as many processes as it takes. */
class World {
  readonly host = new TestHost();
  trial: string | null = null;
  committed = OLD;
  commits = 0;
  isOrdered = false;

  constructor() {
    this.host.coordinator.onFrame = (frame, session) => {
      if (frame.kind === 'permission') session.send({ kind: 'granted', message: frame.message });
      if (frame.kind === 'check' && !this.isOrdered)
        session.send({ kind: 'command', message: ORDERED });
      if (frame.kind === 'accept') this.isOrdered = true;
      if (frame.kind === 'report' && frame.message.upgrade?.isHealthy === true) {
        session.send({ kind: 'confirm', message: { commandId: 'command-1', attempt: 1 } });
      }
      return false;
    };
  }

  boot(): Booted {
    const slot = this.trial === null ? this.committed : NEW;
    const agent = this.host.boot({
      slot,
      components: components({
        agent: {
          committed: this.committed,
          previous: this.committed === NEW ? OLD : null,
          trialAttemptId: this.trial,
          refused: [],
        },
      }),
    });
    agent.launcher.answer = (message) => {
      if (message.kind === 'try') this.trial = message.attemptId;
      if (message.kind === 'commit') {
        this.commits += 1;
        this.trial = null;
        this.committed = NEW;
      }
      return { kind: 'done', id: message.id };
    };
    return agent;
  }

  get outcomes(): unknown[] {
    return this.host.coordinator.received
      .flatMap(({ items }) => items)
      .map((item) => (item.item === 'finish' ? item.finish.outcome : item.item));
  }

  /** Runs processes one after the other until the upgrade is reported. */
  async live(isKilled: () => boolean): Promise<number> {
    for (let processes = 1; processes <= 60; processes++) {
      const agent = this.boot();
      for (let turn = 0; turn < 400; turn++) {
        await this.host.clock.advance(500);
        if (agent.exit !== undefined || agent.error !== undefined || isKilled()) break;
        if (this.outcomes.length > 0 && turn > 60) break;
      }
      agent.stop();
      await agent.ended;
      if (this.outcomes.length > 0) return processes;
    }
    throw new Error('the upgrade never ended');
  }
}

describe('a process that is killed', () => {
  test('U10: after any save, the next process goes on from there and ends the upgrade once', async () => {
    for (let killAt = 1; killAt <= 10; killAt++) {
      const world = new World();
      let saves = 0;
      let isDead = false;
      world.host.adjust = (ports): AgentPorts => ({
        ...ports,
        openStore: () => {
          isDead = false;
          const store = ports.openStore();
          const save = (state: UpgradeState) => {
            if (isDead) throw new Error('dead');
            store.upgradeRecord.save(state);
            saves += 1;
            if (saves === killAt) isDead = true;
          };
          return { ...store, upgradeRecord: { ...store.upgradeRecord, save } };
        },
      });
      await world.live(() => isDead);
      expect(world.outcomes, `killed after save ${killAt}`).toEqual(['succeeded']);
      expect(world.committed).toBe(NEW);
    }
  });

  test('U13: the report of an attempt goes out once, also when its acknowledgement was lost', async () => {
    const world = new World();
    world.host.coordinator.acknowledges = false;
    const agent = world.boot();
    await until(() => agent.exit !== undefined, 'hand-over');
    const next = world.boot();
    await world.host.clock.advance(62_000);
    await until(() => world.host.coordinator.of('output').length > 0, 'output');
    next.stop();
    await next.ended;
    world.host.coordinator.acknowledges = true;
    const last = world.boot();
    await until(() => world.outcomes.length > 0, 'the report');
    await settle();
    expect(world.outcomes).toEqual(['succeeded']);
    const store = world.host.store();
    expect(store.outbox.amount().items).toBe(0);
    store.close();
    last.stop();
    await last.ended;
  });
});

describe('a full disk', () => {
  test('U3: a state that cannot be saved is not left; work goes on when there is space again', async () => {
    const world = new World();
    let isFull = false;
    world.host.adjust = (ports): AgentPorts => ({
      ...ports,
      openStore: () => {
        const store = ports.openStore();
        const save = (state: UpgradeState) => {
          if (isFull && state.kind === 'fetching') throw new Error('database or disk is full');
          store.upgradeRecord.save(state);
        };
        return { ...store, upgradeRecord: { ...store.upgradeRecord, save } };
      },
    });
    isFull = true;
    const agent = world.boot();
    await world.host.clock.advance(20_000);
    expect(world.host.coordinator.of('report').at(-1)?.upgrade?.step).toBe('preflight');
    expect(agent.exit).toBeUndefined();
    isFull = false;
    await world.host.clock.advance(3_000);
    await until(() => agent.exit !== undefined, 'hand-over');
    expect(agent.exit).toBe(75);
  });

  test('U3: a disk that stays full ends the process for a restart', async () => {
    const world = new World();
    world.host.adjust = (ports): AgentPorts => ({
      ...ports,
      openStore: () => {
        const store = ports.openStore();
        const save = () => {
          throw new Error('database or disk is full');
        };
        return { ...store, upgradeRecord: { ...store.upgradeRecord, save } };
      },
    });
    const agent = world.boot();
    await world.host.clock.advance(120_000);
    await agent.ended;
    expect(agent.exit).toBe(76);
  });
});

describe('agent.db', () => {
  test('that is no database is kept aside, and the gap is said', async () => {
    const host = new TestHost();
    writeFileSync(
      host.databasePath,
      'this is no database at all, but long enough to be read as one',
    );
    const agent = host.boot();
    await until(() => host.coordinator.received.length > 0, 'the gap');
    expect(host.coordinator.received[0]?.items[0]).toMatchObject({
      item: 'gap',
      gap: { reason: 'agent-database-lost' },
    });
    agent.stop();
    await agent.ended;
    expect(agent.exit).toBe(76);
  });

  test('T14: that was lost does not make the host look like its own clone', async () => {
    const host = new TestHost();
    const first = host.boot();
    await until(() => host.coordinator.of('check').length === 1, 'a session');
    first.stop();
    await first.ended;
    writeFileSync(host.databasePath, 'x'.repeat(5_000));
    const agent = host.boot();
    await until(() => host.coordinator.of('check').length === 2, 'a session');
    expect(host.coordinator.of('hello').at(-1)).toMatchObject({
      counter: 2,
      ticket: 'ticket-1',
      positionSeen: 1,
    });
    agent.stop();
    await agent.ended;
  });

  test('of a version whose state this one cannot read is left alone', async () => {
    const host = new TestHost();
    host.store().close();
    const database = new DatabaseSync(host.databasePath);
    database.exec('UPDATE schema SET number = 9, readable_since = 9');
    database.close();
    const agent = host.boot();
    await agent.ended;
    expect(agent.error).toMatchObject({ code: 'state-too-new' });
  });

  test('of a newer version that says this one can read it is used', () => {
    const host = new TestHost();
    host.store().close();
    const database = new DatabaseSync(host.databasePath);
    database.exec('UPDATE schema SET number = 9');
    database.close();
    const store = host.store();
    expect(store.setAsidePath).toBeNull();
    store.close();
  });

  test('U15: a state of another version becomes a report, filled from the boot record', async () => {
    const world = new World();
    const first = world.boot();
    await until(() => first.exit !== undefined, 'hand-over');
    const database = new DatabaseSync(world.host.databasePath);
    database.exec(
      `UPDATE upgrade_record SET state = replace(state, '"kind":"switching"', '"kind":"teleporting"')`,
    );
    database.close();
    world.trial = null;
    world.committed = NEW;
    const agent = world.boot();
    await until(() => world.outcomes.length > 0, 'the report');
    expect(world.outcomes).toEqual(['succeeded']);
    agent.stop();
    await agent.ended;
  });
});

test('U14: a trial that no upgrade knows of is withdrawn', async () => {
  const host = new TestHost();
  const agent = host.boot({
    slot: NEW,
    components: components({
      agent: { committed: OLD, previous: null, trialAttemptId: 'lost/1', refused: [] },
    }),
  });
  await agent.ended;
  expect(agent.exit).toBe(75);
  expect(agent.launcher.requests('refuse')).toMatchObject([
    { component: 'agent', attemptId: 'lost/1' },
  ]);
});

test('U7: a commit for a trial that is over is settled by the next boot', async () => {
  const world = new World();
  const first = world.boot();
  await until(() => first.exit !== undefined, 'hand-over');
  const agent = world.boot();
  agent.launcher.answer = (message) => ({
    kind: 'failed',
    id: message.id,
    code: 'boot-trial-stale',
    message: 'over',
  });
  await world.host.clock.advance(62_000);
  await until(() => agent.exit !== undefined, 'the end');
  expect(agent.exit).toBe(75);
});

describe('U16: cleanup', () => {
  const before = () => {
    const host = new TestHost();
    host.slotDirs = {
      agent: [OLD.dir, NEW.dir, '0.8.0-dddddddd'],
      launcher: ['0.9.0-cccccccc', '0.7.0-eeeeeeee'],
    };
    host.recordedDirs = new Set([NEW.dir, '0.9.0-cccccccc']);
    return host;
  };

  async function cleaned(host: TestHost): Promise<readonly string[]> {
    const agent = host.boot();
    await until(
      () => host.coordinator.sessions.length > 0 && host.coordinator.of('check').length > 0,
      'a session',
    );
    host.coordinator.last.send({
      kind: 'cleanup',
      message: { component: 'agent', commandId: 'command-1' },
    });
    await host.clock.advance(1_000);
    agent.stop();
    await agent.ended;
    return host.removed;
  }

  test('H13: removes what neither the boot record names nor runs', async () => {
    expect(await cleaned(before())).toEqual(['agent/0.8.0-dddddddd', 'launcher/0.7.0-eeeeeeee']);
  });

  test('removes nothing when the boot record cannot be read', async () => {
    const host = before();
    host.recordedDirs = null;
    expect(await cleaned(host)).toEqual([]);
  });
});

describe('output', () => {
  const options = (host: TestHost) => ({
    path: host.databasePath,
    clock: host.clock,
    random: {
      fraction: () => 0,
      bytes: (count: number) => crypto.getRandomValues(new Uint8Array(count)),
    },
  });
  const gap = { item: 'gap', gap: { reason: 'r', items: 1, bytes: 1, covers: 1 } } as const;

  test('O1: a coordinator that lost what it had acknowledged is told how much is missing', () => {
    const store = openStore(options(new TestHost()));
    for (let index = 0; index < 3; index++) store.outbox.append(gap);
    const epoch = store.outbox.batchAfter(0, 1e6)?.epoch ?? '';
    store.outbox.acknowledge(epoch, 2);
    expect(store.outbox.agree({ epoch, sequence: 1 })).toBe(0);
    const batch = store.outbox.batchAfter(0, 1e6);
    expect(batch?.epoch).not.toBe(epoch);
    expect(batch?.items).toEqual([
      { item: 'gap', gap: { reason: 'coordinator-restored', items: 1, bytes: 0, covers: 2 } },
      gap,
    ]);
    store.close();
  });

  test('a host whose own output went back in time begins a new epoch', () => {
    const store = openStore(options(new TestHost()));
    store.outbox.append(gap);
    const epoch = store.outbox.batchAfter(0, 1e6)?.epoch ?? '';
    store.outbox.agree({ epoch, sequence: 5 });
    expect(store.outbox.batchAfter(0, 1e6)).toMatchObject({ firstSequence: 1, items: [gap] });
    expect(store.outbox.batchAfter(0, 1e6)?.epoch).not.toBe(epoch);
    store.close();
  });

  test('batches keep within their size and the order', () => {
    const store = openStore(options(new TestHost()));
    const record = (size: number) =>
      ({
        item: 'record',
        record: { stream: 's', atMs: 1, content: Buffer.alloc(size, 7), task: '', run: '' },
      }) as const;
    for (const size of [600, 600, 600]) store.outbox.append(record(size));
    const batch = store.outbox.batchAfter(0, 2_000);
    expect(batch?.items).toHaveLength(2);
    expect(store.outbox.batchAfter(2, 2_000)).toMatchObject({
      firstSequence: 3,
      items: [record(600)],
    });
    store.close();
  });
});

test('T24: a disk without space in the middle of the work is named and tried again, not a defect', async () => {
  const world = new World();
  world.host.stageTrouble = Object.assign(new Error('ENOSPC: no space left on device, mkdir'), {
    code: 'ENOSPC',
  });
  const agent = world.boot();
  await world.host.clock.advance(10_000);
  const report = world.host.coordinator.of('report').at(-1);
  expect(report?.upgrade).toMatchObject({
    step: 'fetching',
    detail: expect.stringMatching(
      /^file-unwritable: ENOSPC: no space left on device, mkdir; tried again from 20/,
    ),
  });
  agent.stop();
  await agent.ended;
});

test('a fetch that fails for now is tried again by its schedule, and the record keeps the count', async () => {
  const world = new World();
  world.host.stageTrouble = new CodedError('fetch-mismatch', 'other bytes');
  const agent = world.boot();
  await world.host.clock.advance(70_000);
  // T24: whoever looks meanwhile is told why it waits.
  const report = world.host.coordinator.of('report').at(-1);
  expect(report?.upgrade).toMatchObject({
    step: 'fetching',
    detail: expect.stringMatching(
      /^packages-not-refreshed: fetch-mismatch: other bytes; tried again from 20/,
    ),
  });
  agent.stop();
  await agent.ended;
  const store = world.host.store();
  const state = store.upgradeRecord.load(components());
  store.close();
  expect(state).toMatchObject({ kind: 'fetching', retry: { failures: 2 } });
});
