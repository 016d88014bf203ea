/* Many at once: whom a selector means is decided by the coordinator, and one order reaches all of them. */
import { appendFile } from 'node:fs/promises';
import type { Reason } from '@moult/api';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Host } from '../../scripts/fleet/host.ts';
import { until } from '../../scripts/fleet/until.ts';
import { expectClearFailure } from '../support/clear-failure.ts';
import { BAD, FIRST_AGENT, GOOD } from '../support/e2e-releases.ts';
import { PREPARE_MS, RealFleet } from '../support/real-fleet.ts';

/** Three tries with their backoff on three hosts side by side, on a machine that may be slow. */
const WAIT_MS = 240_000;
/** Decided in the turn after the answer. */
const HELD_MS = 30_000;
const [SECOND] = GOOD;
const BROKEN = BAD.crashesAtStart;
const ALL = ['many-1', 'many-2', 'many-3'];

let fleet: RealFleet;
let first: Host;
beforeAll(async () => {
  fleet = await RealFleet.open('selectors');
  [first] = await Promise.all([
    fleet.host('many-1', { group: 'left' }),
    fleet.host('many-2', { group: 'right' }),
    fleet.host('many-3', { group: 'right' }),
  ]);
}, PREPARE_MS);
afterAll(async () => {
  expect(await fleet?.close()).toEqual([]);
});

function moult(...args: readonly string[]) {
  return fleet.coordinator.moult(args, { timeoutMs: WAIT_MS });
}

/** Names of whom it means, as the program prints them for programs. */
async function selected(selector: string): Promise<readonly string[]> {
  const list = await moult('agents', 'list', selector, '-o', 'json');
  expect(list).toMatchObject({ code: 0 });
  return JSON.parse(list.stdout).agents.map(({ name }: { name: string }) => name);
}

async function openCommands() {
  const { client } = fleet.coordinator;
  return (await client.listCommands({ query: { state: 'open' } })).commands;
}

test('H18: a dry run over many says whom the selector means, and orders nothing', async () => {
  const asked = await moult('agents', 'upgrade', 'group=right', '--to', SECOND, '--dry-run');
  expect(asked).toMatchObject({ code: 0 });
  expect(asked.stdout).toContain('2 of 2 would be ordered');
  expect(await openCommands()).toEqual([]);
});

test('H18: a selector that is wrong is refused with its place, and one that means nobody orders nothing', async () => {
  const wrong = await moult('agents', 'upgrade', 'group=right and grup=left', '--to', SECOND);
  expectClearFailure(wrong, { code: 'selector-invalid', exitCode: 2, says: /column 17/ });
  expect(wrong.stderr).toContain('  group=right and grup=left\n                  ^\n');
  const nobody = await moult('agents', 'upgrade', 'group=nowhere', '--to', SECOND);
  expectClearFailure(nobody, { code: 'nothing-selected', exitCode: 1, says: /group=nowhere/ });
  const list = await moult('agents', 'list', 'group=nowhere');
  expect(list).toMatchObject({ code: 0, stdout: 'No agent is selected.\n' });
});

test('H8 H18: a release that all have refused is ordered over their refusals, by force and by selector', async () => {
  const order = ['agents', 'upgrade', '--to', BROKEN];
  const first = await moult(...order, `version<${BROKEN}`, '--wait');
  expectClearFailure(first, { code: 'upgrade-not-done', exitCode: 5, says: /3 of 3 failed/ });
  expect(await selected(`version=${FIRST_AGENT} and state=up`)).toEqual(ALL);

  const again = await moult(...order, `version<${BROKEN}`);
  expect(again).toMatchObject({ code: 0 });
  expect(again.stdout).toContain('3 of 3 ordered');
  const held = await until(
    'all are held',
    async () => {
      const open = await openCommands();
      return open.every(({ holdReason }) => holdReason !== null) ? open : null;
    },
    { timeoutMs: HELD_MS },
  );
  expect(held.map(({ holdReason }) => holdReason)).toEqual(ALL.map(() => 'refused-here'));

  // Tried once more on each: that is what the force is for.
  const forced = await moult(...order, 'waiting=refused-here', '--force', '--wait', '-o', 'json');
  expect(forced).toMatchObject({ code: 5 });
  const { commands } = JSON.parse(forced.stdout);
  expect(commands).toHaveLength(3);
  for (const { command, attempts } of commands) {
    expect(command).toMatchObject({ isForced: true, state: 'failed' });
    expect(attempts).not.toEqual([]);
  }
}, 480_000);

test('R23: why by selector gives one reason for each of them, and the command that frees it', async () => {
  expect(await moult('agents', 'upgrade', ...ALL, '--to', BROKEN)).toMatchObject({ code: 0 });
  const why = await moult('why', 'group=right and waiting=refused-here', '-o', 'json');
  expect(why).toMatchObject({ code: 0 });
  const reasons: readonly Reason[] = JSON.parse(why.stdout).reasons;
  expect(reasons.map(({ agent, reason }) => [agent, reason])).toEqual([
    ['many-2', 'refused-here'],
    ['many-3', 'refused-here'],
  ]);
  const freedBy = reasons[0]?.freedBy;
  expect(freedBy).toMatch(/^moult history many-2 /);
  expect(freedBy).toContain(`moult agents upgrade many-2 --to ${BROKEN} --force`);
  const none = await moult('why', 'group=left and state=down');
  expect(none).toMatchObject({ code: 0, stdout: 'No agent is selected.\n' });
});

test(
  'H18: many are upgraded with one order and seen through, and the same key orders nothing twice',
  async () => {
    const order = [
      'agents',
      'upgrade',
      `version<${SECOND}`,
      '--to',
      SECOND,
      '--key',
      'all-of-them',
    ];
    const done = await moult(...order, '--wait');
    expect(done).toMatchObject({ code: 0 });
    expect(done.stderr).toContain('3 of 3 ordered');
    expect(await selected(`version=${SECOND} and state=up`)).toEqual(ALL);

    const again = await moult(...order);
    expect(again).toMatchObject({ code: 0 });
    expect(again.stdout.match(/\(ordered before\)/g)).toHaveLength(3);
    expect(await openCommands()).toEqual([]);
  },
  WAIT_MS,
);

test('R1: labels of a host and of operators select it, and whoever was put into another group serves there', async () => {
  await appendFile(first.layout.agentConfigPath, '\nlabels: {role: web, zone: b}\n');
  expect(await moult('agents', 'restart', 'many-1')).toMatchObject({ code: 0 });
  const isLabelled = async () =>
    (await selected('label.zone=b and label.role=web and state=up')).at(0) ?? null;
  expect(await until('its labels are known', isLabelled, { timeoutMs: HELD_MS })).toBe('many-1');
  const labelled = await moult('agents', 'label', 'many-1', 'many-2', '--set', 'role=db');
  expect(labelled).toMatchObject({ code: 0 });
  expect(labelled.stdout).toContain('2 of 2 labelled');
  expect(await selected('label.role=db')).toEqual(['many-1', 'many-2']);
  expect(await selected('label.role=web')).toEqual([]);
  const { stdout } = await moult('agents', 'show', 'many-1');
  expect(stdout).toMatch(/labels: +role=db\n/);
  expect(stdout).toMatch(/labels of the host: +zone=b\n/);
  expect(await moult('agents', 'label', 'label.role=db', '--remove', 'role')).toMatchObject({
    code: 0,
  });
  expect(await selected('label.role=*')).toEqual(['many-1']);

  const typo = await moult('agents', 'move', 'many-1', '--group', 'rigt');
  expectClearFailure(typo, { code: 'not-found', exitCode: 1, says: /did you mean right\?/ });
  expect(await moult('agents', 'move', 'many-1', '--group', 'right')).toMatchObject({ code: 0 });
  expect(await selected('group=right')).toEqual(ALL);
  const { groups } = await fleet.coordinator.client.listGroups({});
  expect(groups).toContainEqual({ name: 'left', agents: 0, unavailableMax: 1 });
  expect(groups).toContainEqual({ name: 'right', agents: 3, unavailableMax: 1 });

  const inUse = await moult('groups', 'remove', 'right');
  expectClearFailure(inUse, { code: 'group-in-use', exitCode: 1, says: /agents many-1, many-2, / });
  for (const { id, group } of (await fleet.coordinator.client.listTokens({})).tokens) {
    if (group === 'left') await moult('tokens', 'revoke', id);
  }
  expect(await moult('groups', 'remove', 'left')).toMatchObject({
    ...{ code: 0, stdout: 'group left is removed\n' },
  });
  expect((await moult('groups', 'list')).stdout).not.toContain('left');
});
