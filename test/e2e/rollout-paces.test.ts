/* P3, P5 on real agents: made ready beforehand, at the next idle time, and those who come later. */
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Rollout } from '@moult/api';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Host } from '../../scripts/fleet/host.ts';
import { until } from '../../scripts/fleet/until.ts';
import { GOOD } from '../support/e2e-releases.ts';
import { PREPARE_MS, RealFleet } from '../support/real-fleet.ts';
import { RolloutWatch } from '../support/rollout-watch.ts';
import { shellTask, taskHost } from '../support/task-host.ts';

const ROLLOUT_MS = 150_000;
const WITHIN = { timeoutMs: 60_000 };
/** Runs until a file is there. */
const GATE = shellTask('while [ ! -e "$1" ]; do sleep 0.05; done', { file: {} });
const SAY = shellTask('echo said');

let fleet: RealFleet;
let watch: RolloutWatch;
let busy: Host;
beforeAll(async () => {
  fleet = await RealFleet.open('rollout-paces');
  watch = new RolloutWatch(fleet, { timeoutMs: ROLLOUT_MS });
  [busy] = await Promise.all([
    taskHost(fleet, 'busy', { gate: GATE, say: SAY }),
    fleet.host('free'),
  ]);
}, PREPARE_MS);
afterAll(async () => {
  expect(await fleet?.close()).toEqual([]);
});

async function moult(...args: readonly string[]): Promise<string> {
  return await fleet.coordinator.moultOk(args);
}

test(
  'P3 P5 H13: what was made ready is not given, and the rollout that comes fetches nothing; a soft one waits for the task that runs, and lets others begin; who enrolls meanwhile is taken along by the one that takes late joiners',
  async () => {
    const { client } = fleet.coordinator;
    const before = await watch.version('free');
    const create = ['rollouts', 'create', 'agent=*', '--to', GOOD[0], '--waves', 'rest', '--start'];
    await moult(...create, '--name', 'ready', '--fetch-only', '--soak', '1h');
    const isSoaking = ({ waitsFor }: Rollout) => waitsFor?.reason === 'awaiting-soak';
    const ready = await watch.when('ready', 'has fetched', isSoaking);
    expect(ready).toMatchObject({ state: 'running', counts: { done: 2 } });
    expect([await watch.version('free'), await watch.version('busy')]).toEqual([before, before]);
    const gate = join(dirname(busy.layout.tasksPath), 'gate');
    await moult('tasks', 'run', 'busy', 'gate', '-p', `file=${gate}`);
    await busy.whenAgent(fleet.coordinator, 'is busy', ({ marks }) => marks.includes('busy'));
    const others = ['--priority', '5', '--late-joiners', '--soft', '--name', 'soft'];
    await moult(...create, ...others);
    await until(
      'busy waits',
      async () => {
        const waits = (await watch.members('soft')).find(({ agent }) => agent === 'busy');
        return waits?.state === 'parked' && waits.holdReason === 'busy' ? waits : null;
      },
      WITHIN,
    );
    await moult('tasks', 'run', 'busy', 'say', '--wait');
    await fleet.host('late');
    await until(
      'late is of it',
      async () => {
        return (await watch.members('soft')).some(({ agent }) => agent === 'late') ? true : null;
      },
      WITHIN,
    );
    // Whoever comes is of those alone that take late joiners.
    expect(Object.keys(await watch.states('ready')).sort()).toEqual(['busy', 'free']);
    expect(await watch.version('busy')).toBe(before);
    await writeFile(gate, '');
    await watch.when('soft', 'has everybody', ({ counts }) => counts.done === 3);
    for (const name of ['free', 'busy', 'late']) expect(await watch.version(name)).toBe(GOOD[0]);
    for (const { agent, commandId } of await watch.members('soft')) {
      if (agent === 'late' || commandId === null) continue;
      const { attempts } = await client.getCommand({ params: { id: commandId } });
      expect(attempts.map(({ bytesFetched }) => bytesFetched)).toEqual([0]);
    }
  },
  ROLLOUT_MS * 2,
);
