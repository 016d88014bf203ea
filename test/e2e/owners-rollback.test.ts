/* P11: the owner of a host goes back by hand, with the coordinator gone. */
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Host } from '../../scripts/fleet/host.ts';
import { until } from '../../scripts/fleet/until.ts';
import { FIRST_AGENT, GOOD } from '../support/e2e-releases.ts';
import { PREPARE_MS, RealFleet } from '../support/real-fleet.ts';
import { shellTask, taskHost } from '../support/task-host.ts';

const [SECOND] = GOOD;
const WAITS = { timeoutMs: 60_000 } as const;
const WHY = 'printing is broken';

let fleet: RealFleet;
beforeAll(async () => {
  fleet = await RealFleet.open('owners-rollback');
}, PREPARE_MS);
afterAll(async () => {
  expect(await fleet?.close()).toEqual([]);
});

const onHost = (host: Host, ...args: readonly string[]) =>
  fleet.coordinator.moult(['agent', ...args, '--root', host.root]);

async function whenBooted(host: Host, before: number | null): Promise<void> {
  await until(
    'the version before serves',
    async () => {
      const pid = await host.agentPid();
      return pid !== null && pid !== before;
    },
    { ...WAITS, detail: () => host.tail() },
  );
}

async function queued(host: Host): Promise<number> {
  const { stdout } = await onHost(host, 'status');
  return Number(/^output: +(\d+) items/m.exec(stdout)?.[1] ?? Number.NaN);
}

test('P11 R12: with the coordinator gone the owner goes back, the host works on, and nothing is lost or repaired; force brings it forward', async () => {
  const { coordinator } = fleet;
  const ticksPath = join(fleet.dir, 'ticks');
  const script = `echo "$MOULT_RUN" | tee -a '${ticksPath}'`;
  const tick = shellTask(script, {}, { schedule: '* * * * * *' });
  const host = await taskHost(fleet, 'back', { tick });
  const first = await fleet.upgrade(host.name, SECOND);
  expect(first.command.state).toBe('succeeded');
  await coordinator.stop();

  const before = await host.agentPid();
  const back = await onHost(host, 'rollback', '--why', WHY);
  expect(back, back.stderr).toMatchObject({ code: 0 });
  expect(back.stdout).toMatch(
    /^The agent goes back from 1\.1\.0 to 1\.0\.0\. It serves in a moment/,
  );
  await whenBooted(host, before);
  const { agent } = (await host.bootRecord()).components;
  expect(agent).toMatchObject({
    committed: { version: FIRST_AGENT },
    previous: { version: SECOND },
    trial: null,
    refused: [{ version: SECOND, evidence: { reason: 'rolled-back-by-owner' } }],
  });
  // Its schedule goes on, and what it writes waits.
  const atFirst = await queued(host);
  await until('runs go on', async () => (await queued(host)) > atFirst + 4, WAITS);
  const again = await onHost(host, 'rollback');
  expect(again.code).toBe(1);
  expect(again.stderr).toMatch(/code: version-before-refused$/m);

  await coordinator.start();
  const up = await host.whenAgent(
    coordinator,
    `is Up with ${FIRST_AGENT}`,
    ({ state, components }) =>
      state === 'Up' &&
      components.some(
        ({ component, current }) => component === 'agent' && current?.version === FIRST_AGENT,
      ),
  );
  expect(up.state).toBe('Up');
  const { reasons } = await coordinator.client.whyAgent({ params: { name: host.name } });
  expect(reasons).toMatchObject([{ reason: 'refused-here' }]);
  const { entries } = await coordinator.client.listHistory({ query: { agent: host.name } });
  const kinds = entries.map(({ kind }) => kind);
  expect(kinds).not.toContain('repair');
  expect(entries.filter(({ kind }) => kind === 'rolled-back-by-owner')).toMatchObject([
    { why: expect.stringContaining(WHY), detail: { from: SECOND, to: FIRST_AGENT } },
  ]);
  // Every run that began is told once, in order, as it ended: none was cut off, and none is missing.
  await rm(host.layout.tasksPath);
  await host.whenAgent(coordinator, 'has no tasks', ({ tasks }) => tasks?.length === 0);
  const ticks = (await readFile(ticksPath, 'utf8')).trimEnd().split('\n');
  const told = await until(
    'all runs are told',
    async () => {
      const query = { agent: host.name, state: 'ended' as const, limit: 1_000 };
      const { runs } = await coordinator.client.listRuns({ query });
      return runs.length >= ticks.length ? runs : null;
    },
    { ...WAITS, detail: () => host.tail() },
  );
  expect(told.map(({ run }) => run).toReversed()).toEqual(ticks);
  expect(new Set(told.map(({ state }) => state))).toEqual(new Set(['succeeded']));

  const forced = await coordinator.moult([
    ...['agents', 'upgrade', host.name, '--to', SECOND, '--force', '--why', 'it is mended'],
    '--wait',
  ]);
  expect(forced, forced.stderr).toMatchObject({ code: 0 });
  const { commands } = await coordinator.client.listCommands({ query: { agent: host.name } });
  const last = await fleet.ended(commands[0] ?? first.command);
  expect(last.attempts.at(-1)).toMatchObject({ outcome: 'succeeded', bytesFetched: 0 });
  const after = (await host.bootRecord()).components.agent;
  expect(after).toMatchObject({ committed: { version: SECOND }, refused: [] });
  await fleet.leave(host);
});
