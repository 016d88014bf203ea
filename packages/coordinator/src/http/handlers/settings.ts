import { CodedError } from '@moult/core/errors';
import type { Clock } from '@moult/runtime/clock';
import type { SettingView, Store } from '@moult/store';
import type { Handlers } from '../handler.ts';

export function settingHandlers(options: {
  readonly store: Store;
  readonly clock: Clock;
}): Pick<Handlers, 'listSettings' | 'changeSetting'> {
  const { store, clock } = options;
  return {
    listSettings: async ({ query }) => {
      const views = await store.read('settings', { group: query.group ?? null });
      return { settings: views.map(settingOf) };
    },
    changeSetting: async ({ params, body, caller }) => {
      const { key } = params;
      const { value, group = null, why } = body;
      const order = { nowMs: clock.nowMs(), principal: caller.principal, why };
      await store.write('changeSetting', { ...order, key, value, group });
      const views = await store.read('settings', { group });
      const view = views.find(({ setting }) => setting.key === key);
      if (view === undefined) throw new CodedError('setting-unknown', `there is no setting ${key}`);
      return settingOf(view);
    },
  };
}

function settingOf({ setting, value, from, row }: SettingView) {
  const { field: _field, ...said } = setting;
  const changed = row === null ? null : { atMs: row.changed_ms, by: row.changed_by, why: row.why };
  return { ...said, value, from, changed };
}
