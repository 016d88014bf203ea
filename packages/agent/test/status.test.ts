import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type Layout, layoutOf } from '@moult/core/layout';
import { systemClock } from '@moult/runtime/clock';
import { systemRandom } from '@moult/runtime/random';
import { expect, test } from 'vitest';
import { openStore } from '../src/database/index.ts';
import { readStatus } from '../src/status.ts';

function installed(): Layout {
  const layout = layoutOf(mkdtempSync(join(tmpdir(), 'moult-status-')));
  for (const dir of [layout.stateDir, layout.configDir]) mkdirSync(dir, { recursive: true });
  return layout;
}

test('K1: the owner of a host sees what tasks.yaml says and what is wrong with it, and what runs', async () => {
  const layout = installed();
  const store = openStore({
    path: layout.agentDatabasePath,
    clock: systemClock,
    random: systemRandom,
  });
  const ref = { commandId: 'c1', attempt: 1, parameters: [], startedMs: 1, leader: null };
  store.taskRuns.due({ ...ref, run: 'c1/1', task: 'backup', starts: 1 });
  store.close();
  writeFileSync(layout.tasksPath, 'tasks: { backup: { program: /bin/true } }');
  const status = await readStatus(layout);
  expect(status.tasks).toEqual({ names: ['backup'], trouble: '' });
  expect(status.runs).toMatchObject([{ run: 'c1/1', task: 'backup' }]);
  writeFileSync(layout.tasksPath, 'tasks: { backup: { program: relative } }');
  expect((await readStatus(layout)).tasks.trouble).toContain('tasks.backup.program');
});

test('the state of a version before tasks can be read', async () => {
  const layout = installed();
  const recorded = new DatabaseSync(layout.agentDatabasePath);
  const text = readFileSync(new URL('./fixtures/agent-schema-1.sql', import.meta.url), 'utf8');
  recorded.exec(text);
  recorded.close();
  expect(await readStatus(layout)).toMatchObject({ trouble: null, runs: [], inboxItems: 1 });
});
