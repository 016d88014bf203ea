/* What every engine of the store must do: written against the interface alone, run for each of them. */
import { COMMAND_TRANSITIONS, type CommandState } from '@moult/core/command';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Store } from '../src/index.ts';
import { controls } from './conformance-controls.ts';
import { restConformance } from './conformance-rest.ts';
import {
  agent,
  D1,
  D2,
  enroll,
  finish,
  instance,
  kinds,
  NOW,
  order,
  ordered,
  publish,
  report,
  session,
} from './support/rows.ts';
import { makeToken } from './support/tokens.ts';

export interface Engine {
  readonly name: string;
  /** An empty store. */
  open(): Promise<{ readonly store: Store; dispose(): Promise<void> }>;
}

export function conformance(engine: Engine): void {
  describe(`a store on ${engine.name}`, () => {
    let store: Store;
    let dispose: () => Promise<void>;
    beforeEach(async () => {
      const opened = await engine.open();
      store = opened.store;
      dispose = () => opened.dispose();
    });
    afterEach(() => dispose());
    const opened = (): Store => store;
    durability(opened);
    tokens(opened);
    sessions(opened);
    commands(opened);
    output(opened);
    choices(opened);
    restConformance(opened);
    controls(opened);
  });
}

function durability(opened: () => Store): void {
  test('writes that are submitted together are all answered, each with its own result', async () => {
    const made = await Promise.all(
      Array.from({ length: 700 }, (_, index) => makeToken(opened(), { why: String(index) })),
    );
    expect(made.map((token) => token.why)).toEqual(
      Array.from({ length: 700 }, (_, i) => String(i)),
    );
    expect(await opened().read('allTokens', null)).toHaveLength(700);
  });

  test('one that fails takes back only itself', async () => {
    const [first, failed, last] = await Promise.allSettled([
      makeToken(opened(), { why: 'first' }),
      opened().write('orderUpgrade', {
        ...order,
        agentName: 'nobody',
        component: 'agent',
        version: null,
        isForced: false,
        key: null,
      }),
      makeToken(opened(), { why: 'last' }),
    ]);
    expect([first.status, failed.status, last.status]).toEqual([
      'fulfilled',
      'rejected',
      'fulfilled',
    ]);
    expect(failed).toMatchObject({ reason: { code: 'not-found' } });
    expect(await opened().read('allTokens', null)).toHaveLength(2);
  });

  test('a write that failed half-way leaves nothing of its first half', async () => {
    await publish(opened());
    const { position } = await opened().read('storeLife', null);
    const wrong = { ...order, component: 'agent', version: '7.0.0' } as const;
    await expect(opened().write('recordPublish', wrong)).rejects.toMatchObject({
      code: 'release-unknown',
    });
    expect((await opened().read('storeLife', null)).position).toBe(position);
  });

  test('a root that went live is said once, however often it is told', async () => {
    const root = { ...order, version: 2, sha256: D1 };
    await opened().write('recordRoot', root);
    const { position } = await opened().read('storeLife', null);
    await opened().write('recordRoot', root);
    expect((await opened().read('storeLife', null)).position).toBe(position);
    await opened().write('recordRoot', { ...root, version: 3 });
    expect((await opened().read('storeLife', null)).position).toBe(position + 1);
  });

  test('a read that starts after a write sees it', async () => {
    for (let round = 0; round < 50; round++) {
      const token = await makeToken(opened(), {});
      expect(await opened().read('tokenById', token.id)).toMatchObject({ id: token.id });
    }
  });

  test('a closed store says so, and closing twice is one close', async () => {
    const store = opened();
    await Promise.all([store.close(), store.close()]);
    await expect(makeToken(store, {})).rejects.toMatchObject({ code: 'store-closed' });
  });

  test('positions in history only grow', async () => {
    await Promise.all(Array.from({ length: 50 }, () => makeToken(opened(), {})));
    const page = { agent: null, before: null, after: null, limit: 100 };
    const positions = (await opened().read('historyPage', page)).map((row) => row.position);
    expect(positions).toEqual([...positions].sort((a, b) => b - a));
    expect(new Set(positions).size).toBe(50);
  });
}

function tokens(opened: () => Store): void {
  test('of two enrollments at once with a one-use token one wins', async () => {
    const token = await makeToken(opened(), {});
    const tries = await Promise.allSettled([
      enroll(opened(), { tokenId: token.id, name: 'a', publicKey: 'A' }),
      enroll(opened(), { tokenId: token.id, name: 'b', publicKey: 'B' }),
    ]);
    expect(tries.map((one) => one.status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(tries.find((one) => one.status === 'rejected')).toMatchObject({
      reason: { code: 'token-used' },
    });
  });

  test('the same key may ask again with the same token, also when it is used up, expired or revoked', async () => {
    const token = await makeToken(opened(), { expiresMs: NOW + 1_000 });
    const as = { tokenId: token.id, name: 'a', publicKey: 'A' };
    const first = await enroll(opened(), as);
    await opened().write('revokeToken', { ...order, id: token.id });
    const again = await enroll(opened(), { ...as, nowMs: NOW + 5_000 });
    expect(again).toEqual({ ...first, isNew: false });
    const other = await makeToken(opened(), {});
    await expect(enroll(opened(), { ...as, tokenId: other.id })).rejects.toMatchObject({
      code: 'key-enrolled',
    });
  });

  test('expired, revoked and foreign tokens, and taken names, are refused by name', async () => {
    const expired = await makeToken(opened(), { expiresMs: NOW });
    const revoked = await makeToken(opened(), {});
    await opened().write('revokeToken', { ...order, id: revoked.id });
    const good = await makeToken(opened(), { uses: 2 });
    await enroll(opened(), { tokenId: good.id, name: 'a', publicKey: 'A' });
    const refusals: readonly [string, string, string][] = [
      [expired.id, 'x', 'token-expired'],
      [revoked.id, 'x', 'token-revoked'],
      ['none', 'x', 'token-invalid'],
      [good.id, 'a', 'name-taken'],
    ];
    for (const [tokenId, name, code] of refusals) {
      const tried = enroll(opened(), { tokenId, name, publicKey: 'X' });
      await expect(tried).rejects.toMatchObject({ code });
    }
  });
}

function sessions(opened: () => Store): void {
  test('a counter that was left behind is a clone: the instance is quarantined and stays so', async () => {
    const { instanceId } = await agent(opened(), 'a');
    const first = await session(opened(), { instanceId, counter: 1, newTicket: 'aa' });
    expect(first.kind).toBe('welcome');
    await session(opened(), { instanceId, counter: 2, ticket: 'aa', newTicket: 'bb' });
    const clone = await session(opened(), { instanceId, counter: 2, ticket: 'aa' });
    expect(clone).toEqual({ kind: 'quarantined', isNew: true });
    const after = await session(opened(), { instanceId, counter: 3, ticket: 'bb' });
    expect(after).toEqual({ kind: 'quarantined', isNew: false });
    expect(await kinds(opened())).toContain('quarantined');
  });

  test('C11: another digest than the last order gave is said once in history', async () => {
    const { instanceId } = await agent(opened(), 'a');
    const command = await ordered(opened(), 'a');
    const { nonce } = command;
    await session(opened(), {
      instanceId,
      counter: 1,
      commandNonce: nonce,
      slot: { version: '2.0.0', digest: D2 },
    });
    await finish(opened(), { instanceId, commandId: command.id, sequence: 1 });
    for (let counter = 2; counter <= 4; counter++) {
      const { session_ticket: ticket } = await instance(opened(), instanceId);
      await session(opened(), { instanceId, counter, ticket, newTicket: `${counter}` });
    }
    expect((await kinds(opened())).filter((kind) => kind === 'reopened')).toHaveLength(1);
  });
}

/** Puts a command in a state by the events that lead there. */
async function commandIn(store: Store, state: CommandState): Promise<string> {
  const { instanceId } = await agent(store, 'a');
  const { id } = await ordered(store, 'a');
  const ref = { instanceId, commandId: id, attempt: 1, nowMs: NOW };
  const isConnected = true;
  if (state === 'queued') return id;
  if (state === 'skipped') {
    await ordered(store, 'a');
    return id;
  }
  if (state === 'expired') {
    const late = NOW + 40 * 86_400_000;
    await store.write('dispatch', {
      instanceId,
      isConnected,
      listeningSinceMs: 0,
      nowMs: late,
      resends: false,
    });
    return id;
  }
  await store.write('dispatch', {
    instanceId,
    isConnected,
    listeningSinceMs: 0,
    nowMs: NOW,
    resends: false,
  });
  if (state === 'sent') return id;
  await store.write('recordAccepted', ref);
  if (state === 'accepted') return id;
  const progress = { ...ref, step: 'fetching', bytesDone: 1, bytesTotal: 2, hostHoldReason: null };
  await store.write('recordProgress', progress);
  if (state === 'running') return id;
  if (state === 'succeeded')
    await session(store, { instanceId, counter: 1, slot: { version: '2.0.0', digest: D2 } });
  await finish(store, {
    instanceId,
    commandId: id,
    sequence: 1,
    outcome: state === 'failed' ? 'failed' : 'succeeded',
  });
  return id;
}

const REACHED: readonly CommandState[] = [
  'queued',
  'sent',
  'accepted',
  'running',
  'succeeded',
  'failed',
  'skipped',
  'expired',
];

function commands(opened: () => Store): void {
  test.each(REACHED)(
    'C2: a command that is %s follows the table for each frame of the host',
    async (state) => {
      const id = await commandIn(opened(), state);
      const row = await opened().read('commandById', id);
      expect(row?.state).toBe(state);
      const ref = { instanceId: row?.instance_id ?? '', commandId: id, attempt: 1, nowMs: NOW };
      await opened().write('recordAccepted', ref);
      // Ended commands take no acceptance: all cells of theirs are `ignore`.
      const cell = COMMAND_TRANSITIONS[state].accepted;
      expect((await opened().read('commandById', id))?.state).toBe(
        cell === 'ignore' ? state : cell,
      );
    },
  );

  test('C3: what was sent and not answered is queued again when the session ends', async () => {
    const id = await commandIn(opened(), 'sent');
    await opened().write('lapse', { instanceId: null, nowMs: NOW });
    expect(await opened().read('commandById', id)).toMatchObject({
      state: 'queued',
      hold_reason: 'agent-down',
    });
  });

  test('C4, C5: not-after ends what nobody accepted, and an accepted one goes on', async () => {
    const id = await commandIn(opened(), 'accepted');
    const instanceId = (await opened().read('commandById', id))?.instance_id ?? '';
    const late = {
      isConnected: true,
      listeningSinceMs: 0,
      nowMs: NOW + 40 * 86_400_000,
      resends: false,
    };
    await opened().write('dispatch', { instanceId, ...late });
    expect(await opened().read('commandById', id)).toMatchObject({
      state: 'accepted',
      ended_ms: null,
    });
  });

  test('C6: the same key gives the same command', async () => {
    await agent(opened(), 'a');
    const first = await ordered(opened(), 'a', 'k');
    const again = await ordered(opened(), 'a', 'k');
    expect(again.id).toBe(first.id);
  });

  test('C7, C8: each order is in history with who and why', async () => {
    await agent(opened(), 'a');
    const { id, position } = await ordered(opened(), 'a');
    const page = { agent: 'a', before: null, after: null, limit: 10 };
    const entry = (await opened().read('historyPage', page)).find(
      (row) => row.position === position,
    );
    expect(entry).toMatchObject({
      kind: 'command-queued',
      command_id: id,
      principal: 'ann',
      why: 'because',
    });
  });

  test('C12, RS7: permission is denied for good once the command has ended, and when it is unknown', async () => {
    const id = await commandIn(opened(), 'skipped');
    const instanceId = (await opened().read('commandById', id))?.instance_id ?? '';
    const ask = { instanceId, attempt: 1, nowMs: NOW, point: 'switch' } as const;
    expect(await opened().write('decidePermission', { ...ask, commandId: id })).toEqual({
      kind: 'denied',
      reason: 'skipped',
      isFinal: true,
    });
    expect(await opened().write('decidePermission', { ...ask, commandId: 'lost' })).toMatchObject({
      reason: 'unknown-command',
      isFinal: true,
    });
  });
}

function output(opened: () => Store): void {
  test('C13, C14: a batch again changes nothing, an unknown finish is kept, and the sequence moves with it', async () => {
    const { instanceId } = await agent(opened(), 'a');
    const first = await finish(opened(), { instanceId, commandId: 'unknown', sequence: 1 });
    expect(first).toEqual({ lastSequence: 1, finished: [{ kind: 'orphan' }] });
    const again = await finish(opened(), { instanceId, commandId: 'unknown', sequence: 1 });
    expect(again).toEqual({ lastSequence: 1, finished: [] });
    expect(await instance(opened(), instanceId)).toMatchObject({
      output_epoch: 'e',
      output_sequence: 1,
    });
    await finish(opened(), { instanceId, commandId: 'unknown', sequence: 2 });
    expect((await kinds(opened())).filter((kind) => kind === 'orphan-kept')).toHaveLength(1);
  });

  test('a new epoch begins anew; a hole is said in history', async () => {
    const { instanceId } = await agent(opened(), 'a');
    const item = {
      kind: 'record',
      stream: 's',
      task: '',
      run: '',
      atMs: 1,
      content: Uint8Array.of(1),
    } as const;
    const batch = { instanceId, items: [item], nowMs: NOW };
    await opened().write('storeOutput', { ...batch, epoch: 'e', firstSequence: 1 });
    await opened().write('storeOutput', { ...batch, epoch: 'f', firstSequence: 1 });
    const far = await opened().write('storeOutput', { ...batch, epoch: 'f', firstSequence: 9 });
    expect(far.lastSequence).toBe(9);
    const written = await kinds(opened());
    expect(written.filter((kind) => kind.startsWith('output-'))).toEqual([
      'output-missing',
      'output-epoch',
    ]);
  });
}

function choices(opened: () => Store): void {
  test('C9: a choice gives each instance that differs one command, once; a refused version is held', async () => {
    const { instanceId } = await agent(opened(), 'a');
    const choice = { scope: 'fleet', subject: '', component: 'agent', version: '2.0.0' } as const;
    await opened().write('choose', { ...order, ...choice });
    const issue = { instanceIds: [instanceId], nowMs: NOW };
    expect(await opened().write('issueWanted', issue)).toHaveLength(1);
    expect(await opened().write('issueWanted', issue)).toHaveLength(0);
    await report(opened(), instanceId, [{ version: '2.0.0', digest: D2 }]);
    const done = await opened().write('dispatch', {
      instanceId,
      isConnected: true,
      listeningSinceMs: 0,
      nowMs: NOW,
      resends: false,
    });
    expect(done.open).toMatchObject([{ state: 'queued', hold_reason: 'refused-here' }]);
  });

  test('a command that outlived its time is issued anew while the choice stands', async () => {
    const { instanceId } = await agent(opened(), 'a');
    const choice = { scope: 'fleet', subject: '', component: 'agent', version: '2.0.0' } as const;
    await opened().write('choose', { ...order, ...choice });
    await opened().write('issueWanted', { instanceIds: [instanceId], nowMs: NOW });
    const late = {
      isConnected: false,
      listeningSinceMs: 0,
      nowMs: NOW + 31 * 86_400_000,
      resends: false,
    };
    const done = await opened().write('dispatch', { instanceId, ...late });
    expect(done.open).toMatchObject([{ state: 'queued', hold_reason: 'agent-down' }]);
    const page = { agent: 'a', state: 'all', before: null, limit: 10 } as const;
    const states = (await opened().read('commandPage', page)).map((row) => row.state);
    expect(states.sort()).toEqual(['expired', 'queued']);
  });

  test('C16: what failed before the switch is issued anew, later and later; what was rolled back is not', async () => {
    const { instanceId } = await agent(opened(), 'a');
    const choice = { scope: 'fleet', subject: '', component: 'agent', version: '2.0.0' } as const;
    await opened().write('choose', { ...order, ...choice });
    await opened().write('issueWanted', { instanceIds: [instanceId], nowMs: NOW });
    const page = { agent: 'a', state: 'open', before: null, limit: 10 } as const;
    const waits: number[] = [];
    for (const [sequence, outcome] of ['failed', 'failed', 'rolled-back'].entries()) {
      const [open] = await opened().read('commandPage', page);
      waits.push((open?.not_before_ms ?? 0) - NOW);
      const ended = { instanceId, commandId: open?.id ?? '', sequence: sequence + 1, outcome };
      await finish(opened(), ended);
    }
    expect(waits).toEqual([-NOW, 3_600_000, 7_200_000]);
    expect(await opened().read('commandPage', page)).toEqual([]);
  });

  test('what is not published cannot be chosen', async () => {
    const choice = { scope: 'fleet', subject: '', component: 'agent', version: '3.0.0' } as const;
    const tried = opened().write('choose', { ...order, ...choice });
    await expect(tried).rejects.toMatchObject({ code: 'desired-version-invalid' });
  });
}
