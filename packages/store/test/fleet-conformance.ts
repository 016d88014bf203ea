/* What `moult doctor` asks of a store. */
import { NO_CHANGES } from '@moult/core/changed-files';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Store } from '../src/index.ts';
import type { Engine } from './conformance.ts';
import { agent, D1, D2, enroll, NOW, order, publish, report, session } from './support/rows.ts';
import { makeToken } from './support/tokens.ts';

const D3 = '3'.repeat(64);
const HOUR = 3_600_000;

export function fleetConformance(engine: Engine): void {
  describe(`the fleet as a whole on ${engine.name}`, () => {
    let store: Store;
    let dispose: () => Promise<void>;
    beforeEach(async () => {
      const opened = await engine.open();
      store = opened.store;
      dispose = () => opened.dispose();
      await publish(store);
    });
    afterEach(() => dispose());

    test('agents that want a person are counted, and some named', async () => {
      const nobody = { names: [], count: 0 };
      const facts = () => store.read('fleetFacts', { notSeenSinceMs: NOW });
      const { instanceId } = await agent(store, 'a');
      await session(store, { instanceId, counter: 1 });
      const well = { quarantined: nobody, unvalidated: nobody, downLong: nobody };
      const good = { agents: 1, ...well, upgradeFailed: nobody, tooOld: nobody };
      expect(await facts()).toEqual(good);
      await report(store, instanceId, [], { state: 'Upgrade Failed' });
      expect(await facts()).toEqual({ ...good, upgradeFailed: { names: ['a'], count: 1 } });
      // Enrolled before, and never seen; and one that cannot upgrade itself.
      const token = await makeToken(store, { validates: false });
      const early = { tokenId: token.id, name: 'b', publicKey: 'b', nowMs: NOW - HOUR };
      await enroll(store, early);
      const old = await agent(store, 'c');
      await session(store, { ...old, counter: 1, capabilities: ['control'] });
      expect(await facts()).toMatchObject({
        agents: 3,
        unvalidated: { names: ['b'] },
        downLong: { names: ['b'] },
        tooOld: { names: ['c'] },
      });
    });

    test('needed is what is chosen, what runs, and what it would go back to', async () => {
      await publish(store, [['3.0.0', D3]]);
      const needed = async () =>
        (await store.read('neededReleases', null)).map(
          ({ version, digest }) => `${version} ${digest[0]}`,
        );
      expect(await needed()).toEqual([]);
      const { instanceId } = await agent(store, 'a');
      expect(await needed()).toEqual(['1.0.0 1']);
      const previous = { version: '2.0.0', digest: D2 };
      const current = { version: '1.0.0', digest: D1 };
      await report(store, instanceId, [], {
        components: [
          {
            component: 'agent',
            current,
            previous,
            refused: [],
            trialAttemptId: '',
            changes: NO_CHANGES,
          },
        ],
      });
      expect(await needed()).toEqual(['1.0.0 1', '2.0.0 2']);
      const choice = { scope: 'fleet', subject: '', component: 'agent' } as const;
      await store.write('choose', { ...order, ...choice, version: '3.0.0' });
      expect(await needed()).toEqual(['1.0.0 1', '2.0.0 2', '3.0.0 3']);
    });

    test('a choice that a host of another platform came under is impossible, with how many it is for', async () => {
      const choice = { scope: 'fleet', subject: '', component: 'agent' } as const;
      await store.write('choose', { ...order, ...choice, version: '1.0.0' });
      await agent(store, 'a');
      expect(await store.read('impossibleChoices', null)).toEqual({ count: 1, impossible: [] });
      for (const name of ['b', 'c']) {
        const token = await makeToken(store, {});
        const made = { tokenId: token.id, secretHash: 'hash', publicKey: name, name, nowMs: NOW };
        await store.write('enroll', { ...made, platform: 'linux-arm64', bindsChannel: false });
      }
      const arm = { component: 'agent', platform: 'linux-arm64' };
      expect(await store.read('impossibleChoices', null)).toEqual({
        count: 1,
        impossible: [{ ...arm, version: '1.0.0', agents: 2 }],
      });
      // A choice of its own is nearer; the other one follows the fleet still.
      const release = { ...order, component: 'agent', version: '4.0.0' } as const;
      const built = { digest: D3, manifestBytes: 1, bytes: 1, files: 1, minimumLauncher: null };
      await store.write('recordImport', { ...release, ...built, platform: 'linux-arm64' });
      await store.write('recordPublish', release);
      const own = { scope: 'agent', subject: 'b', component: 'agent' } as const;
      await store.write('choose', { ...order, ...own, version: '4.0.0' });
      expect(await store.read('impossibleChoices', null)).toEqual({
        count: 2,
        impossible: [{ ...arm, version: '1.0.0', agents: 1 }],
      });
    });
  });
}
