/* R8, R9 on real agents: what fails is taken back by the coordinator, and what could not be taken back stops it. */
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Rollout } from '@moult/api';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Host } from '../../scripts/fleet/host.ts';
import { until } from '../../scripts/fleet/until.ts';
import { ROOT_DIR } from '../../scripts/root.ts';
import {
  BAD,
  FIRST_AGENT,
  FIRST_LAUNCHER_VERSION,
  GOOD,
  GOOD_LAUNCHER,
  UNFIT,
} from '../support/e2e-releases.ts';
import { HeldLauncher } from '../support/held-launcher.ts';
import { PREPARE_MS, RealFleet } from '../support/real-fleet.ts';
import { RolloutWatch } from '../support/rollout-watch.ts';

const ROLLOUT_MS = 200_000;
/** Longer than a switch may take. */
const VANISHED_MS = 11 * 60_000;
const GONE_MS = 90_000;
const NAMES = ['eu-1', 'eu-2'] as const;

let fleet: RealFleet;
let watch: RolloutWatch;
let first: Host;
let second: Host;

beforeAll(async () => {
  const clock = join(ROOT_DIR, 'test/fixtures/moved-clock.ts');
  fleet = await RealFleet.open('rollout-back', { env: { NODE_OPTIONS: `--import=${clock}` } });
  watch = new RolloutWatch(fleet, { timeoutMs: ROLLOUT_MS });
  [first, second] = await Promise.all([
    fleet.host(NAMES[0], { group: 'eu' }),
    fleet.host(NAMES[1], { group: 'eu' }),
  ]);
}, PREPARE_MS);

afterAll(async () => {
  expect(await fleet?.close()).toEqual([]);
});

async function moult(...args: readonly string[]): Promise<string> {
  return await fleet.coordinator.moultOk(['rollouts', ...args]);
}

/** Last seen is written down in batches, maybe after the clock was set: then it is set once more. */
async function untilVanished({ name }: Host, rollout: string): Promise<void> {
  const { client, dir } = fleet.coordinator;
  let offMs = 0;
  await until(
    `${rollout} has missed ${name}`,
    async () => {
      const { lastSeenMs } = await client.getAgent({ params: { name } });
      offMs = Math.max(offMs, (lastSeenMs ?? 0) + VANISHED_MS - Date.now());
      await writeFile(join(dir, 'clock-off-ms'), String(offMs));
      const { failures } = await client.getRollout({ params: { rollout } });
      return failures.length > 0;
    },
    { timeoutMs: ROLLOUT_MS },
  );
}

const isEnded = ({ state }: Rollout): boolean => state === 'ended';
const isHalted = ({ state }: Rollout): boolean => state === 'halted';

test(
  'R8: a release that crashes once it is committed is taken back by the coordinator, and its rollout halts',
  async () => {
    const { client } = fleet.coordinator;
    const good = ['--to', GOOD[0], '--name', 'good', '--waves', 'rest', '--start'];
    await moult('create', 'group=eu', ...good);
    await watch.when('good', 'is over', isEnded);
    const bad = ['--to', BAD.crashesOnceCommitted, '--name', 'bad', '--soak', '5m', '--start'];
    await moult('create', 'group=eu', ...bad);
    const halted = await watch.when('bad', 'is taken back', ({ state, counts }) => {
      return state === 'halted' && counts['rolled-back'] + counts.failed > 0;
    });
    expect(halted.counts).toMatchObject({ 'rolled-back': 1, waiting: 1 });
    expect(halted.failures).toEqual([{ kind: 'after-commit', count: 1 }]);
    const { components } = await client.getAgent({ params: { name: 'eu-1' } });
    const own = components.find(({ component }) => component === 'agent');
    expect(own?.current?.version).toBe(GOOD[0]);
    expect(await moult('report', 'bad')).toMatch(/eu-1 .*rolled back, after commit: its session/);
    await moult('cancel', 'bad');
  },
  ROLLOUT_MS * 2,
);

test(
  'R8: what could not go back halts its rollout, also one that continues on errors',
  async () => {
    const back = ['--roll-back-to', UNFIT.crashes, '--on-error', 'continue'];
    await moult('create', 'group=eu', '--to', BAD.crashesAtStart, '--name', 'stuck', ...back);
    await moult('start', 'stuck');
    const halted = await watch.when('stuck', 'halts', isHalted);
    expect(halted.counts).toMatchObject({ failed: 1, waiting: 1 });
    expect(halted.failures).toEqual([{ kind: 'roll-back', count: 1 }]);
    expect(await moult('why', 'stuck')).toMatch(/1 agent: .*eu-1/s);
    expect(await watch.versions(NAMES)).toEqual({ 'eu-1': GOOD[0], 'eu-2': GOOD[0] });
    await moult('cancel', 'stuck');
  },
  ROLLOUT_MS,
);

test(
  'R8 P5: by force also whom its host has refused; each goes back to the version that was named, and the next one has its turn where a rollback is no reason to stop',
  async () => {
    const back = ['--roll-back-to', FIRST_AGENT, '--go-on-after-rollback'];
    const asked = ['group=eu', '--to', BAD.crashesAtStart, ...back];
    expect(await moult('plan', ...asked)).toMatch(/cannot, 1 agent: .*: eu-1/);
    expect(await moult('create', ...asked, '--force', '--name', 'goes-on', '--start')).toMatch(
      /back to 1\.0\.0; goes on after a rollback; forced.*warning: it does not halt for agents/s,
    );
    const end = await watch.when('goes-on', 'is over', isEnded);
    expect(end).toMatchObject({ outcome: 'ended-not-ok', counts: { 'rolled-back': 2 } });
    expect(await watch.versions(NAMES)).toEqual({ 'eu-1': FIRST_AGENT, 'eu-2': FIRST_AGENT });
  },
  ROLLOUT_MS,
);

test(
  'R3 R8: an agent that is killed for good after its switch is a failure, for which all that were upgraded go back; it, too, when it comes',
  async () => {
    const launcher = await HeldLauncher.of(second);
    const switched = launcher.hold(second, 'probation');
    const asked = ['group=eu', '--to', GOOD[1], '--roll-back', 'all', '--name', 'lost'];
    await moult('create', ...asked, '--start');
    await switched;
    await second.killAll();
    await second.whenAgent(fleet.coordinator, 'is Down', ({ state }) => state === 'Down', GONE_MS);
    await untilVanished(second, 'lost');
    const halted = await watch.when('lost', 'halts', isHalted);
    expect(halted.failures).toEqual([{ kind: 'vanished', count: 1 }]);
    expect(await moult('why', 'lost')).toMatch(/did not come back|not seen since/);
    const isBack = ({ counts }: Rollout) => counts['rolled-back'] === 1;
    const back = await watch.when('lost', 'has taken the other one back', isBack);
    expect(back).toMatchObject({ state: 'halted', counts: { failed: 1 } });
    expect(await watch.version('eu-1')).toBe(FIRST_AGENT);
    second.start();
    const isAllBack = ({ counts }: Rollout) => counts['rolled-back'] === 2;
    await watch.when('lost', 'has taken back who came later', isAllBack);
    expect(await watch.version('eu-2')).toBe(FIRST_AGENT);
    await moult('cancel', 'lost');
  },
  ROLLOUT_MS * 2,
);

test(
  'R3 R8 P11: where nobody is to go back, an agent that its owner has taken back is a failure that halts, and nothing else',
  async () => {
    const asked = ['group=eu', '--to', GOOD[2], '--roll-back', 'none', '--soak', '1h'];
    await moult('create', ...asked, '--name', 'owned', '--start');
    await watch.when('owned', 'is through with its canary', ({ counts }) => counts.done === 1);
    await fleet.coordinator.moultOk(['agent', 'rollback', '--root', first.root]);
    const halted = await watch.when('owned', 'halts', isHalted);
    expect(halted).toMatchObject({ counts: { failed: 1, waiting: 1, 'rolling-back': 0 } });
    expect(halted.failures).toEqual([{ kind: 'after-commit', count: 1 }]);
    expect(await moult('why', 'owned')).toMatch(/it was given 1\.3\.0, and shows 1\.0\.0.*eu-1/s);
    await moult('cancel', 'owned');
  },
  ROLLOUT_MS,
);

test(
  'R3 R9: launchers are rolled out as agents are; what failed is tried again once its cause is mended, and the launcher is reverted',
  async () => {
    const { coordinator } = fleet;
    await rm(second.layout.pinnedRootPath);
    const asked = ['group=eu', '--component', 'launcher', '--to', GOOD_LAUNCHER];
    await moult('create', ...asked, '--name', 'launchers', '--start');
    const halted = await watch.when('launchers', 'halts', isHalted);
    expect(halted).toMatchObject({ counts: { done: 1, failed: 1 } });
    expect(halted.failures).toEqual([{ kind: 'preflight', count: 1 }]);
    const token = await coordinator.enrollmentToken();
    await coordinator.moultOk(['agent', 'pin-root', '--root', second.root, '--token', token]);
    expect(await moult('retry', 'launchers', '-m', 'root pinned')).toMatch(
      /1 agent again: eu-2.*next: moult rollouts resume launchers/s,
    );
    await moult('resume', 'launchers');
    const end = await watch.when('launchers', 'is over', isEnded);
    expect(end).toMatchObject({ outcome: 'ended-ok', counts: { done: 2 } });
    await moult('revert', 'launchers', '--waves', 'rest', '--start');
    const back = await watch.when('launchers-revert', 'is over', isEnded);
    expect(back).toMatchObject({ component: 'launcher', outcome: 'ended-ok', counts: { done: 2 } });
    for (const name of NAMES) {
      const { components } = await coordinator.client.getAgent({ params: { name } });
      const own = components.find(({ component }) => component === 'launcher');
      expect(own?.current?.version).toBe(FIRST_LAUNCHER_VERSION);
    }
  },
  ROLLOUT_MS,
);
