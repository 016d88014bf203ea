/* `moult rollouts simulate`: what would be, as a picture. */
import type { RolloutSimulation } from '@moult/api';
import { describe, expect, it } from 'vitest';
import { simulationLines } from '../src/commands/rollouts/simulation-text.ts';
import { startCoordinator } from './support/fake-coordinator.ts';
import { runHere } from './support/run-here.ts';

const MINUTE_MS = 60_000;

/** Two groups of two and four; one canary, then the rest, a minute each. */
const SIMULATION: RolloutSimulation = {
  ...{ component: 'agent', version: '1.4.0', endMs: 3 * MINUTE_MS },
  upgrade: { ms: MINUTE_MS, measured: 57 },
  ...{ approvals: 0, resumes: 0, away: ['web-9'], alreadyThere: 1, cannot: 0 },
  upgrades: [
    { agent: 'eu-1', group: 'eu', wave: 0, startMs: 0, endMs: MINUTE_MS },
    { agent: 'eu-2', group: 'eu', wave: 1, startMs: MINUTE_MS, endMs: 2 * MINUTE_MS },
    { agent: 'us-1', group: 'us', wave: 1, startMs: MINUTE_MS, endMs: 2 * MINUTE_MS },
    { agent: 'us-2', group: 'us', wave: 1, startMs: 2 * MINUTE_MS, endMs: 3 * MINUTE_MS },
  ],
  service: [
    {
      ...{ group: 'eu', inService: 1, unavailableMax: 1, least: 0 },
      steps: [
        { atMs: 0, inService: 0 },
        { atMs: 2 * MINUTE_MS, inService: 1 },
      ],
    },
    {
      ...{ group: 'us', inService: 4, unavailableMax: 1, least: 3 },
      steps: [
        { atMs: 0, inService: 4 },
        { atMs: MINUTE_MS, inService: 3 },
        { atMs: 3 * MINUTE_MS, inService: 4 },
      ],
    },
  ],
};

describe('a simulation', () => {
  it('shows when it would be over, what is supposed, and what stays in service', () => {
    expect(simulationLines(SIMULATION)).toEqual([
      'agent 1.4.0 for 4 agents: would be over 3 min 0 s after its start; 1 there already',
      'supposed: each upgrade takes 1 min 0 s, the median of the 57 newest that ended well; none fails',
      'away, and left out, 1 agent: web-9',
      '',
      'in service   0                                      3 min 0 s',
      'waves       [111111111111111122222222222222222222222222222222]',
      'eu, 1       [!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!################]  never fewer than 0',
      'us, 4       [################++++++++++++++++++++++++++++++++]  never fewer than 3',
      '',
      'wave 1, 0 to 1 min 0 s, 1 agent: eu-1',
      'wave 2, 1 min 0 s to 3 min 0 s, 3 agents: eu-2, us-1, us-2',
    ]);
  });

  it('says that a time is assumed where none was measured, and whom it would wait for', () => {
    const upgrade = { ms: 2 * MINUTE_MS, measured: 0 };
    const [, supposed] = simulationLines({ ...SIMULATION, upgrade, approvals: 2, resumes: 1 });
    expect(supposed).toBe(
      'supposed: each upgrade takes 2 min 0 s, which is assumed: none was measured here yet; none fails; 2 times somebody approves and once somebody resumes, at once',
    );
  });

  it('of nobody who is there shows no picture', () => {
    const nobody = { ...SIMULATION, upgrades: [], service: [], endMs: 0 };
    expect(simulationLines(nobody)).toEqual([
      'agent 1.4.0: nobody who is connected would be upgraded; 1 there already',
      'away, and left out, 1 agent: web-9',
    ]);
  });

  it('of many groups shows those that keep least', () => {
    const us = SIMULATION.service[1];
    if (us === undefined) throw new Error('there are two groups');
    const service = Array.from({ length: 30 }, (_, index) => ({ ...us, group: `g${index}` }));
    const lines = simulationLines({ ...SIMULATION, service });
    expect(lines.filter((line) => line.startsWith('g'))).toHaveLength(20);
    expect(lines).toContain('and 10 more groups, none with a smaller part away');
  });
});

describe('moult rollouts simulate', () => {
  const moult = (url: string, ...args: readonly string[]) =>
    runHere(['rollouts', 'simulate', ...args, '--url', url, '--token', 'x'], {});

  it('supposes what was given, or one that is there', async () => {
    const answer = () => ({ status: 200, value: SIMULATION });
    await using coordinator = await startCoordinator({
      'POST /v1/rollouts/simulate': answer,
      'POST /v1/rollouts/spring/simulate': answer,
    });
    const asked = await moult(coordinator.url, 'group=eu', '--to', '1.4.0', '--soak', '1h');
    expect(asked.out).toContain('would be over 3 min 0 s after its start');
    expect(coordinator.bodies).toMatchObject([{ select: 'group=eu', spec: { soakMs: 3_600_000 } }]);
    const stored = await moult(coordinator.url, 'spring', '-o', 'json');
    expect(JSON.parse(stored.out)).toEqual(SIMULATION);
    const wrong = await moult(coordinator.url, 'group=eu');
    expect(wrong).toMatchObject({ exitCode: 2, err: expect.stringContaining('--to is missing') });
  });
});
