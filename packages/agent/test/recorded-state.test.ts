import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type BootView, step, type UpgradeState, workOf } from '@moult/core/upgrade';
import { systemRandom } from '@moult/runtime/random';
import { expect, test } from 'vitest';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { openStore } from '../src/database/index.ts';

/* What the first version left on hosts: every later one goes on from it. Recorded files are added to, never changed. */
const read = (name: string): string =>
  readFileSync(new URL(`./fixtures/${name}`, import.meta.url), 'utf8');

const NOW_MS = 1_790_000_001_000;
const EMPTY = { committed: null, previous: null, refused: [], trialAttemptId: null };
const ON_TRIAL: BootView = {
  agent: { ...EMPTY, trialAttemptId: 'command-1/1' },
  launcher: EMPTY,
};

test('agent.db of schema 1 is opened with all that it holds', () => {
  const dir = mkdtempSync(join(tmpdir(), 'moult-recorded-'));
  const path = join(dir, 'agent.db');
  const recorded = new DatabaseSync(path);
  recorded.exec(read('agent-schema-1.sql'));
  recorded.close();
  const store = openStore({ path, clock: new ManualClock(NOW_MS), random: systemRandom });
  expect(store.setAsidePath).toBeNull();
  expect(store.upgradeRecord.load(ON_TRIAL)).toMatchObject({
    kind: 'probation',
    course: { order: { commandId: 'command-1', attempt: 1, nonce: '0a0b' } },
    slot: { dir: '1.1.0-abababab' },
    isAttested: true,
  });
  expect(store.inbox.waiting()[0]).toMatchObject({
    commandId: 'command-1',
    autoUpgrade: { version: '1.1.0' },
  });
  expect(store.outbox.hasLeftover()).toBe(true);
  expect(store.session.read()).toMatchObject({ generation: 1, position: 42 });
  expect(store.meta.read('cleanup-due')).toBe('command-0');
  store.close();
  rmSync(dir, { recursive: true });
});

test.for(JSON.parse(read('upgrade-records-1.json')) as UpgradeState[])(
  'a recorded upgrade in $kind is gone on with',
  (state) => {
    const booted = step(state, {
      kind: 'booted',
      view: ON_TRIAL,
      running: { agent: null, launcher: null },
      nowMs: NOW_MS,
    });
    expect(workOf(booted).kind).toBeTypeOf('string');
    // In switching the boot of the trial is what was waited for; everywhere else the state stays.
    expect(booted.kind).toBe(state.kind === 'switching' ? 'probation' : state.kind);
  },
);
