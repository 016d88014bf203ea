/* Which version should run where, and what comes of choosing it, through the real programs. */
import { generateKeyPairSync } from 'node:crypto';
import { join } from 'node:path';
import type { Agent, Attempt, Choice, Offer, Reason } from '@moult/api';
import { compareVersions } from '@moult/core/versions';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Host } from '../../scripts/fleet/host.ts';
import type { Ran } from '../../scripts/fleet/program.ts';
import { buildPack } from '../../scripts/fleet/releases.ts';
import { expectClearFailure } from '../support/clear-failure.ts';
import { BAD, FIRST_AGENT, GOOD } from '../support/e2e-releases.ts';
import { HeldLauncher } from '../support/held-launcher.ts';
import { PREPARE_MS, RealFleet } from '../support/real-fleet.ts';

const [SECOND, THIRD] = GOOD;
const TEST_MS = 240_000;
const RUNS_MS = 90_000;
const CLI_MS = 60_000;

let fleet: RealFleet;
let first: Host;
let second: Host;
/** Of their group, with a choice of its own. */
let chosen: Host;
/** Of another group. */
let other: Host;
beforeAll(async () => {
  fleet = await RealFleet.open('choices');
  [first, second, chosen, other] = await Promise.all([
    fleet.host('pair-1', { group: 'pair' }),
    fleet.host('pair-2', { group: 'pair' }),
    fleet.host('chosen', { group: 'pair' }),
    fleet.host('other'),
  ]);
}, PREPARE_MS);
afterAll(async () => {
  expect(await fleet?.close()).toEqual([]);
});

function moult(...args: readonly string[]): Promise<Ran> {
  return fleet.coordinator.moult(args, { timeoutMs: CLI_MS });
}

async function choose(...args: readonly string[]): Promise<string> {
  const ran = await moult('agents', 'desired', ...args);
  expect(ran).toMatchObject({ code: 0 });
  return ran.stdout;
}

async function why(name: string): Promise<readonly Reason[]> {
  return JSON.parse((await moult('why', name, '-o', 'json')).stdout).reasons;
}

/** Of the agent, not the launcher: for whom, what, and for how many it holds. */
async function chosenNow(): Promise<readonly string[]> {
  const { stdout } = await moult('agents', 'desired', '-o', 'json');
  const { choices }: { readonly choices: readonly Choice[] } = JSON.parse(stdout);
  return choices
    .filter(({ component }) => component === 'agent')
    .map(({ scope, subject, version, agents }) => `${scope} ${subject} ${version} ${agents}`);
}

async function whenRunning(hosts: readonly Host[], version: string): Promise<void> {
  const runs = ({ state, components }: Agent) =>
    state === 'Up' &&
    components.find(({ component }) => component === 'agent')?.current?.version === version;
  for (const host of hosts) {
    await host.whenAgent(fleet.coordinator, `runs ${version}`, runs, RUNS_MS);
  }
}

/** Oldest first. */
async function attemptsOf(...hosts: readonly Host[]): Promise<readonly Attempt[]> {
  const { attempts } = await fleet.coordinator.client.listAttempts({ query: { limit: 100 } });
  return attempts
    .filter(({ agent }) => hosts.some(({ name }) => name === agent))
    .sort((a, b) => a.startedMs - b.startedMs);
}

async function expectOneAfterTheOther(...hosts: readonly Host[]): Promise<void> {
  const attempts = await attemptsOf(...hosts);
  for (const [position, { startedMs }] of attempts.entries()) {
    expect(startedMs).toBeGreaterThanOrEqual(attempts[position - 1]?.endedMs ?? 0);
  }
}

test(
  'H2 R15 R23: a choice reaches connected agents at once, that for an agent before its group’s, that before the fleet’s; one of a group goes at a time, groups side by side, and who still waits goes to what is chosen last',
  async () => {
    await choose(chosen.name, '--to', FIRST_AGENT, '--why', 'driver not ready');
    const launchers = await Promise.all([first, second].map((host) => HeldLauncher.of(host)));
    const holding = [first, second].map(async (host, index) => {
      await launchers[index]?.hold(host, 'probation');
      return index;
    });
    const ordered = await choose('--group', 'pair', '--to', SECOND);
    expect(ordered).toContain(`group pair: agent desired ${SECOND}`);
    expect(ordered).toContain(`rollout pair-agent-${SECOND}: running, 2 agents in 2 waves`);
    const index = await Promise.race(holding);
    // The other one is to be held at nothing.
    void Promise.all(holding).then(() => launchers.map((launcher) => launcher.release()));
    const [goes, waits] = index === 0 ? [first, second] : [second, first];
    await choose('--fleet', '--to', SECOND);
    const [waiting] = await why(waits.name);
    // The canary has not come through yet.
    expect(waiting).toMatchObject({ reason: 'awaiting-gate', detail: `pair-agent-${SECOND}` });
    await choose('--group', 'pair', '--to', THIRD);
    launchers[index]?.release();
    await whenRunning([first, second], THIRD);
    await whenRunning([other], SECOND);

    const versionsOf = async (host: Host) => (await attemptsOf(host)).map(({ to }) => to);
    expect(await versionsOf(goes)).toEqual([SECOND, THIRD]);
    expect(await versionsOf(waits)).toEqual([THIRD]);
    expect(await versionsOf(other)).toEqual([SECOND]);
    expect(await versionsOf(chosen)).toEqual([]);
    await expectOneAfterTheOther(first, second, chosen);
    const [ofPair] = await attemptsOf(goes);
    const [ofOther] = await attemptsOf(other);
    expect(ofOther?.startedMs).toBeLessThan(ofPair?.endedMs ?? 0);

    expect(await chosenNow()).toEqual([
      `fleet  ${SECOND} 1`,
      `group pair ${THIRD} 2`,
      `agent chosen ${FIRST_AGENT} 1`,
    ]);
    expect((await moult('agents', 'desired')).stdout).toMatch(/agent chosen .* driver not ready/);
  },
  TEST_MS,
);

test('R15: what can be chosen is offered newest first, for each platform, with the number of agents', async () => {
  const of = async (...args: readonly string[]): Promise<readonly Offer[]> =>
    JSON.parse((await moult('agents', 'versions', ...args, '-o', 'json')).stdout).platforms;
  const [ofFleet, ...more] = await of();
  const [ofGroup] = await of('--group', 'pair');
  expect(more).toEqual([]);
  expect([ofFleet?.agents, ofGroup?.agents]).toEqual([4, 3]);
  const runBy = (offer: Offer | undefined) =>
    offer?.versions.filter(({ agents }) => agents > 0).map((one) => [one.version, one.agents]);
  expect(runBy(ofGroup)).toEqual([
    [THIRD, 2],
    [FIRST_AGENT, 1],
  ]);
  expect(runBy(ofFleet)).toEqual([
    [THIRD, 2],
    [SECOND, 1],
    [FIRST_AGENT, 1],
  ]);
  const published = (await fleet.coordinator.releases())
    .filter(({ component }) => component === 'agent')
    .map(({ version }) => version);
  expect(ofFleet?.versions.map(({ version }) => version)).toEqual(
    published.sort((a, b) => compareVersions(b, a)),
  );
});

test(
  'R15: a choice that is taken back gives way to the next, also to an older version, one of a group after the other',
  async () => {
    await choose('--group', 'pair', '--unset');
    await whenRunning([first, second], SECOND);
    expect(await chosenNow()).toEqual([`fleet  ${SECOND} 3`, `agent chosen ${FIRST_AGENT} 1`]);
    expect(await attemptsOf(chosen)).toEqual([]);
    await choose(chosen.name, '--unset');
    await whenRunning([chosen], SECOND);
    expect(await chosenNow()).toEqual([`fleet  ${SECOND} 4`]);
    await expectOneAfterTheOther(first, second, chosen);
    expect((await attemptsOf(other)).map(({ to }) => to)).toEqual([SECOND]);
    expect((await moult('why')).stdout).toBe('Every agent runs what is wanted for it.\n');
  },
  TEST_MS,
);

test(
  'R15 R3: a bad choice halts at the canary of its group, and changes nothing for anybody else; another choice takes its place',
  async () => {
    await choose('--group', 'pair', '--to', BAD.crashesAtStart);
    const name = `pair-agent-${BAD.crashesAtStart}`;
    const waited = await moult('rollouts', 'status', name, '--wait');
    expect(waited).toMatchObject({ code: 5, stderr: expect.stringContaining('halted: 1 failed') });
    const params = { rollout: name };
    const { agents } = await fleet.coordinator.client.listRolloutAgents({ params, query: {} });
    expect(agents.map(({ state }) => state)).toEqual(['rolled-back', 'waiting', 'waiting']);
    const [canary] = agents;
    expect(await why(canary?.agent ?? '')).toMatchObject([{ reason: 'refused-here' }]);
    await choose('--group', 'pair', '--unset');
    const ended = await fleet.coordinator.client.getRollout({ params });
    expect(ended).toMatchObject({ state: 'cancelled', outcome: 'superseded' });
    await whenRunning([first, second, chosen], SECOND);
    expect((await moult('why')).stdout).toBe('Every agent runs what is wanted for it.\n');
  },
  TEST_MS,
);

test(
  'H2 R22: where nobody has chosen for the fleet it follows the version of its coordinator, once that is published and maintenance has ended; a person’s choice stands',
  async () => {
    const { coordinator } = fleet;
    const own = (await moult('--version')).stdout.trim();
    await choose('--group', 'pair', '--to', SECOND);
    await moult('coordinator', 'maintenance', 'on');
    await choose('--fleet', '--unset');
    const spec = { component: 'agent', version: own, borrowsRuntime: true } as const;
    const outDir = join(fleet.dir, 'own-version');
    const { packPath } = await buildPack({ spec, outDir, compressionLevel: 0 });
    await coordinator.publish(packPath);
    const { stdout: held } = await moult('coordinator', 'maintenance', 'status');
    expect(held).toContain('Maintenance since');
    expect(await chosenNow()).toEqual([`group pair ${SECOND} 3`]);
    await moult('coordinator', 'maintenance', 'off');
    await whenRunning([other], own);
    expect(await chosenNow()).toEqual([`fleet  ${own} 1`, `group pair ${SECOND} 3`]);
    expect((await moult('agents', 'desired')).stdout).toMatch(/fleet .* coordinator/);
    await choose('--fleet', '--to', SECOND);
    await choose('--group', 'pair', '--unset');
    await whenRunning([other], SECOND);
  },
  TEST_MS,
);

test('R4 R15 H18: what cannot be is refused, with its name, and changes nothing; no force brings a host a release that was not built for it', async () => {
  await enrollAnotherPlatform('arm-1');
  const refused = [
    [['--group', 'pear', '--to', THIRD], 'not-found', /no group pear, did you mean pair\?/],
    [['nobody', '--to', THIRD], 'not-found', /no agent nobody/],
    [['--group', 'pair', '--to', '7.7.7'], 'desired-version-invalid', /7\.7\.7 is not a published/],
    [['--group', 'arms', '--to', THIRD], 'release-no-platform', /not for arm-1 \(linux-arm64\)/],
    [['--fleet', '--to', THIRD], 'release-no-platform', /not for arm-1 \(linux-arm64\)/],
  ] as const;
  for (const [args, code, says] of refused) {
    const ran = await moult('agents', 'desired', ...args);
    expectClearFailure(ran, { code, exitCode: 1, says });
  }
  expectClearFailure(await moult('agents', 'versions', '--group', 'pear'), {
    code: 'not-found',
    exitCode: 1,
    says: /did you mean pair/,
  });
  expect(await chosenNow()).toEqual([`fleet  ${SECOND} 5`]);
  const plan = await moult('rollouts', 'plan', 'group in (pair, arms)', '--to', THIRD);
  expect(plan.stdout).toMatch(/3 agents go.*; 1 cannot.*cannot, 1 agent: .*platform.*: arm-1/s);
  const forced = await moult('agents', 'upgrade', 'arm-1', '--to', THIRD, '--force');
  expect(forced).toMatchObject({ code: 0 });
  expect(await why('arm-1')).toMatchObject([{ reason: 'no-platform' }]);
  // Who is not concerned is kept from nothing.
  await choose('--group', 'pair', '--to', SECOND);
});

/** Never seen, and it would be of a platform that nothing is published for. */
async function enrollAnotherPlatform(name: string): Promise<void> {
  const token = await fleet.coordinator.enrollmentToken({ validates: true, group: 'arms' });
  const { publicKey } = generateKeyPairSync('ed25519');
  const { x = '' } = publicKey.export({ format: 'jwk' });
  await fleet.coordinator
    .clientOf(null)
    .enroll({ body: { token, publicKey: x, name, platform: 'linux-arm64' } });
}
