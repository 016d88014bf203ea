/* What every engine must do with control commands, with taking back, removing, vanished hosts and repairs. */
import type { ControlKind } from '@moult/core/command';
import { describe, expect, test } from 'vitest';
import type { RefusedSlot, Store, WriteArgs } from '../src/index.ts';
import {
  agent,
  D1,
  D2,
  finish,
  instance,
  kinds,
  NOW,
  order,
  ordered,
  report,
  session,
} from './support/rows.ts';

const DAY_MS = 86_400_000;
const SECOND = { version: '2.0.0', digest: D2 } as const;
const FIRST = { version: '1.0.0', digest: D1 } as const;

export function controls(opened: () => Store): void {
  describe('controls', () => ordering(opened));
  describe('taking back', () => takingBack(opened));
  describe('what a host has', () => saidAgain(opened));
  describe('hosts that vanish', () => vanishing(opened));
  describe('without a launcher', () => awaitingStart(opened));
  describe('repair', () => repairing(opened));
}

function ordering(opened: () => Store): void {
  test('A1: a pause is queued, sent to an agent that can, and ended by its word', async () => {
    const { instanceId } = await connected(opened());
    const { id } = await controlled(opened(), instanceId, 'pause');
    const { sends } = await dispatched(opened(), instanceId);
    expect(sends).toMatchObject([{ id, kind: 'pause', state: 'sent' }]);
    await finish(opened(), { instanceId, commandId: id, sequence: 1 });
    expect(await opened().read('commandById', id)).toMatchObject({ state: 'succeeded' });
  });

  test('A1: what is so already orders nothing, what means nothing is refused with its reason', async () => {
    const { instanceId } = await connected(opened());
    const act = (kind: ControlKind, isConnected = true) =>
      opened().write('orderControl', { ...order, instanceId, isConnected, kind, key: null });
    expect(await act('resume')).toEqual({ kind: 'nothing', state: 'Up' });
    expect(await act('restart', false)).toEqual({ kind: 'refused', reason: 'agent-down' });
    expect(await act('pause', false)).toMatchObject({ kind: 'ordered', isNew: true });
  });

  test('an order that is no upgrade wants no version', async () => {
    const { instanceId } = await connected(opened());
    await controlled(opened(), instanceId, 'pause', false);
    const subject = { instanceId, agentName: 'a', group: 'default', row: null };
    const nothing = { desired: null, choice: null };
    const one = { ...subject, component: 'agent' } as const;
    expect(await opened().read('desiredOf', one)).toEqual(nothing);
    const all = { component: 'agent', subjects: [subject] } as const;
    expect(await opened().read('desiredOfAll', all)).toEqual([nothing]);
  });

  test('an agent that cannot do it is not sent it', async () => {
    const { instanceId } = await agent(opened(), 'a');
    await session(opened(), { instanceId, counter: 1, capabilities: ['auto-upgrade'] });
    const act = { ...order, instanceId, isConnected: true, kind: 'pause', key: null } as const;
    expect(await opened().write('orderControl', act)).toEqual({ kind: 'incapable' });
  });

  test('of a pause and a resume that both wait the newer one stands', async () => {
    const { instanceId } = await connected(opened());
    const pause = await controlled(opened(), instanceId, 'pause', false);
    const resume = await controlled(opened(), instanceId, 'resume', false);
    expect(await opened().read('commandById', pause.id)).toMatchObject({ state: 'skipped' });
    expect(await opened().read('commandById', resume.id)).toMatchObject({ state: 'queued' });
  });

  test('a resume after a pause that is on its way is ordered, though the agent is still Up', async () => {
    const { instanceId } = await connected(opened());
    await controlled(opened(), instanceId, 'pause');
    await dispatched(opened(), instanceId);
    expect(await controlled(opened(), instanceId, 'resume')).toMatchObject({ state: 'queued' });
  });

  test('C6: the same key gives the same control command', async () => {
    const { instanceId } = await connected(opened());
    const act = { ...order, instanceId, isConnected: true, kind: 'pause', key: 'k' } as const;
    const first = await opened().write('orderControl', act);
    expect(await opened().write('orderControl', act)).toMatchObject({
      kind: 'ordered',
      isNew: false,
      command: { id: first.kind === 'ordered' ? first.command.id : '' },
    });
  });

  test('C17: an upgrade goes out before what was ordered earlier, which waits for ten minutes at most', async () => {
    const { instanceId } = await connected(opened());
    const { id } = await controlled(opened(), instanceId, 'pause');
    const upgrade = await ordered(opened(), 'a');
    const first = await dispatched(opened(), instanceId);
    expect(first.sends.map((command) => command.id)).toEqual([upgrade.id]);
    expect(await opened().read('commandById', id)).toMatchObject({ hold_reason: 'upgrading' });
    const later = await dispatched(opened(), instanceId, { nowMs: NOW + 600_000 });
    expect(later.sends.map((command) => command.id)).toContain(id);
  });

  test('a removed instance keeps its history, loses its orders, and gets no new ones', async () => {
    const { instanceId } = await connected(opened());
    const waiting = await ordered(opened(), 'a');
    const removed = { ...order, instanceId, isConnected: true };
    expect(await opened().write('removeInstance', removed)).toEqual({ kind: 'removed' });
    expect(await opened().read('commandById', waiting.id)).toMatchObject({
      state: 'skipped',
      outcome: 'removed',
    });
    expect(await opened().read('agentByName', 'a')).toBeNull();
    expect(await kinds(opened())).toContain('decommissioned');
    await expect(opened().write('removeInstance', removed)).rejects.toMatchObject({
      code: 'not-found',
    });
    const choice = { scope: 'fleet', subject: '', component: 'agent', version: '2.0.0' } as const;
    await opened().write('choose', { ...order, ...choice });
    const issue = { instanceIds: [instanceId], nowMs: NOW };
    expect(await opened().write('issueWanted', issue)).toEqual([]);
  });

  test('A1: an agent is not removed while it upgrades', async () => {
    const { instanceId } = await connected(opened());
    await report(opened(), instanceId, [], { state: 'Upgrading' });
    const removed = { ...order, instanceId, isConnected: true };
    expect(await opened().write('removeInstance', removed)).toEqual({
      kind: 'refused',
      reason: 'upgrading',
    });
  });
}

function takingBack(opened: () => Store): void {
  test('R11: an upgrade can be skipped until its fetching starts, and not after', async () => {
    const { instanceId } = await connected(opened());
    const { id } = await ordered(opened(), 'a');
    await dispatched(opened(), instanceId);
    const ref = { instanceId, commandId: id, attempt: 1, nowMs: NOW };
    await opened().write('recordAccepted', ref);
    const upgrade = { commandId: id, attempt: 1, component: 'agent', step: 'fetching' } as const;
    const bytes = { detail: '', bytesDone: 0, bytesTotal: 0 };
    await report(opened(), instanceId, [], { upgrade: { ...upgrade, ...bytes } });
    await expect(opened().write('skipCommand', { ...order, id })).rejects.toMatchObject({
      code: 'too-late',
    });
    await report(opened(), instanceId, [], {
      upgrade: { ...upgrade, ...bytes, step: 'preflight' },
    });
    expect(await opened().write('skipCommand', { ...order, id })).toMatchObject({
      effect: 'stopped',
      command: { state: 'skipped' },
    });
    const ask = { ...ref, point: 'drain' } as const;
    expect(await opened().write('decidePermission', ask)).toEqual({
      kind: 'denied',
      reason: 'skipped',
      isFinal: true,
    });
  });

  test('C12, C20: what is revoked before the switch was granted is stopped, what is revoked after it is too late', async () => {
    const { instanceId } = await connected(opened());
    for (const [counter, point, effect] of [
      [2, 'drain', 'stopped'],
      [3, 'switch', 'too-late'],
    ] as const) {
      const { id } = await ordered(opened(), 'a');
      await dispatched(opened(), instanceId);
      const ref = { instanceId, commandId: id, attempt: 1, nowMs: NOW };
      await opened().write('recordAccepted', ref);
      expect(await opened().write('decidePermission', { ...ref, point })).toEqual({
        kind: 'granted',
      });
      expect(
        await opened().write('revokeCommand', { ...order, id }),
        String(counter),
      ).toMatchObject({ effect, command: { state: 'revoked' } });
    }
  });

  test('what has ended cannot be taken back', async () => {
    const { instanceId } = await connected(opened());
    const { id } = await ordered(opened(), 'a');
    await opened().write('skipCommand', { ...order, id });
    for (const write of ['skipCommand', 'revokeCommand'] as const) {
      await expect(opened().write(write, { ...order, id })).rejects.toMatchObject({
        code: 'command-ended',
      });
    }
    expect((await dispatched(opened(), instanceId)).sends).toEqual([]);
  });

  test('the same question, asked again and again, is told once', async () => {
    const { instanceId } = await connected(opened());
    const { id } = await ordered(opened(), 'a');
    const ask = { instanceId, commandId: id, attempt: 1, nowMs: NOW, point: 'drain' } as const;
    for (let round = 0; round < 5; round++) await opened().write('decidePermission', ask);
    const told = (await kinds(opened())).filter((kind) => kind === 'permission-granted');
    expect(told).toHaveLength(1);
  });
}

function saidAgain(opened: () => Store): void {
  test('RS16: what a store takes for accepted is said again when a session opens, and at no other time', async () => {
    const { instanceId } = await connected(opened());
    const { id } = await controlled(opened(), instanceId, 'pause');
    await dispatched(opened(), instanceId);
    await opened().write('recordAccepted', { instanceId, commandId: id, attempt: 1, nowMs: NOW });
    const again = { instanceId, isConnected: true, listeningSinceMs: 0, resends: true, nowMs: NOW };
    expect((await dispatched(opened(), instanceId)).sends).toEqual([]);
    expect((await opened().write('dispatch', again)).sends).toMatchObject([{ id }]);
  });
}

function vanishing(opened: () => Store): void {
  test('C4: what a host has accepted expires when it was not seen for a day, and counts when it comes back', async () => {
    const { instanceId } = await connected(opened());
    const { id } = await ordered(opened(), 'a');
    await dispatched(opened(), instanceId);
    await opened().write('recordAccepted', { instanceId, commandId: id, attempt: 1, nowMs: NOW });
    const away = { isConnected: false, resends: false, instanceId } as const;
    const at = (nowMs: number, listeningSinceMs = 0) =>
      opened().write('dispatch', { ...away, nowMs, listeningSinceMs });
    await at(NOW + DAY_MS - 1);
    expect(await opened().read('commandById', id)).toMatchObject({ state: 'accepted' });
    // This coordinator was away itself: it knows of nobody since when.
    await at(NOW + 2 * DAY_MS, NOW + 2 * DAY_MS - 1_000);
    expect(await opened().read('commandById', id)).toMatchObject({ state: 'accepted' });
    await at(NOW + DAY_MS);
    expect(await opened().read('commandById', id)).toMatchObject({
      state: 'expired',
      code: 'host-vanished',
    });
    await proven(opened(), instanceId, { commandId: id, sequence: 1 });
    expect(await opened().read('commandById', id)).toMatchObject({ state: 'succeeded' });
  });
}

function awaitingStart(opened: () => Store): void {
  test('C23: what an agent without a launcher has switched for waits until somebody starts it, however long', async () => {
    const { instanceId } = await connected(opened());
    await report(opened(), instanceId, [], { marks: ['no launcher'] });
    const { id } = await ordered(opened(), 'a');
    await dispatched(opened(), instanceId);
    const attempt = { instanceId, commandId: id, attempt: 1, nowMs: NOW };
    await opened().write('recordAccepted', attempt);
    const look = (isConnected: boolean, nowMs = NOW) =>
      opened().write('dispatch', {
        ...{ instanceId, isConnected, resends: false, nowMs, listeningSinceMs: 0 },
      });
    const reason = async () => (await opened().read('commandById', id))?.host_hold_reason;
    await look(false);
    expect(await reason()).toBeNull();
    for (const point of ['drain', 'switch'] as const) {
      await opened().write('decidePermission', { ...attempt, point });
    }
    await look(true);
    expect(await reason()).toBeNull();
    await look(false, NOW + 3 * DAY_MS);
    expect(await opened().read('commandById', id)).toMatchObject({
      state: 'accepted',
      host_hold_reason: 'awaiting-start',
    });
    await look(true, NOW + 3 * DAY_MS);
    expect(await reason()).toBeNull();
    await proven(opened(), instanceId, { commandId: id, sequence: 1 });
    expect(await opened().read('commandById', id)).toMatchObject({ state: 'succeeded' });
  });

  test('H14: a launcher is not ordered for a host that has none', async () => {
    const { instanceId } = await connected(opened());
    const launcher = { component: 'launcher', version: '2.0.0' } as const;
    const release = { ...order, ...launcher };
    const built = { platform: 'linux-x64', digest: D2, manifestBytes: 1, bytes: 1, files: 1 };
    await opened().write('recordImport', { ...release, ...built, minimumLauncher: null });
    await opened().write('recordPublish', release);
    const wanted = { ...order, ...launcher, agentName: 'a', isForced: false, key: null };
    expect((await opened().read('plannedUpgrade', wanted)).warnings).toEqual([]);
    await report(opened(), instanceId, [], { marks: ['no launcher'] });
    await expect(opened().read('plannedUpgrade', wanted)).rejects.toMatchObject({
      code: 'launcher-missing',
    });
  });
}

function repairing(opened: () => Store): void {
  const issued = (instanceId: string) =>
    opened().write('issueWanted', { instanceIds: [instanceId], nowMs: NOW });
  const proves = async (instanceId: string, slot: typeof FIRST | typeof SECOND) => {
    const { session_counter, session_ticket: ticket } = await instance(opened(), instanceId);
    const counter = session_counter + 1;
    await session(opened(), { instanceId, counter, ticket, newTicket: `${counter}`, slot });
  };
  const shows = async (
    instanceId: string,
    slot: typeof FIRST | typeof SECOND,
    reported: { readonly refused?: readonly RefusedSlot[] } & Partial<
      WriteArgs<'recordReport'>
    > = {},
  ) => {
    const { refused = [], ...set } = reported;
    await proves(instanceId, slot);
    return [...(await report(opened(), instanceId, refused, set)), ...(await issued(instanceId))];
  };

  test('C18: an instance that shows another version than it was given is ordered back twice, then no more', async () => {
    const { instanceId } = await connected(opened());
    const { id } = await ordered(opened(), 'a');
    await proven(opened(), instanceId, { commandId: id, sequence: 1 });
    await shows(instanceId, FIRST);
    const page = { agent: 'a', state: 'open', before: null, limit: 10 } as const;
    for (let number = 1; number <= 2; number++) {
      const open = await opened().read('commandPage', page);
      expect(open).toMatchObject([{ origin: 'repair', is_forced: 1, version: '2.0.0' }]);
      expect(await shows(instanceId, FIRST)).toEqual([]);
      const commandId = open[0]?.id ?? '';
      await finish(opened(), { instanceId, commandId, sequence: number + 1, outcome: 'failed' });
    }
    expect(await opened().read('commandPage', page)).toEqual([]);
    expect(await shows(instanceId, FIRST)).toEqual([]);
    expect((await kinds(opened())).filter((kind) => kind === 'repair')).toHaveLength(2);
  });

  test('C18: a repair that succeeded begins no new count, and an order by hand does', async () => {
    const { instanceId } = await connected(opened());
    const { id } = await ordered(opened(), 'a');
    await proven(opened(), instanceId, { commandId: id, sequence: 1 });
    for (let number = 1; number <= 2; number++) {
      const [repair] = await shows(instanceId, FIRST);
      const commandId = repair?.id ?? '';
      await proven(opened(), instanceId, { commandId, sequence: number + 1 });
    }
    expect(await shows(instanceId, FIRST)).toEqual([]);
    const again = await ordered(opened(), 'a');
    await proven(opened(), instanceId, { commandId: again.id, sequence: 4 });
    expect(await shows(instanceId, FIRST)).toMatchObject([{ origin: 'repair' }]);
  });

  test('C18: never to what this host has refused, and not while another upgrade is on its way', async () => {
    const { instanceId } = await connected(opened());
    const { id } = await ordered(opened(), 'a');
    await proven(opened(), instanceId, { commandId: id, sequence: 1 });
    expect(await shows(instanceId, FIRST, { refused: [SECOND] })).toEqual([]);
    const upgrade = { commandId: 'x', attempt: 1, component: 'agent', step: 'switching' } as const;
    const bytes = { detail: '', bytesDone: 0, bytesTotal: 0 };
    const onItsWay = { upgrade: { ...upgrade, ...bytes } };
    expect(await shows(instanceId, FIRST, onItsWay)).toEqual([]);
  });

  test('C18: what shows another version is asked first what it refuses: its owner may have gone back by hand', async () => {
    const { instanceId } = await connected(opened());
    const { id } = await ordered(opened(), 'a');
    await proven(opened(), instanceId, { commandId: id, sequence: 1 });
    await proves(instanceId, FIRST);
    expect(await issued(instanceId)).toEqual([]);
    const byOwner = { attemptId: 'owner/1', said: 'root: it is loud' };
    for (let time = 1; time <= 2; time++) {
      const refused = [{ ...SECOND, byOwner }];
      expect(await report(opened(), instanceId, refused)).toEqual([]);
      expect(await issued(instanceId)).toEqual([]);
    }
    const page = { agent: 'a', before: null, after: null, limit: 1000 };
    const rows = await opened().read('historyPage', page);
    const said = rows.filter(({ kind }) => kind === 'rolled-back-by-owner');
    expect(said).toMatchObject([{ why: 'root: it is loud', component: 'agent' }]);
    expect(JSON.parse(said[0]?.detail ?? '')).toEqual({ from: '2.0.0', to: '1.0.0' });
    const again = { ...byOwner, attemptId: 'owner/2' };
    await report(opened(), instanceId, [{ ...SECOND, byOwner: again }]);
    const after = await kinds(opened());
    expect(after.filter((kind) => kind === 'rolled-back-by-owner')).toHaveLength(2);
  });

  test('C18: a repair that waits is skipped when the host shows what it was given', async () => {
    const { instanceId } = await connected(opened());
    const { id } = await ordered(opened(), 'a');
    await proven(opened(), instanceId, { commandId: id, sequence: 1 });
    const [repair] = await shows(instanceId, FIRST);
    await shows(instanceId, SECOND);
    expect(await opened().read('commandById', repair?.id ?? '')).toMatchObject({
      state: 'skipped',
      message: 'the host shows what it was given',
    });
  });
}

async function connected(store: Store): Promise<{ readonly instanceId: string }> {
  const enrolled = await agent(store, 'a');
  const capabilities = ['auto-upgrade', 'control'];
  await session(store, { instanceId: enrolled.instanceId, counter: 1, capabilities });
  return enrolled;
}

async function controlled(store: Store, instanceId: string, kind: ControlKind, isConnected = true) {
  const act = { ...order, instanceId, isConnected, kind, key: null };
  const done = await store.write('orderControl', act);
  if (done.kind !== 'ordered') throw new Error(`${kind} was not ordered: ${done.kind}`);
  return done.command;
}

function dispatched(store: Store, instanceId: string, args: { readonly nowMs?: number } = {}) {
  return store.write('dispatch', {
    instanceId,
    isConnected: true,
    listeningSinceMs: 0,
    resends: false,
    nowMs: args.nowMs ?? NOW,
  });
}

/** Proves the second version under the command's nonce and reports it as done. */
async function proven(
  store: Store,
  instanceId: string,
  of: { readonly commandId: string; readonly sequence: number },
): Promise<void> {
  const command = await store.read('commandById', of.commandId);
  const { session_counter: counter, session_ticket: ticket } = await instance(store, instanceId);
  await session(store, {
    instanceId,
    counter: counter + 1,
    ticket,
    newTicket: `t${counter}`,
    commandNonce: command?.nonce ?? '',
    slot: SECOND,
  });
  await finish(store, { instanceId, ...of });
}
