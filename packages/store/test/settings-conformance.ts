/* Settings: of the fleet and of groups, each change with its history. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Store } from '../src/index.ts';
import type { Engine } from './conformance.ts';
import { Fleet } from './support/rollout-fleet.ts';
import { order, publish } from './support/rows.ts';

export function settingsConformance(engine: Engine): void {
  describe(`settings on ${engine.name}`, () => {
    let store: Store;
    let dispose: () => Promise<void>;
    beforeEach(async () => {
      const opened = await engine.open();
      store = opened.store;
      dispose = () => opened.dispose();
      await publish(store);
    });
    afterEach(() => dispose());

    const set = (key: string, value: string | null, group: string | null = null) =>
      store.write('changeSetting', { ...order, key, value, group });
    const shown = async (key: string, group: string | null = null) =>
      (await store.read('settings', { group })).find(({ setting }) => setting.key === key);

    test('R3: a group’s setting goes before the fleet’s, until it is reset; each change is history, the same again is none', async () => {
      await Fleet.of(store, { eu: ['a'] });
      await set('rollout.soak', '10m');
      await set('rollout.soak', '600s');
      await set('rollout.soak', '1h', 'eu');
      expect(await shown('rollout.soak')).toMatchObject({ value: '10m', from: 'fleet' });
      expect(await shown('rollout.soak', 'eu')).toMatchObject({
        value: '1h',
        from: 'group',
        row: { changed_by: 'ann', why: 'because' },
      });
      await set('rollout.soak', null, 'eu');
      expect(await shown('rollout.soak', 'eu')).toMatchObject({ value: '10m', from: 'fleet' });
      const page = { agent: null, before: null, after: null, limit: 100 };
      const changes = (await store.read('historyPage', page)).filter(
        ({ kind }) => kind === 'setting-changed',
      );
      expect(changes.map(({ detail }) => JSON.parse(detail))).toEqual([
        { key: 'rollout.soak', group: 'eu', from: '1h', value: null },
        { key: 'rollout.soak', group: 'eu', from: null, value: '1h' },
        { key: 'rollout.soak', group: null, from: null, value: '10m' },
      ]);
    });

    test('R3: agents of one group go on by its settings, those of several by the fleet’s', async () => {
      const fleet = await Fleet.of(store, { eu: ['a', 'b'], us: ['c'] });
      await set('rollout.on-error', 'continue', 'eu');
      const of = (...names: readonly string[]) =>
        store.read('policyForAgents', { instanceIds: names.map((name) => fleet.id(name)) });
      expect(await of('a', 'b')).toMatchObject({ onError: 'continue' });
      expect(await of('a', 'c')).toMatchObject({ onError: 'stop' });
      expect(await of()).toMatchObject({ onError: 'stop' });
    });

    test('what is no setting, not of its form, or not a group’s is refused', async () => {
      await Fleet.of(store, { eu: ['a'] });
      await expect(set('rollout.soaks', '1h')).rejects.toMatchObject({ code: 'setting-unknown' });
      await expect(set('rollout.soak', 'long')).rejects.toMatchObject({ code: 'setting-invalid' });
      await expect(set('choice.follows-coordinator', 'no', 'eu')).rejects.toMatchObject({
        code: 'setting-invalid',
      });
      await expect(set('rollout.soak', '1h', 'asia')).rejects.toMatchObject({ code: 'not-found' });
    });
  });
}
