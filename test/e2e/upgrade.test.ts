/* What people do with a fleet on a good day, through the programs that they do it with. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Attempt } from '@moult/api';
import { versionsDirOf } from '@moult/core/layout';
import { UPGRADE_STEPS } from '@moult/core/upgrade';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { until } from '../../scripts/fleet/until.ts';
import { expectClearFailure } from '../support/clear-failure.ts';
import { BAD, FIRST_AGENT, GOOD, WHOLE } from '../support/e2e-releases.ts';
import { PREPARE_MS, RealFleet } from '../support/real-fleet.ts';

const [SECOND, , FOURTH] = GOOD;
/** Of a release in which only the script changed: script, trust worker, notices and manifest, without the runtime. */
const SHARE_MAX = 0.02;
const RUNTIME_BYTES_MIN = 50_000_000;

let fleet: RealFleet;

beforeAll(async () => {
  fleet = await RealFleet.open('upgrade');
}, PREPARE_MS);

afterAll(async () => {
  expect(await fleet?.close()).toEqual([]);
});

// Each on hosts of its own: side by side they take as long as one.
describe.concurrent('side by side', () => {
  test('H1 H4 H7 H13 N3 N4 N5: two upgrades, one after the other, each attested, moving only what changed, and cleaned up after', async () => {
    const host = await fleet.host('two-upgrades', { fetches: true });
    const oldPid = await host.agentPid();
    // It asked as soon as it was connected, as it will every hour, and was answered.
    const answers = () => host.lines.filter((line) => line.includes('"msg":"nothing to do"'));
    await until('it was answered', () => answers().length > 0, { timeoutMs: 20_000 });
    expect(answers()).toHaveLength(1);

    const first = await fleet.upgrade('two-upgrades', WHOLE[0]);
    expect(first.command).toMatchObject({ state: 'succeeded', outcome: 'succeeded' });
    const attempt = onlyAttempt(first.attempts);
    expect(attempt).toMatchObject({ from: FIRST_AGENT, to: WHOLE[0], outcome: 'succeeded' });
    expect(attempt.steps.map(({ step }) => step)).toEqual(
      UPGRADE_STEPS.filter((step) => step !== 'rolling-back'),
    );
    expect(attempt.gapMs).toBeGreaterThan(0);
    expect(attempt.bytesFetched).toBeGreaterThan(RUNTIME_BYTES_MIN);
    expect(await host.agentPid()).not.toBe(oldPid);
    expect(host.lines.filter((line) => line.includes('"exitCode":75'))).toHaveLength(1);

    // What the new process attested is what the release keys signed.
    const release = (await fleet.coordinator.releases()).find(
      ({ component, version }) => component === 'agent' && version === WHOLE[0],
    );
    const agent = await host.whenAgent(fleet.coordinator, 'runs it', isUpWith(WHOLE[0]));
    expect(agent.components.find(({ component }) => component === 'agent')?.current).toEqual({
      version: WHOLE[0],
      digest: release?.platforms[0]?.digest,
    });
    const { entries } = await fleet.coordinator.client.listHistory({
      query: { agent: 'two-upgrades' },
    });
    const attested = entries.filter(({ detail }) =>
      JSON.stringify(detail).includes(String(release?.platforms[0]?.digest)),
    );
    expect(attested.length).toBeGreaterThan(0);

    const second = await fleet.upgrade('two-upgrades', WHOLE[1]);
    expect(second.command.state).toBe('succeeded');
    const { bytesFetched, bytesTotal } = onlyAttempt(second.attempts);
    expect(bytesFetched).toBeGreaterThan(0);
    expect(bytesFetched / bytesTotal).toBeLessThan(SHARE_MAX);
    const record = await host.bootRecord();
    expect(record.components.agent).toMatchObject({
      committed: { version: WHOLE[1] },
      previous: { version: WHOLE[0] },
      trial: null,
    });
    const kept = [record.components.agent.committed?.dir, record.components.agent.previous?.dir];
    const dirs = [versionsDirOf(host.layout, 'agent'), host.layout.compileCacheDir];
    await until(
      'only the current and the previous version are left',
      async () =>
        (await Promise.all(dirs.map((dir) => readdir(dir)))).every((of) => of.length === 2),
      { timeoutMs: 20_000, detail: () => host.tail() },
    );
    for (const dir of dirs) expect((await readdir(dir)).sort()).toEqual(kept.sort());
    // What the previous one left when it ended; the current one has not ended yet.
    const previous = join(host.layout.compileCacheDir, record.components.agent.previous?.dir ?? '');
    const compiled = await readdir(previous, { recursive: true, withFileTypes: true });
    expect(compiled.filter((found) => found.isFile())).toHaveLength(1);
  });

  test('H4 H18: an upgrade waits for validation, also a forced one, and says so', async () => {
    const host = await fleet.host('not-validated', { validates: false });
    const command = await fleet.order('not-validated', SECOND);
    const held = await fleet.whenCommand(
      command,
      'is held',
      ({ holdReason }) => holdReason === 'unvalidated',
    );
    expect(held.command.state).toBe('queued');
    expect(held.attempts).toEqual([]);
    const forcing = ['agents', 'upgrade', 'not-validated', '--to', SECOND, '--force', '-o', 'json'];
    const [order] = JSON.parse(await fleet.coordinator.moultOk(forcing)).ordered;
    const params = { id: order.commandId };
    const { command: ordered } = await fleet.coordinator.client.getCommand({ params });
    const { command: forced } = await fleet.whenCommand(
      ordered,
      'is held as well',
      ({ holdReason }) => holdReason === 'unvalidated',
    );
    expect(forced).toMatchObject({ isForced: true, state: 'queued' });
    const { reasons } = await fleet.coordinator.client.whyAgent({
      params: { name: 'not-validated' },
    });
    expect(reasons).toContainEqual(
      expect.objectContaining({
        reason: 'unvalidated',
        freedBy: expect.stringContaining('validate'),
      }),
    );

    const validated = await fleet.coordinator.moult(['agents', 'validate', 'not-validated']);
    expect(validated).toMatchObject({ code: 0 });
    // The newer order stands.
    expect((await fleet.ended(command)).command.state).toBe('skipped');
    expect((await fleet.ended(forced)).command.outcome).toBe('succeeded');
    await host.whenAgent(fleet.coordinator, 'runs it', isUpWith(SECOND));
  });

  test('H18: a person upgrades one agent by hand and sees it through by the exit code', async () => {
    const host = await fleet.host('by-hand');
    const upgrade = ['agents', 'upgrade', 'by-hand', '--to', SECOND, '--wait'];
    const done = await fleet.coordinator.moult(upgrade, { timeoutMs: 60_000 });
    expect(done).toMatchObject({ code: 0 });
    expect(done.stderr).toContain('succeeded');

    const timedOut = await fleet.coordinator.moult(
      ['agents', 'upgrade', 'by-hand', '--to', FOURTH, '--wait', '--timeout', '1s'],
      { timeoutMs: 60_000 },
    );
    expect(timedOut).toMatchObject({ code: 3 });
    expect(timedOut.stderr).toContain('code: wait-ended');
    await host.whenAgent(fleet.coordinator, 'runs it all the same', isUpWith(FOURTH), 60_000);

    const failed = await fleet.coordinator.moult(
      ['agents', 'upgrade', 'by-hand', '--to', BAD.crashesAtStart, '--wait'],
      { timeoutMs: 60_000 },
    );
    expectClearFailure(failed, {
      code: 'upgrade-not-done',
      exitCode: 5,
      says: /crashed|rolled-back/,
    });
    await host.whenAgent(fleet.coordinator, 'goes on with what it had', isUpWith(FOURTH));

    const unknown = await fleet.coordinator.moult(
      ['agents', 'upgrade', 'by-hand', '--to', '7.7.7', '--wait', '--timeout', '30s'],
      { timeoutMs: 60_000 },
    );
    expectClearFailure(unknown, { code: 'desired-version-invalid', exitCode: 1, says: /7\.7\.7/ });

    const history = await fleet.coordinator.moult(['history', 'by-hand']);
    expect(history).toMatchObject({ code: 0 });
    expect(history.stdout).toContain(FOURTH);
  });
});

function onlyAttempt(attempts: readonly Attempt[]): Attempt {
  const [attempt] = attempts;
  if (attempt === undefined || attempts.length !== 1) {
    throw new Error(`not one attempt: ${JSON.stringify(attempts)}`);
  }
  return attempt;
}

function isUpWith(version: string) {
  return (agent: Awaited<ReturnType<RealFleet['coordinator']['client']['getAgent']>>) =>
    agent.state === 'Up' &&
    agent.components.find(({ component }) => component === 'agent')?.current?.version === version;
}
