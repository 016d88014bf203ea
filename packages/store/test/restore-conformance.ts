/* A store that was restored from a backup, and agents that have seen more than it has. */
import { NO_CHANGES } from '@moult/core/changed-files';
import { ticketOf } from '@moult/core/identity';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Store } from '../src/index.ts';
import type { Engine } from './conformance.ts';
import {
  agent,
  D2,
  finish,
  NOW,
  order,
  ordered,
  publish,
  report,
  session,
} from './support/rows.ts';

const MINUTE = Math.floor(NOW / 60_000);
const NEWER = { version: '2.0.0', digest: D2 };

export function restoreConformance(engine: Engine): void {
  describe(`a restored store on ${engine.name}`, () => {
    let store: Store;
    let dispose: () => Promise<void>;
    beforeEach(async () => {
      const opened = await engine.open();
      store = opened.store;
      dispose = () => opened.dispose();
    });
    afterEach(() => dispose());
    lives(() => store);
    ahead(() => store);
    lostOrders(() => store);
  });
}

function lives(opened: () => Store): void {
  test('RS1: a restore begins a life above all that was seen, and waits to be adopted', async () => {
    const store = opened();
    await publish(store);
    const before = await store.read('storeLife', null);
    const own = await restored(store);
    expect(own).toEqual({ generation: MINUTE, position: before.position + 1 });
    expect(await store.read('storeLife', null)).toEqual(own);
    expect(await store.read('unadoptedLife', null)).toMatchObject({
      generation: MINUTE,
      from_generation: 1,
      from_position: before.position,
      origin: 'restored',
    });
    const again = await restored(store);
    expect(again.generation).toBe(MINUTE + 1);
  });

  test('RS4: while it is not adopted everything holds, and permission is denied for now', async () => {
    const store = opened();
    const { instanceId } = await agent(store, 'web-1');
    await restored(store);
    const command = await ordered(store, 'web-1');
    const dispatching = {
      instanceId,
      isConnected: true,
      nowMs: NOW,
      listeningSinceMs: NOW,
      resends: false,
    };
    const held = await store.write('dispatch', dispatching);
    expect(held.sends).toEqual([]);
    expect(held.open).toMatchObject([{ hold_reason: 'coordinator-restored' }]);
    const ask = { instanceId, commandId: command.id, attempt: 1, nowMs: NOW } as const;
    const denied = { kind: 'denied', reason: 'coordinator-restored', isFinal: false };
    expect(await store.write('decidePermission', { ...ask, point: 'switch' })).toEqual(denied);
    await store.write('adopt', order);
    expect(await store.read('unadoptedLife', null)).toBeNull();
    expect((await store.write('dispatch', dispatching)).sends).toMatchObject([{ id: command.id }]);
    const again = await store.write('adopt', { ...order, principal: 'bob' });
    expect(again.adopted_by).toBe('ann');
  });

  test('RS7: a lost order waits for its permission until the store is adopted; then it is over for good', async () => {
    const store = opened();
    const { instanceId } = await agent(store, 'web-1');
    await restored(store);
    const ask = { instanceId, commandId: 'lost', attempt: 1, nowMs: NOW, point: 'drain' } as const;
    expect(await store.write('decidePermission', ask)).toEqual({
      kind: 'denied',
      reason: 'coordinator-restored',
      isFinal: false,
    });
    await store.write('adopt', order);
    expect(await store.write('decidePermission', ask)).toEqual({
      kind: 'denied',
      reason: 'unknown-command',
      isFinal: true,
    });
  });

  test('a store that was never restored cannot be adopted', async () => {
    await expect(opened().write('adopt', order)).rejects.toMatchObject({ code: 'not-restored' });
  });

  test('RS3: an agent that has seen more marks the store as restored, above what it has seen', async () => {
    const store = opened();
    const { instanceId } = await agent(store, 'web-1');
    const { position } = await store.read('storeLife', null);
    const seen = { generation: 1, position: position + 1 };
    const welcome = await session(store, { instanceId, counter: 9, ticket: 'aa', seen });
    expect(welcome).toMatchObject({ kind: 'welcome', generation: MINUTE });
    expect(await store.read('unadoptedLife', null)).toMatchObject({
      origin: 'noticed',
      from_generation: 1,
      why: expect.stringContaining('web-1'),
    });
    const later = { generation: MINUTE + 5, position: 1 };
    await session(store, { instanceId, counter: 10, ticket: 'ff', seen: later });
    expect(await store.read('storeLife', null)).toMatchObject({ generation: MINUTE + 6 });
  });

  test('RS3: an agent is ahead of a store that was put back and has gone further since', async () => {
    const store = opened();
    const { instanceId } = await agent(store, 'web-1');
    const lost = { generation: 1, position: (await store.read('storeLife', null)).position + 1 };
    await store.write('beginRun', { nowMs: NOW, version: '1.0.0' });
    expect((await store.read('storeLife', null)).position).toBe(NOW);
    await agent(store, 'web-2');
    const welcome = await session(store, { instanceId, counter: 9, ticket: 'aa', seen: lost });
    expect(welcome).toMatchObject({ kind: 'welcome', generation: MINUTE });
    expect(await store.read('restoreSummary', null)).toMatchObject({ ahead: [{ name: 'web-1' }] });
  });

  test('RS3: an agent whose last session is not here is no clone, but shows that the store was put back', async () => {
    const store = opened();
    const { instanceId } = await agent(store, 'web-1');
    const ticket = ticketOf({ issuedMs: NOW, random: 'a'.repeat(32) });
    const welcome = await session(store, { instanceId, counter: 9, ticket });
    expect(welcome).toMatchObject({ kind: 'welcome', generation: MINUTE });
    expect(await store.read('unadoptedLife', null)).toMatchObject({
      origin: 'noticed',
      why: 'web-1 has had a session that this store does not have',
    });
  });

  test('RS3: what an agent that nobody validated says it has seen stops no fleet', async () => {
    const store = opened();
    await publish(store);
    const token = await store.write('createToken', {
      ...order,
      kind: 'enrollment',
      secretHash: 'hash',
      expiresMs: null,
      uses: 1,
      group: 'default',
      validates: false,
    });
    const { instanceId } = await store.write('enroll', {
      tokenId: token.id,
      secretHash: 'hash',
      publicKey: 'k',
      name: 'stranger',
      platform: 'linux-x64',
      bindsChannel: false,
      nowMs: NOW,
    });
    const seen = { generation: 7, position: 1_000_000 };
    await session(store, { instanceId, counter: 1, seen });
    expect(await store.read('unadoptedLife', null)).toBeNull();
  });
}

function ahead(opened: () => Store): void {
  test('RS2: the first session after a restore is taken as it shows itself, of two clones the second is caught', async () => {
    const store = opened();
    const { instanceId } = await agent(store, 'web-1');
    await session(store, { instanceId, counter: 1 });
    await restored(store);
    const first = await session(store, { instanceId, counter: 50, ticket: 'aa', newTicket: 'bb' });
    expect(first).toMatchObject({ kind: 'welcome' });
    const second = await session(store, { instanceId, counter: 51, ticket: 'aa', newTicket: 'cc' });
    expect(second).toMatchObject({ kind: 'welcome' });
    // The previous ticket was good once; whoever shows the older one after it is the copy.
    const copy = await session(store, { instanceId, counter: 51, ticket: 'aa' });
    expect(copy).toEqual({ kind: 'quarantined', isNew: true });
  });

  test('RS5: what an agent that is ahead proves counts as given: older choices never take it back', async () => {
    const store = opened();
    const { instanceId } = await agent(store, 'web-1');
    await choose(store, '1.0.0');
    const own = await restored(store);
    await session(store, { instanceId, counter: 9, ticket: 'aa', slot: NEWER, seen: beyond(own) });
    await reportNewer(store, instanceId);
    expect(await store.write('issueWanted', { instanceIds: [instanceId], nowMs: NOW })).toEqual([]);
    expect(await desired(store, 'web-1')).toEqual({ version: '2.0.0', from: 'last-finished' });
    const kinds = await kindsOf(store);
    expect(kinds).toContain('agent-ahead');
    expect(kinds).toContain('version-adopted');
    expect(kinds).not.toContain('reopened');
  });

  test('RS5: a choice made after the restore is for those as well that came back later', async () => {
    const store = opened();
    const { instanceId } = await agent(store, 'web-1');
    await session(store, { instanceId, counter: 1 });
    const own = await restored(store);
    await store.write('adopt', order);
    await choose(store, '1.0.0');
    await session(store, { instanceId, counter: 9, ticket: 'aa', slot: NEWER, seen: beyond(own) });
    await reportNewer(store, instanceId);
    const command = await store.read('openCommandsOfAll', [instanceId]);
    expect(command).toMatchObject([{ version: '1.0.0', origin: 'choice', state: 'queued' }]);
  });

  test('RS6: open orders of the backup are revoked where the host has seen later ones, and kept where not', async () => {
    const store = opened();
    const one = await agent(store, 'web-1');
    const other = await agent(store, 'web-2');
    const superseded = await ordered(store, 'web-1');
    const waiting = await ordered(store, 'web-2');
    const own = await restored(store);
    const newer = await ordered(store, 'web-1');
    await session(store, { instanceId: one.instanceId, counter: 9, seen: beyond(own) });
    const seen = { generation: 1, position: own.position - 1 };
    await session(store, { instanceId: other.instanceId, counter: 9, ticket: 'aa', seen });
    expect(await store.read('commandById', superseded.id)).toMatchObject({ state: 'skipped' });
    expect(await store.read('commandById', newer.id)).toMatchObject({ state: 'queued' });
    expect(await store.read('commandById', waiting.id)).toMatchObject({ state: 'queued' });
    const again = await restored(store);
    await session(store, {
      instanceId: one.instanceId,
      counter: 10,
      seen: { generation: own.generation, position: again.position + 9 },
    });
    expect(await store.read('commandById', newer.id)).toMatchObject({
      state: 'revoked',
      code: 'coordinator-restored',
    });
  });

  test('RS9: a summary says who was seen, who is ahead and what was kept', async () => {
    const store = opened();
    const { instanceId } = await agent(store, 'web-1');
    await agent(store, 'web-2');
    const own = await restored(store);
    await session(store, { instanceId, counter: 9, slot: NEWER, seen: beyond(own) });
    expect(await store.read('restoreSummary', null)).toMatchObject({
      life: { generation: own.generation, adopted_ms: null },
      agents: 2,
      seen: 1,
      ahead: [{ name: 'web-1', version: '2.0.0', isSettled: true, missing: null }],
      orphans: 0,
    });
  });
}

function lostOrders(opened: () => Store): void {
  test('C9: what an order gave is as old as the order: a choice that was made while it was under way comes after it', async () => {
    const store = opened();
    const { instanceId } = await agent(store, 'web-1');
    const command = await ordered(store, 'web-1');
    await session(store, { instanceId, counter: 1, slot: NEWER, commandNonce: command.nonce });
    await choose(store, '1.0.0');
    await finish(store, { instanceId, commandId: command.id, sequence: 1 });
    expect(await store.read('commandById', command.id)).toMatchObject({ state: 'succeeded' });
    expect(await desired(store, 'web-1')).toMatchObject({ version: '1.0.0', from: 'fleet' });
  });

  const lost = { commandId: '01lostorder', attempt: 3, component: 'agent', nonce: 'ee' } as const;

  test('RS8: a version on trial for a lost order is adopted by its digest, confirmed and given', async () => {
    const store = opened();
    const { instanceId } = await agent(store, 'web-1');
    await session(store, { instanceId, counter: 1 });
    const own = await restored(store);
    const trial = { instanceId, counter: 9, slot: NEWER, seen: beyond(own), commandNonce: 'ee' };
    expect(await session(store, trial)).toMatchObject({ attestation: { kind: 'unknown' } });
    const ask = { ...lost, instanceId, nowMs: NOW };
    expect(await store.write('adoptAttempt', ask)).toBe('adopted');
    expect(await store.read('commandById', lost.commandId)).toMatchObject({
      origin: 'adopted',
      state: 'running',
      version: '2.0.0',
    });
    expect(await store.write('confirmAttempt', ask)).toBe(true);
    expect(await store.write('adoptAttempt', ask)).toBe('not-ahead');
  });

  test('RS8: a digest of no published release waits, named, until that release is published', async () => {
    const store = opened();
    const { instanceId } = await agent(store, 'web-1');
    const own = await restored(store);
    const slot = { version: '3.0.0', digest: '3'.repeat(64) };
    await session(store, { instanceId, counter: 9, slot, seen: beyond(own), commandNonce: 'ee' });
    const ask = { ...lost, instanceId, nowMs: NOW };
    expect(await store.write('adoptAttempt', ask)).toBe('release-missing');
    const upgrade = { ...lost, step: 'probation', detail: '', bytesDone: 0, bytesTotal: 0 };
    await report(store, instanceId, [], { upgrade });
    expect(await store.read('restoreSummary', null)).toMatchObject({
      ahead: [{ isSettled: false, missing: { component: 'agent', version: '3.0.0' } }],
    });
    await publish(store, [[slot.version, slot.digest]]);
    expect(await store.write('adoptAttempt', ask)).toBe('adopted');
    expect(await store.read('restoreSummary', null)).toMatchObject({ ahead: [{ missing: null }] });
  });

  test('RS8: without a restore an unknown order is adopted by nobody', async () => {
    const store = opened();
    const { instanceId } = await agent(store, 'web-1');
    await session(store, { instanceId, counter: 1, slot: NEWER, commandNonce: 'ee' });
    const ask = { ...lost, instanceId, nowMs: NOW };
    expect(await store.write('adoptAttempt', ask)).toBe('not-ahead');
    const own = await restored(store);
    await session(store, { instanceId, counter: 2, ticket: 'ff', commandNonce: 'ee', slot: NEWER });
    expect(await store.write('adoptAttempt', ask)).toBe('not-ahead');
    expect(own.generation).toBe(MINUTE);
  });
}

function restored(store: Store) {
  return store.write('beginLife', { ...order, origin: 'restored', aboveGeneration: 0 });
}

/** More of the first life than was left of it. */
function beyond(own: { readonly position: number }) {
  return { generation: 1, position: own.position + 100 };
}

async function choose(store: Store, version: string): Promise<void> {
  const choice = { scope: 'fleet', subject: '', component: 'agent', version } as const;
  await store.write('choose', { ...order, ...choice });
}

async function reportNewer(store: Store, instanceId: string): Promise<void> {
  const component = {
    component: 'agent',
    current: NEWER,
    previous: null,
    trialAttemptId: '',
    changes: NO_CHANGES,
  } as const;
  await report(store, instanceId, [], { components: [{ ...component, refused: [] }] });
}

async function desired(store: Store, name: string) {
  const view = await store.read('agentByName', name);
  const found = await store.read('desiredOf', {
    instanceId: view?.instance.id ?? '',
    agentName: name,
    group: 'default',
    component: 'agent',
    row: view?.components[0] ?? null,
  });
  return found.desired;
}

async function kindsOf(store: Store): Promise<readonly string[]> {
  const page = { agent: null, before: null, after: null, limit: 1000 };
  return (await store.read('historyPage', page)).map((row) => row.kind);
}
