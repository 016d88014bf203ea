import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { CodedError } from '@moult/core/errors';
import { systemClock } from '@moult/runtime/clock';
import { silentLogger } from '@moult/runtime/logger';
import { systemRandom } from '@moult/runtime/random';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { openStore } from '../src/database/index.ts';
import { requireReadable } from '../src/database/readable.ts';
import { type RehearsalStep, rehearse } from '../src/rehearsal.ts';

const never = new AbortController().signal;

function stepOf(name: RehearsalStep['name'], more: Partial<RehearsalStep> = {}): RehearsalStep {
  return { name, isOfTheWorld: false, run: async () => undefined, ...more };
}

const failing = async () => {
  throw new CodedError('config-invalid', 'it says nothing');
};

describe('PF2: one step after another', () => {
  const with_ = { clock: systemClock, log: silentLogger, stop: never };

  test('all of them: passed; the first that fails is the answer, and nothing comes after it', async () => {
    expect(await rehearse([stepOf('configuration'), stepOf('state')], with_)).toEqual({
      ...{ outcome: 'passed', detail: '' },
    });
    let isRun = false;
    const later = stepOf('coordinator', {
      run: async () => {
        isRun = true;
      },
    });
    expect(await rehearse([stepOf('tasks', { run: failing }), later], with_)).toEqual({
      ...{ outcome: 'failed', detail: 'tasks: config-invalid: it says nothing' },
    });
    expect(isRun).toBe(false);
  });

  test('a step of the world: not reached', async () => {
    const steps = [stepOf('metadata', { isOfTheWorld: true, run: failing })];
    expect(await rehearse(steps, with_)).toMatchObject({ outcome: 'not-reached' });
  });

  test('each has twenty seconds', async () => {
    const clock = new ManualClock();
    const hanging = stepOf('coordinator', {
      isOfTheWorld: true,
      run: (signal) =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    });
    const verdict = rehearse([hanging], { ...with_, clock });
    await clock.advance(20_000);
    expect(await verdict).toEqual({
      ...{ outcome: 'not-reached', detail: 'coordinator: it did not end within 20 s' },
    });
  });
});

describe('PF2: the state', () => {
  let dir: string;
  let path: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'moult-rehearsal-'));
    path = join(dir, 'agent.db');
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  test('that somebody serves from is read, and not touched', () => {
    requireReadable(path);
    const store = openStore({ path, clock: systemClock, random: systemRandom });
    store.meta.write('name', 'value');
    const before = readFileSync(path);
    const wal = readFileSync(`${path}-wal`);
    requireReadable(path);
    expect(readFileSync(path)).toEqual(before);
    expect(readFileSync(`${path}-wal`)).toEqual(wal);
    store.close();
  });

  test('of an earlier version is taken to this one’s schema in memory alone', () => {
    const text = readFileSync(new URL('./fixtures/agent-schema-1.sql', import.meta.url), 'utf8');
    const old = new DatabaseSync(path);
    old.exec(text);
    requireReadable(path);
    expect(old.prepare('SELECT number FROM schema').get()).toEqual({ number: 1 });
    old.close();
  });

  test('that only later versions can read, or whose tables are others, is said', () => {
    openStore({ path, clock: systemClock, random: systemRandom }).close();
    const later = join(dir, 'later.db');
    copyFileSync(path, later);
    const database = new DatabaseSync(later);
    database.exec('UPDATE schema SET number = 9, readable_since = 9');
    expect(() => requireReadable(later)).toThrow(/readable since 9/);
    database.exec('UPDATE schema SET number = 2, readable_since = 1; DROP TABLE task_runs');
    expect(() => requireReadable(later)).toThrow(/no such table: task_runs/);
    database.close();
    writeFileSync(path, 'no database at all, but long enough to be looked at as one of them');
    expect(() => requireReadable(path)).toThrow(/not a database/);
  });
});
