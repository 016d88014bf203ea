/* Rollouts over groups of real agents, through the API that CLI and dashboard use. */
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Rollout } from '@moult/api';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Host } from '../../scripts/fleet/host.ts';
import type { Ran } from '../../scripts/fleet/program.ts';
import { until } from '../../scripts/fleet/until.ts';
import { expectClearFailure } from '../support/clear-failure.ts';
import { BAD, GOOD } from '../support/e2e-releases.ts';
import { HeldLauncher } from '../support/held-launcher.ts';
import { PREPARE_MS, RealFleet } from '../support/real-fleet.ts';
import { RolloutWatch } from '../support/rollout-watch.ts';

const ROLLOUT_MS = 150_000;
const GROUPS = ['eu', 'us'] as const;
const EACH = 2;
const SOAK_MS = 2_000;
/** Still to come when it has been told, on a machine that does other things as well. */
const SOON_MS = 8_000;

let fleet: RealFleet;
let watch: RolloutWatch;
const hosts = new Map<string, Host>();

beforeAll(async () => {
  fleet = await RealFleet.open('rollouts');
  watch = new RolloutWatch(fleet, { timeoutMs: ROLLOUT_MS });
  const names = GROUPS.flatMap((group) =>
    Array.from({ length: EACH }, (_, index) => ({ group, name: `${group}-${index + 1}` })),
  );
  await Promise.all(
    names.map(async ({ name, group }) => {
      hosts.set(name, await fleet.host(name, { group }));
    }),
  );
}, PREPARE_MS);

afterAll(async () => {
  expect(await fleet?.close()).toEqual([]);
});

const EVERYBODY = 'group in (eu, us)';

async function moult(...args: readonly string[]): Promise<string> {
  return await fleet.coordinator.moultOk(['rollouts', ...args]);
}

/** Until it is over, or waits for a person. */
async function moultWaits(rollout: string): Promise<Ran> {
  return await fleet.coordinator.moult(['rollouts', 'status', rollout, '--wait'], {
    timeoutMs: ROLLOUT_MS,
  });
}

/** Refused while the canary is upgrading; whoever waits has it, and nobody of the next wave starts. */
async function maintenanceBetweenWaves(rollout: string): Promise<void> {
  const { coordinator } = fleet;
  const maintenance = (...args: readonly string[]) =>
    coordinator.moult(['coordinator', 'maintenance', ...args], { timeoutMs: ROLLOUT_MS });
  const isUpgrading = async () => {
    const { maintenance: is } = await coordinator.client.getCoordinator({});
    return is?.inFlight.some(({ agent }) => agent === 'eu-1') === true ? true : null;
  };
  await until('the canary is upgrading', isUpgrading, { timeoutMs: ROLLOUT_MS });
  const refused = await maintenance('on');
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain('eu-1 is upgrading');
  expect(await maintenance('on', '--wait', '--why', 'to 2')).toMatchObject({ code: 0 });
  const held = await watch.when(rollout, 'is held', ({ waitsFor }) => waitsFor !== null);
  expect(held.waitsFor).toMatchObject({ reason: 'coordinator-upgrading' });
  expect(held.counts).toMatchObject({ done: 1, upgrading: 0, waiting: 3 });
  expect(await coordinator.moultOk(['rollouts', 'why', rollout])).toContain('maintenance off');
  expect(await maintenance('off')).toMatchObject({ code: 0 });
}

test(
  'R20: who views plans, who operates rolls nothing out, who upgrades does, until that is taken away',
  async () => {
    const { coordinator } = fleet;
    const add = async (name: string, role: string) =>
      (await coordinator.moultOk(['principals', 'add', name, '--role', role, '-q'])).trim();
    const viewer = await add('vic', 'viewer');
    const operator = await add('otto', 'operator');
    const upgrader = await add('uma', 'upgrader');
    const as = (token: string, ...args: readonly string[]) =>
      coordinator.moult(['rollouts', ...args, '--token', token]);
    const plan = [EVERYBODY, '--to', GOOD[0]];
    const denied = {
      code: 'permission-denied',
      exitCode: 4,
      says: /may not upgrade.*Roles that may: upgrader, admin/s,
    };
    for (const token of [viewer, operator]) {
      expect((await as(token, 'plan', ...plan)).stdout).toContain('eu-1');
      expectClearFailure(await as(token, 'create', ...plan, '--name', 'theirs'), denied);
    }
    expect(await as(upgrader, 'create', ...plan, '--name', 'theirs')).toMatchObject({ code: 0 });
    for (const token of [viewer, operator]) {
      expectClearFailure(await as(token, 'start', 'theirs'), denied);
      expect((await as(token, 'status', 'theirs')).stdout).toContain('pending');
    }
    await as(upgrader, 'edit', 'theirs', '--second-principal');
    expectClearFailure(await as(upgrader, 'approve', 'theirs'), {
      code: 'second-principal-needed',
      exitCode: 4,
      says: /uma edited theirs: another principal approves it/,
    });
    expectClearFailure(await as(upgrader, 'start', 'theirs'), {
      code: 'rollout-not-approved',
      exitCode: 1,
      says: /theirs needs the approval of a second principal/,
    });
    expect(await moult('approve', 'theirs')).toContain('theirs: pending');
    await coordinator.moultOk(['principals', 'role', 'uma', 'operator', '-m', 'change of team']);
    expectClearFailure(await as(upgrader, 'start', 'theirs'), denied);
    await coordinator.moultOk(['principals', 'revoke', 'uma', '-m', 'left']);
    expectClearFailure(await as(upgrader, 'list'), { code: 'unauthenticated', exitCode: 4 });
    expectClearFailure(await coordinator.moult(['principals', 'revoke', 'admin']), {
      code: 'last-administrator',
      exitCode: 1,
    });
    expect(await coordinator.moultOk(['principals', 'list'])).toMatch(
      /uma +operator +revoked by admin/,
    );
    const { entries } = await coordinator.client.listHistory({ query: { limit: 10 } });
    expect(entries.slice(0, 2)).toMatchObject([
      { kind: 'principal-revoked', principal: 'admin', why: 'left' },
      { kind: 'principal-role-set', principal: 'admin', why: 'change of team' },
    ]);
    await moult('cancel', 'theirs');
  },
  ROLLOUT_MS,
);

test(
  'R1 R4 R8 R22: a release goes to a canary, then group by group, one of each at a time, and holds while the coordinator is in maintenance',
  async () => {
    const { client } = fleet.coordinator;
    const asked = { select: EVERYBODY, version: GOOD[0] };
    const plan = await client.planRollout({ body: asked });
    expect(plan.members.map(({ agent, wave }) => [agent, wave])).toEqual([
      ['eu-1', 0],
      ['us-1', 1],
      ['eu-2', 1],
      ['us-2', 1],
    ]);
    const made = await client.createRollout({ body: { ...asked, name: 'good', why: 'monthly' } });
    expect(made).toMatchObject({ state: 'pending', counts: { waiting: 4 } });
    await client.startRollout({ params: { rollout: 'good' }, body: {} });
    await maintenanceBetweenWaves('good');
    const end = await watch.when('good', 'is over', ({ state }) => state === 'ended');
    expect(end).toMatchObject({ outcome: 'ended-ok', counts: { done: 4 } });
    for (const name of hosts.keys()) expect(await watch.version(name)).toBe(GOOD[0]);
    const { agents } = await client.listRolloutAgents({ params: { rollout: 'good' }, query: {} });
    const times = (agent: string) => agents.find((one) => one.agent === agent);
    const [canary, ...others] = agents;
    for (const other of others)
      expect(other.startedMs).toBeGreaterThanOrEqual(canary?.endedMs ?? Number.NaN);
    expect(times('us-2')?.startedMs).toBeGreaterThanOrEqual(times('us-1')?.endedMs ?? Number.NaN);
  },
  ROLLOUT_MS,
);

test(
  'R3 R5 R23: a bad release stops at the canary, nobody else is touched, and it is said why',
  async () => {
    await moult('create', EVERYBODY, '--to', BAD.crashesAtStart, '--name', 'bad', '--start');
    const waited = await moultWaits('bad');
    expect(waited.code).toBe(5);
    expect(waited.stdout).toMatch(/halted.*1 failed, 0 may/s);
    expect(await watch.states('bad')).toEqual({
      'eu-1': 'rolled-back',
      'eu-2': 'waiting',
      'us-1': 'waiting',
      'us-2': 'waiting',
    });
    expect(await moult('why', 'bad')).toMatch(
      /halted: 1 failed, 0 may.*rolled back \(crashed\).*eu-1/s,
    );
    expect(await moult('report', 'bad')).toMatch(/eu-1 .*rolled/);
    const cancelled = await moult('cancel', 'bad', '-m', 'bad release');
    expect(cancelled).toMatch(/eu-2.*stopped/);
    for (const name of hosts.keys()) expect(await watch.version(name)).toBe(GOOD[0]);
  },
  ROLLOUT_MS,
);

test(
  'R18 R23: what a rollout did is reported with each end, who did what and why, and the evidence; why says what freed the others',
  async () => {
    const { coordinator } = fleet;
    const { client } = coordinator;
    const report = await client.reportRollout({ params: { rollout: 'bad' } });
    expect(report).toMatchObject({ commands: 1, upgrading: [], rollout: { state: 'cancelled' } });
    expect(report.groups.map(({ group }) => group)).toEqual([...GROUPS]);
    expect(report.platforms).toMatchObject([{ counts: { 'rolled-back': 1, stopped: 3 } }]);
    expect(report.acts.map(({ kind }) => kind)).toEqual([
      ...['rollout-pending', 'rollout-running', 'rollout-halted', 'rollout-cancelled'],
    ]);
    expect(report.acts.at(-1)).toMatchObject({ why: 'bad release' });
    expect(await moult('report', 'bad')).not.toContain('evidence:');
    const evidence = await moult('report', 'bad', '--evidence');
    expect(evidence).toMatch(/eu-1 +eu .*rolled back.*cancelled +- +\S+ +bad release/s);
    expect(evidence).toMatch(/ {2}evidence: crashed.*exit code/);
    const rows = (await moult('report', 'bad', '-o', 'csv')).trim().split('\n');
    expect(rows).toHaveLength(1 + 4);
    const steps = await moult('report', 'bad', '--agent', 'eu-1', '-o', 'csv');
    expect(steps).toMatch(/eu-1,\S+,1,switching,\d{4}-\S+Z,\d{4}-\S+Z,rolled-back/);
    const upgrades = await coordinator.moultOk(['history', '--rollout', 'bad']);
    expect(upgrades).toMatch(/^eu-1 agent .*rolled-back/);
    const { entries } = await client.listHistory({ query: { rollout: 'bad', limit: 1000 } });
    const kinds = entries.map(({ kind }) => kind);
    expect(kinds).toEqual(expect.arrayContaining(['command-failed', 'rollout-cancelled']));
    expect(entries.every(({ agent }) => agent === null || agent === 'eu-1')).toBe(true);
    const { reasons } = await client.whyRollout({ params: { rollout: 'bad' } });
    expect(reasons).toMatchObject([{ about: 'failed', reason: 'crashed', names: ['eu-1'] }]);
    await moult('create', EVERYBODY, '--to', GOOD[1], '--name', 'never');
    expect(await moult('report', 'never')).toContain('Nothing has run yet.');
    expect(await moult('why', 'never')).toContain('freed by: moult rollouts start never');
    const plan = ['rollouts', 'plan', EVERYBODY, '--detailed-exitcode', '--to'];
    expect(await coordinator.moult([...plan, GOOD[1]])).toMatchObject({ code: 8 });
    const nobody = await coordinator.moult([...plan, GOOD[0]]);
    expect(nobody).toMatchObject({ code: 0 });
    expect(nobody.stdout).toContain('there is nothing to do; 4 there already');
    // RO6: those that have refused it are left out, unless it is forced.
    const refused = await moult('plan', EVERYBODY, '--to', BAD.crashesAtStart);
    expect(refused).toMatch(/3 agents go.*; 1 cannot.*cannot, 1 agent: .*refused.*: eu-1/s);
    const forced = await moult('plan', EVERYBODY, '--to', BAD.crashesAtStart, '--force');
    expect(forced).toContain('4 agents go');
  },
  ROLLOUT_MS,
);

/** No operation withdraws a release yet. */
async function whileWithdrawn(version: string, work: () => Promise<void>): Promise<void> {
  const path = join(fleet.coordinator.stateDir, 'coordinator.db');
  const database = new DatabaseSync(path, { timeout: 10_000 });
  const sql = "UPDATE releases SET state = ? WHERE component = 'agent' AND version = ?";
  const set = database.prepare(sql);
  try {
    set.run('imported', version);
    await work();
  } finally {
    set.run('published', version);
    database.close();
  }
}

test(
  'R4: what cannot be rolled out is refused by name, with what to do, and nothing is made of it; a plan warns of those that could not go back',
  async () => {
    const { coordinator } = fleet;
    const to = ['--to', GOOD[1]];
    const refused = [
      [['group=nowhere', ...to], 'nothing-selected', 1, /group=nowhere/],
      [['group=eu and', ...to], 'selector-invalid', 2, /group=eu and/],
      [[EVERYBODY, '--to', '7.7.7'], 'desired-version-invalid', 1, /7\.7\.7 is not a published/],
      [[EVERYBODY, ...to, '--roll-back-to', '7.7.7'], 'desired-version-invalid', 1, /7\.7\.7/],
      [[EVERYBODY, ...to, '--max-failed-share', '150%'], 'usage', 2, /150%/],
      [[EVERYBODY, ...to, '--waves', '0,rest'], 'usage', 2, /waves/],
      [[EVERYBODY, ...to, '--priority', '101'], 'usage', 2, /-100 to 100/],
      [['eu-1', ...to, '--late-joiners'], 'usage', 2, /selector/],
      [['eu-1', 'nobody', ...to], 'not-found', 1, /no agent nobody/],
    ] as const;
    for (const [args, code, exitCode, says] of refused) {
      const ran = await coordinator.moult(['rollouts', 'create', ...args, '--name', 'wrong']);
      expectClearFailure(ran, { code, exitCode, says });
    }
    const before = (await watch.version('eu-1')) ?? '';
    await whileWithdrawn(before, async () => {
      expect(await moult('plan', EVERYBODY, ...to)).toMatch(
        /warning, 4 agents: they cannot be brought back by a rollout, .* not published any more/,
      );
      const ran = await coordinator.moult(['rollouts', 'plan', EVERYBODY, '--to', before]);
      expectClearFailure(ran, { code: 'desired-version-invalid', exitCode: 1, says: / published/ });
    });
    const { rollouts } = await coordinator.client.listRollouts({ query: {} });
    expect(rollouts.map(({ name }) => name)).not.toContain('wrong');
  },
  ROLLOUT_MS,
);

/** Past its switch, while that is so: resolves with what lets it go on. */
async function heldPastSwitch(name: string): Promise<() => void> {
  const host = hosts.get(name);
  if (host === undefined) throw new Error(`there is no host ${name}`);
  const launcher = await HeldLauncher.of(host);
  await launcher.hold(host, 'probation');
  return () => launcher.release();
}

test(
  'R4 R5 R6 H18: a pause lets who is past its switch finish, and nobody takes it away meanwhile; test mode pauses by itself after each; a cancel says of each agent whether it is done, too late or stopped; what was planned before is stale by then',
  async () => {
    const { coordinator } = fleet;
    await moult('create', EVERYBODY, '--to', GOOD[1], '--name', 'tested', '--pause-after', '1');
    const canary = heldPastSwitch('eu-1');
    await moult('start', 'tested');
    const release = await canary;
    expect(await moult('pause', 'tested', '-m', 'phone')).toMatch(/paused.*1 upgrading, 3 waiting/);
    for (const force of [[], ['--force']]) {
      const order = ['agents', 'upgrade', 'eu-1', '--to', GOOD[2], ...force];
      expectClearFailure(await coordinator.moult(order), {
        code: 'rollout-owns-agent',
        exitCode: 1,
        says: /the rollout tested.*rollouts skip tested eu-1/s,
      });
    }
    release();
    const isThrough = ({ counts }: Rollout) => counts.done === 1;
    const paused = await watch.when('tested', 'is through with its canary', isThrough);
    expect(paused).toMatchObject({ state: 'paused', counts: { done: 1, waiting: 3 } });
    expect(await watch.version('eu-1')).toBe(GOOD[1]);
    // Two rollouts have nothing to do with one agent at a time.
    expectClearFailure(await coordinator.moult(['rollouts', 'start', 'never']), {
      code: 'rollout-overlaps',
      exitCode: 1,
      says: /tested/,
    });

    await moult('resume', 'tested');
    const waited = await moultWaits('tested');
    expect(waited.code).toBe(8);
    expect(waited.stderr).toContain('tested waits for a person: moult rollouts resume tested');
    const again = await watch.when('tested', 'pauses by itself', ({ state }) => state === 'paused');
    expect(again).toMatchObject({ counts: { done: 2, waiting: 2 } });
    expect(again.stateWhy).toMatch(/test mode/);

    const next = heldPastSwitch('us-1');
    await moult('resume', 'tested');
    const releaseNext = await next;
    expect(await moult('cancel', 'tested')).toMatch(
      /us-1: too late.*us-2: stopped.*eu-1: done before.*eu-2: done before/s,
    );
    releaseNext();
    const hasEnded = ({ counts }: Rollout) => counts.done === 3;
    await watch.when('tested', 'is through with who was too late', hasEnded);
    expect(await watch.versions(['us-1', 'us-2'])).toEqual({ 'us-1': GOOD[1], 'us-2': GOOD[0] });
    // Planned before, for what was so then.
    expectClearFailure(await coordinator.moult(['rollouts', 'start', 'never']), {
      code: 'rollout-plan-stale',
      exitCode: 1,
      says: /eu-1.*plan never.*--as-planned/s,
    });
    await moult('cancel', 'never');
    const { entries } = await coordinator.client.listHistory({ query: { rollout: 'tested' } });
    expect(entries.filter(({ kind }) => kind === 'rollout-paused')).toMatchObject([
      { principal: 'coordinator' },
      { principal: 'admin', why: 'phone' },
    ]);
  },
  ROLLOUT_MS,
);

test(
  'R4 R5 R7 R9 P1 N6: a draft is edited, supposed, planned and split; its parts go one by one from the time that was set, and what each has upgraded is taken back, to what ran before or, by waves that soak and that a person opens, to one version',
  async () => {
    const { coordinator } = fleet;
    const before = await watch.version('eu-1');
    await moult('create', EVERYBODY, '--to', GOOD[2], '--name', 'drafted', '--draft');
    await moult('edit', 'drafted', '--waves', 'rest', '-m', 'all at once', '--draft');
    expect(await moult('plan', 'drafted')).toMatch(/4 agents go, in 1 wave.*start drafted/s);
    const supposed = await moult('simulate', 'drafted');
    expect(supposed).toMatch(/4 agents: would be over .* after its start/);
    expect(supposed).toMatch(/(the median of the \d+ newest|assumed)/);
    expect(supposed).toMatch(/eu, 2 +\[[-#]{48}\] {2}never fewer than 1/);
    const split = await moult('split', 'drafted', '--into', '2', '--one-by-one');
    expect(split).toMatch(/drafted-2: 2 agents, once drafted-1 has ended well/);
    const follows = await coordinator.moult(['rollouts', 'status', 'drafted-2']);
    expect(follows.stdout).toContain('has not ended well (awaiting-sibling)');
    await moult('start', 'drafted-1', '--at', new Date(Date.now() + SOON_MS).toISOString());
    await watch.when('drafted-1', 'starts by itself', ({ state }) => state !== 'pending');
    const again = await coordinator.moult(['rollouts', 'split', 'drafted-1', '--into', '2']);
    expect(again.code).not.toBe(0);
    expect(again.stderr).toContain('only what is pending is split');
    const second = await watch.when('drafted-2', 'has ended', ({ state }) => state === 'ended');
    expect(second).toMatchObject({ outcome: 'ended-ok', startsAfter: 'drafted-1' });
    for (const name of hosts.keys()) expect(await watch.version(name)).toBe(GOOD[2]);
    await moult('revert', 'drafted-1', '--waves', 'rest', '--start', '-m', 'leaks');
    const watched = await coordinator.moult(['rollouts', 'watch', 'drafted-1-revert'], {
      timeoutMs: ROLLOUT_MS,
    });
    expect(watched).toMatchObject({ code: 0, stderr: expect.stringContaining('[2/2]') });
    const back = await watch.when('drafted-1-revert', 'is over', ({ state }) => state === 'ended');
    expect(back).toMatchObject({ outcome: 'ended-ok', reverts: 'drafted-1', version: before });
    expect(await watch.states('drafted-1-revert')).toEqual({ 'eu-1': 'done', 'us-1': 'done' });
    const versions = await Promise.all([...hosts.keys()].sort().map((name) => watch.version(name)));
    expect(versions).toEqual([before, GOOD[2], before, GOOD[2]]);
    // What its agents ran before is not asked; each wave soaks, and a person opens the second.
    const to = ['--to', GOOD[0], '--soak', '2s', '--approval', '--start'];
    await moult('revert', 'drafted-2', ...to);
    const name = 'drafted-2-revert';
    const shut = await moultWaits(name);
    expect(shut).toMatchObject({ code: 8 });
    expect(shut.stderr).toContain(`${name} waits for a person: moult rollouts approve ${name}`);
    expect(await moult('why', name)).toMatch(/awaiting-approval.*freed by: .*approve drafted-2/s);
    await moult('approve', name, '-m', 'looks well');
    const end = await watch.when(name, 'is over', ({ state }) => state === 'ended');
    expect(end).toMatchObject({ outcome: 'ended-ok', version: GOOD[0], counts: { done: 2 } });
    const [canary, last] = await watch.members(name);
    expect(last?.startedMs).toBeGreaterThanOrEqual((canary?.endedMs ?? Number.NaN) + SOAK_MS);
    expect(end.endedMs).toBeGreaterThanOrEqual((last?.endedMs ?? Number.NaN) + SOAK_MS);
    expect(await watch.version('eu-2')).toBe(GOOD[0]);
  },
  ROLLOUT_MS * 2,
);
