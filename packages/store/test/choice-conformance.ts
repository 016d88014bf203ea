/* Versions that are chosen for fleet, group and agent, withdrawn again, refused, and offered (R15). */
import { NO_CHANGES } from '@moult/core/changed-files';
import type { DesiredScope } from '@moult/core/desired';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Store } from '../src/index.ts';
import type { Engine } from './conformance.ts';
import { D1, D2, finish, NOW, order, publish, report } from './support/rows.ts';
import { makeToken } from './support/tokens.ts';

const ARM = 'linux-arm64';

export function choiceConformance(engine: Engine): void {
  describe(`choices on ${engine.name}`, () => {
    let store: Store;
    let dispose: () => Promise<void>;
    beforeEach(async () => {
      const opened = await engine.open();
      store = opened.store;
      dispose = () => opened.dispose();
      await publish(store);
    });
    afterEach(() => dispose());

    withdrawing(() => store);
    refusing(() => store);
    listing(() => store);
  });
}

function withdrawing(opened: () => Store): void {
  test('C9, C21: of an agent, its group and the fleet the nearest choice orders, and a withdrawn one gives way to the next', async () => {
    const store = opened();
    const id = await host(store, 'a');
    await choose(store, 'fleet', '', '1.0.0');
    expect(await issued(store, id)).toEqual([]);
    await choose(store, 'group', 'eu', '2.0.0');
    expect(await issued(store, id)).toEqual(['2.0.0']);
    await choose(store, 'agent', 'a', '1.0.0');
    // It runs that, and what its group wanted is no more.
    expect(await issued(store, id)).toEqual([]);
    expect(await openVersions(store)).toEqual([]);
    await choose(store, 'agent', 'a', null);
    expect(await issued(store, id)).toEqual(['2.0.0']);
    await choose(store, 'group', 'eu', null);
    expect(await issued(store, id)).toEqual([]);
    expect(await openVersions(store)).toEqual([]);
  });

  test('C21: what an order gave gives way to a choice that was hidden by one which is withdrawn', async () => {
    const store = opened();
    const id = await host(store, 'a');
    await choose(store, 'fleet', '', '1.0.0');
    await choose(store, 'agent', 'a', '2.0.0');
    expect(await issued(store, id)).toEqual(['2.0.0']);
    const [command] = await openCommands(store);
    const { id: commandId = '' } = command ?? {};
    await store.write('recordAccepted', { instanceId: id, commandId, attempt: 1, nowMs: NOW });
    // Withdrawn while the order is under way: its end comes later, and does not count for more.
    await choose(store, 'agent', 'a', null);
    await give(store, id, { sequence: 1, version: '2.0.0' });
    expect(await openVersions(store)).toEqual(['1.0.0']);
    await give(store, id, { sequence: 2, version: '1.0.0' });
    // Once more: the fleet's choice has given its version here before.
    await choose(store, 'agent', 'a', '2.0.0');
    expect(await issued(store, id)).toEqual(['2.0.0']);
    await give(store, id, { sequence: 3, version: '2.0.0' });
    await choose(store, 'agent', 'a', null);
    expect(await issued(store, id)).toEqual(['1.0.0']);
  });

  test('C21: a renamed agent takes along what was withdrawn, a removed one leaves it behind', async () => {
    const store = opened();
    const id = await host(store, 'a');
    await choose(store, 'fleet', '', '1.0.0');
    await choose(store, 'agent', 'a', '2.0.0');
    await issued(store, id);
    await give(store, id, { sequence: 1, version: '2.0.0' });
    await choose(store, 'agent', 'a', null);
    await store.write('renameAgent', { ...order, name: 'a', newName: 'b' });
    const row = (await store.read('agentByName', 'b'))?.components[0] ?? null;
    const of = { instanceId: id, agentName: 'b', group: 'eu', component: 'agent', row } as const;
    expect((await store.read('desiredOf', of)).desired?.from).toBe('fleet');
    await store.write('removeInstance', { ...order, instanceId: id, isConnected: false });
    expect((await store.read('desiredOf', of)).desired?.from).toBe('last-finished');
  });
}

function refusing(opened: () => Store): void {
  test('a group that nobody knows is named, with the one that was meant; one of a token is known', async () => {
    const store = opened();
    await host(store, 'a');
    const wrong = choose(store, 'group', 'eux', '2.0.0');
    await expect(wrong).rejects.toMatchObject({
      code: 'not-found',
      message: 'there is no group eux, did you mean eu?',
    });
    await makeToken(store, { group: 'canary' });
    await choose(store, 'group', 'canary', '2.0.0');
    expect(await store.read('firstVersions', 'canary')).toEqual([
      { component: 'agent', version: '2.0.0' },
    ]);
  });

  test('a version that one who is concerned could never run is refused, naming who', async () => {
    const store = opened();
    await host(store, 'a');
    for (const name of ['arm-1', 'arm-2', 'arm-3', 'arm-4']) {
      await host(store, name, { group: 'arms', platform: ARM });
    }
    const refused = {
      code: 'release-no-platform',
      message:
        'agent 2.0.0 was built for linux-x64, and not for arm-1 (linux-arm64), arm-2 (linux-arm64), arm-3 (linux-arm64) and others',
    };
    await expect(choose(store, 'fleet', '', '2.0.0')).rejects.toMatchObject(refused);
    await expect(choose(store, 'group', 'arms', '2.0.0')).rejects.toMatchObject(refused);
    await expect(choose(store, 'agent', 'arm-1', '2.0.0')).rejects.toMatchObject({
      message: 'agent 2.0.0 was built for linux-x64, and not for arm-1 (linux-arm64)',
    });
    await choose(store, 'group', 'eu', '2.0.0');
    // With a choice of its own the group is not concerned any more.
    await publishFor(store, ARM, '3.0.0');
    await choose(store, 'group', 'arms', '3.0.0');
    await choose(store, 'fleet', '', '2.0.0');
  });

  test('who is not validated keeps nobody from a choice', async () => {
    const store = opened();
    await host(store, 'a');
    await host(store, 'stranger', { platform: ARM, validates: false });
    await choose(store, 'fleet', '', '2.0.0');
    await store.write('validateAgent', { ...order, name: 'stranger' });
    await expect(choose(store, 'fleet', '', '2.0.0')).rejects.toMatchObject({
      code: 'release-no-platform',
    });
  });
}

function listing(opened: () => Store): void {
  test('choices are listed newest first with those that follow them, page by page, of all or of a group', async () => {
    const store = opened();
    for (const name of ['a', 'b', 'c']) await host(store, name);
    await host(store, 'd', { group: 'us' });
    await choose(store, 'fleet', '', '1.0.0');
    await choose(store, 'group', 'eu', '2.0.0');
    await choose(store, 'agent', 'a', '1.0.0');
    await choose(store, 'agent', 'd', '1.0.0');
    const page = { group: null, before: null, limit: 100 };
    const list = async (set: object) =>
      (await store.read('choicePage', { ...page, ...set })).map(
        ({ choice, agents }) => `${choice.scope} ${choice.subject}: ${agents}`,
      );
    const all = ['agent d: 1', 'agent a: 1', 'group eu: 2', 'fleet : 0'];
    expect(await list({})).toEqual(all);
    expect(await list({ group: 'eu' })).toEqual(all.slice(1));
    const [, second] = await store.read('choicePage', { ...page, limit: 2 });
    expect(await list({ before: second?.choice.position })).toEqual(all.slice(2));
    await expect(list({ group: 'asia' })).rejects.toMatchObject({ code: 'not-found' });
  });

  test('offered is what is published, by platform, with those that run it; of a group for its platforms', async () => {
    const store = opened();
    await publishFor(store, ARM, '3.0.0');
    for (const name of ['a', 'b']) await host(store, name);
    await host(store, 'c', { group: 'us' });
    const id = await host(store, 'gone', { group: 'us' });
    await store.write('removeInstance', { ...order, instanceId: id, isConnected: false });
    await seen(store, 'never-seen', { group: 'us' });
    const offers = async (group: string | null) =>
      (await store.read('offers', { component: 'agent', group })).map((one) => ({
        [one.platform]: one.agents,
        ...Object.fromEntries(one.versions.map(({ version, agents }) => [version, agents])),
      }));
    expect(await offers(null)).toEqual([
      { [ARM]: 0, '3.0.0': 0 },
      { 'linux-x64': 4, '1.0.0': 3, '2.0.0': 0 },
    ]);
    expect(await offers('us')).toEqual([{ 'linux-x64': 2, '1.0.0': 1, '2.0.0': 0 }]);
    await expect(offers('asia')).rejects.toMatchObject({ code: 'not-found' });
  });
}

function choose(store: Store, scope: DesiredScope, subject: string, version: string | null) {
  return store.write('choose', { ...order, component: 'agent', scope, subject, version });
}

interface HostOptions {
  readonly group?: string;
  readonly platform?: string;
  readonly validates?: boolean;
}

/** Enrolled, and never seen. */
async function seen(store: Store, name: string, options: HostOptions = {}): Promise<string> {
  const { group = 'eu', platform = 'linux-x64', validates = true } = options;
  const token = await makeToken(store, { group, validates });
  const made = { tokenId: token.id, secretHash: 'hash', publicKey: name, name, platform };
  return (await store.write('enroll', { ...made, bindsChannel: false, nowMs: NOW })).instanceId;
}

/** It runs 1.0.0, and has said so. */
async function host(store: Store, name: string, options: HostOptions = {}): Promise<string> {
  const id = await seen(store, name, options);
  await report(store, id, []);
  return id;
}

async function issued(store: Store, instanceId: string): Promise<readonly string[]> {
  const commands = await store.write('issueWanted', { instanceIds: [instanceId], nowMs: NOW });
  return commands.map(({ version }) => version);
}

async function openCommands(store: Store) {
  return store.read('commandPage', { agent: null, state: 'open', before: null, limit: 10 });
}

async function openVersions(store: Store): Promise<readonly string[]> {
  return (await openCommands(store)).map(({ version }) => version);
}

/** The one open order is done: proven, reported and finished. */
async function give(
  store: Store,
  instanceId: string,
  given: { readonly sequence: number; readonly version: string },
): Promise<void> {
  const [command] = await openCommands(store);
  const { sequence, version } = given;
  const slot = { version, digest: version === '1.0.0' ? D1 : D2 };
  await store.write('openSession', {
    instanceId,
    counter: sequence,
    ticket: '',
    newTicket: 'ff',
    commandNonce: command?.nonce ?? '',
    capabilities: ['auto-upgrade'],
    bootId: '',
    seen: { generation: 0, position: 0 },
    nowMs: NOW,
    slots: { agent: slot, launcher: null },
  });
  await report(store, instanceId, [], {
    components: [
      {
        ...{ component: 'agent', current: slot, previous: null, refused: [], trialAttemptId: '' },
        changes: NO_CHANGES,
      },
    ],
  });
  await finish(store, { instanceId, commandId: command?.id ?? '', sequence });
}

async function publishFor(store: Store, platform: string, version: string): Promise<void> {
  const name = { ...order, component: 'agent', version } as const;
  const built = { platform, digest: D2, manifestBytes: 1, bytes: 1, files: 1 };
  await store.write('recordImport', { ...name, ...built, minimumLauncher: null });
  await store.write('recordPublish', name);
}
