import { NO_CHANGES, type SlotChanges } from '@moult/core/changed-files';
import { expect, test } from 'vitest';
import type { Store, WriteArgs } from '../src/index.ts';
import { agent, D1, D2, finish, NOW, order, ordered, session } from './support/rows.ts';

/** An instance at rest, and what is read beside the writers: kept apart from the commands themselves. */
export function restConformance(opened: () => Store): void {
  const choice = { scope: 'fleet', subject: '', component: 'agent' } as const;

  test('at rest is who runs what is desired with nothing open: deciding about it writes nothing', async () => {
    const { instanceId } = await agent(opened(), 'a');
    const isAtRest = () => opened().read('isAtRest', instanceId);
    expect(await isAtRest()).toBe(true);
    await opened().write('choose', { ...order, ...choice, version: '2.0.0' });
    expect(await isAtRest()).toBe(false);
    await opened().write('choose', { ...order, ...choice, version: '1.0.0' });
    expect(await isAtRest()).toBe(true);
    const before = await historyKinds(opened());
    const done = await opened().write('dispatch', {
      instanceId,
      isConnected: true,
      listeningSinceMs: 0,
      nowMs: NOW,
      resends: true,
    });
    expect(done).toEqual({ sends: [], open: [], takenBack: [], group: null });
    expect(await historyKinds(opened())).toEqual(before);
    await ordered(opened(), 'a');
    expect(await isAtRest()).toBe(false);
  });

  test('who shows another digest than the last order gave is not at rest', async () => {
    const { instanceId } = await agent(opened(), 'a');
    const command = await ordered(opened(), 'a');
    const shown = { instanceId, counter: 1, commandNonce: command.nonce };
    await session(opened(), { ...shown, slot: { version: '2.0.0', digest: D2 } });
    await finish(opened(), { instanceId, commandId: command.id, sequence: 1 });
    await opened().write('recordReport', reportOf(instanceId, { version: '2.0.0', digest: D2 }));
    expect(await opened().read('isAtRest', instanceId)).toBe(true);
    await session(opened(), { instanceId, counter: 2, ticket: 'ff' });
    expect(await opened().read('isAtRest', instanceId)).toBe(false);
  });

  test('a report is known word for word, and is not when one word differs', async () => {
    const { instanceId } = await agent(opened(), 'a');
    const known = reportOf(instanceId);
    const isStored = (changed: object) => opened().read('isReportStored', { ...known, ...changed });
    expect(await isStored({ nowMs: NOW + 1 })).toBe(true);
    const [part] = known.components;
    const upgrade = { commandId: 'c', attempt: 1, component: 'agent', step: 'fetching' };
    for (const changed of [
      { state: 'Paused' },
      { marks: ['probation'] },
      { isIdle: false },
      { facts: [{ name: 'os', value: 'Linux' }] },
      { upgrade: { ...upgrade, detail: '', bytesDone: 0, bytesTotal: 0 } },
      { components: [{ ...part, trialAttemptId: 'c/1' }] },
      { components: [{ ...part, component: 'launcher' }] },
      { configurationTrouble: 'tasks.yaml: not a map' },
      { components: [{ ...part, changes: CHANGES }] },
      { kept: [KEPT] },
      { instanceId: 'another' },
    ]) {
      expect(await isStored(changed)).toBe(false);
    }
  });

  test('H16: what was changed by hand is history once, and so is where it is kept', async () => {
    const { instanceId } = await agent(opened(), 'a');
    const told = async (changes: SlotChanges, kept: readonly (typeof KEPT)[] = []) => {
      const known = reportOf(instanceId);
      const components = known.components.map((part) => ({ ...part, changes }));
      await opened().write('recordReport', { ...known, components, kept });
      const page = { agent: 'a', before: null, after: null, limit: 1000 };
      const rows = await opened().read('historyPage', page);
      return rows.flatMap(({ kind, detail }) =>
        ['changed-by-hand', 'kept-aside'].includes(kind) ? [[kind, JSON.parse(detail)]] : [],
      );
    };
    const files = 'lib/agent.cjs (changed)';
    const seen = ['changed-by-hand', { version: '1.0.0', files }];
    const kept = ['kept-aside', { version: '1.0.0', files, dir: KEPT.dir }];
    expect(await told(NO_CHANGES)).toEqual([]);
    expect(await told(CHANGES)).toEqual([seen]);
    expect(await told(CHANGES)).toEqual([seen]);
    expect(await told(NO_CHANGES, [KEPT])).toEqual([kept, seen]);
    expect(await told(NO_CHANGES, [KEPT])).toEqual([kept, seen]);
    const view = await opened().read('agentByName', 'a');
    expect(JSON.parse(view?.instance.kept ?? '')).toEqual([KEPT]);
  });

  test('what is desired of many is what is desired of each', async () => {
    const { instanceId } = await agent(opened(), 'a');
    const other = await agent(opened(), 'b');
    const last = await agent(opened(), 'c');
    await opened().write('choose', { ...order, ...choice, version: '1.0.0' });
    const own = { ...choice, scope: 'agent', subject: 'b' } as const;
    await opened().write('choose', { ...order, ...own, version: '2.0.0' });
    await ordered(opened(), 'a');
    const subjects = [
      { instanceId, agentName: 'a' },
      { instanceId: other.instanceId, agentName: 'b' },
      { instanceId: last.instanceId, agentName: 'c' },
    ].map((one) => ({ ...one, group: 'default', row: null }));
    const all = await opened().read('desiredOfAll', { component: 'agent', subjects });
    expect(all.map(({ desired }) => desired?.from)).toEqual(['manual-command', 'agent', 'fleet']);
    for (const [index, one] of subjects.entries()) {
      expect(await opened().read('desiredOf', { ...one, component: 'agent' })).toEqual(all[index]);
    }
  });
}

const PART = { previous: null, refused: [], trialAttemptId: '', changes: NO_CHANGES };
const FILE = {
  path: 'lib/agent.cjs',
  how: 'changed',
  sha256: D2,
  bytes: 4,
  modifiedMs: 5,
} as const;
const CHANGES = { files: [FILE], count: 1 };
const KEPT = {
  dir: '/var/lib/moult/kept/1.0.0-aaaaaaaa-20261127T031500Z',
  component: 'agent',
  version: '1.0.0',
  keptMs: NOW,
  changes: CHANGES,
} as const;

function reportOf(
  instanceId: string,
  current = { version: '1.0.0', digest: D1 },
): WriteArgs<'recordReport'> {
  return {
    instanceId,
    state: 'Up',
    marks: [],
    isIdle: true,
    facts: [],
    labels: {},
    upgrade: null,
    tasks: [],
    configurationTrouble: '',
    kept: [],
    nowMs: NOW,
    components: [{ component: 'agent', current, ...PART }],
  };
}

async function historyKinds(store: Store): Promise<readonly string[]> {
  const page = { agent: null, before: null, after: null, limit: 1000 };
  return (await store.read('historyPage', page)).map((row) => row.kind);
}
