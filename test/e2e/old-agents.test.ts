/* Agents of releases that can do less than this coordinator would like, as operators see them. */

import { fileURLToPath } from 'node:url';
import type { Agent } from '@moult/api';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startProgram } from '../../scripts/fleet/program.ts';
import { BEFORE, GOOD } from '../support/e2e-releases.ts';
import { PREPARE_MS, RealFleet } from '../support/real-fleet.ts';

const AGENTS_MS = 120_000;
const FROZEN_AGENT = fileURLToPath(new URL('../fixtures/frozen-agent.mjs', import.meta.url));
/** Frames that order nothing. */
const FOR_ANYBODY = ['challenge', 'welcome', 'ping', 'hold', 'nothing'];

let fleet: RealFleet;

beforeAll(async () => {
  fleet = await RealFleet.open('old-agents');
}, PREPARE_MS);

afterAll(async () => {
  expect(await fleet?.close()).toEqual([]);
});

function runs(agent: Agent, version: string): boolean {
  return agent.components.some(
    ({ component, current }) => component === 'agent' && current?.version === version,
  );
}

async function listed(...of: readonly string[]): Promise<string> {
  return await fleet.coordinator.moultOk(['agents', 'list', ...of]);
}

describe.concurrent('each on a host of its own', () => {
  test(
    'H5: an agent that is too old for Upgrading is shown so, upgrades without it, and the next version shows it again',
    async () => {
      const { coordinator } = fleet;
      const host = await fleet.host('unseen');
      expect((await fleet.upgrade('unseen', BEFORE.upgradingState)).command.state).toBe(
        'succeeded',
      );
      await host.whenAgent(
        coordinator,
        'is Up with what is too old',
        ({ state, marks }) => state === 'Up' && marks.includes('no Upgrading state'),
      );
      expect(await listed()).toMatch(/unseen .*Up \(no Upgrading state\)/);
      expect(await listed('mark=no-upgrading-state')).toContain('unseen');

      // The mark goes with the session of the new version, which is Upgrading until it is attested.
      const seen = new Set<string>();
      const command = await fleet.order('unseen', GOOD[0]);
      const ended = fleet.ended(command);
      await host.whenAgent(
        coordinator,
        'has upgraded',
        (agent) => {
          const of = agent.marks.includes('no Upgrading state') ? 'old' : 'new';
          seen.add(`${of}: ${agent.state}`);
          return runs(agent, GOOD[0]) && agent.state === 'Up' && agent.marks.length === 0;
        },
        AGENTS_MS,
      );
      expect((await ended).command).toMatchObject({ state: 'succeeded', outcome: 'succeeded' });
      expect(seen).toContain('old: Up');
      expect(seen).not.toContain('old: Upgrading');
      expect(await listed('mark=no-upgrading-state')).not.toContain('unseen');
    },
    AGENTS_MS,
  );

  test(
    'H15: to an agent that is too old to upgrade itself nothing is sent; who asks is told that a person has to',
    async () => {
      const { coordinator } = fleet;
      // A host that enrolls begins with the choice of its group.
      await coordinator.enrollmentToken({ group: 'by-hand' });
      await coordinator.moultOk([
        ...['agents', 'desired', '--group', 'by-hand', '--to', BEFORE.autoUpgrade],
      ]);
      const host = await fleet.host('by-hand', { fetches: true });
      expect(await listed()).toMatch(/by-hand .*Up \(manual upgrade required\)/);
      const command = await fleet.order('by-hand', GOOD[0]);
      const { command: held, attempts } = await fleet.whenCommand(
        command,
        'is held',
        ({ holdReason }) => holdReason === 'manual-upgrade-required',
      );
      expect(held.state).toBe('queued');
      expect(attempts).toEqual([]);
      expect(await coordinator.moultOk(['why', 'by-hand'])).toContain('by hand');
      expect((await host.bootRecord()).components.agent).toMatchObject({
        committed: { version: BEFORE.autoUpgrade },
        trial: null,
      });
    },
    AGENTS_MS,
  );

  test(
    'H15: an agent of the first protocol is named by whoever orders many, gets nothing but answers, and is well once it was installed anew by hand',
    async () => {
      const { coordinator } = fleet;
      const host = await fleet.host('ancient', { starts: false });
      const old = startProgram({
        name: 'an agent of the first protocol',
        command: process.execPath,
        args: [FROZEN_AGENT, host.root],
      });
      await host.whenAgent(
        coordinator,
        'shows that a person has to upgrade it',
        ({ state, marks }) => state === 'Up' && marks.includes('manual upgrade required'),
      );
      expect(await listed('mark=manual-upgrade-required')).toMatch(
        /ancient .*Up \(manual upgrade required\) +0\.1\.0/,
      );
      expect(await coordinator.moultOk(['agents', 'show', 'ancient'])).toMatch(
        /next: +Install the current version on the host by hand/,
      );
      await fleet.host('young');
      const order = ['agents', 'upgrade', 'agent in (ancient, young)', '--to', GOOD[0]];
      expect(await coordinator.moultOk([...order, '--dry-run'])).toMatch(
        /ancient: warning: the agent is too old to upgrade itself, and is sent nothing: install/,
      );
      const many = await coordinator.moult([...order, '--wait'], { timeoutMs: AGENTS_MS });
      // All that could be done was; what a person has to do is said once more at the end.
      expect(many.code).toBe(1);
      expect(`${many.stdout}${many.stderr}`).toMatch(/young: agent 1\.0\.0 -> 1\.1\.0 succeeded/);
      expect(many.stderr).toMatch(/ancient: not upgraded, too old.*manual-upgrade-required/s);
      expect(await coordinator.moultOk(['why', 'ancient'])).toMatch(
        /manual-upgrade-required .*too old to upgrade itself +install the current version/,
      );

      // It asks, and is told why: that is all that it ever gets.
      await old.waitForLine(/"got":"hold".*manual-upgrade-required/, { from: old.mark() });
      const got = new Set(old.lines.map((line) => JSON.parse(line).got ?? 'nothing'));
      expect([...got].filter((kind) => !FOR_ANYBODY.includes(kind))).toEqual([]);
      expect((await old.stop()).code).toBe(0);

      host.start();
      await host.whenAgent(
        coordinator,
        'is like any other, and upgrades to what was ordered',
        (agent) => runs(agent, GOOD[0]) && agent.state === 'Up' && agent.marks.length === 0,
        AGENTS_MS,
      );
      expect(await listed('mark=manual-upgrade-required')).not.toContain('ancient');
    },
    AGENTS_MS,
  );
});
