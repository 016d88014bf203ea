/* `moult rollouts split` and `revert`. */
import type { Rollout } from '@moult/api';
import { describe, expect, it } from 'vitest';
import {
  type FakeCoordinator,
  type Handler,
  startCoordinator,
} from './support/fake-coordinator.ts';
import { counts, ROLLOUT } from './support/rollouts.ts';
import { runHere } from './support/run-here.ts';

const PENDING: Rollout = {
  ...ROLLOUT,
  ...{ state: 'pending', startedMs: null, alreadyThere: 0 },
  counts: counts({ waiting: 2 }),
};

const is =
  (value: unknown, status = 200): Handler =>
  () => ({ status, value });

const moult = (coordinator: FakeCoordinator, ...args: readonly string[]) =>
  runHere(['rollouts', ...args, '--url', coordinator.url, '--token', 'x'], {});

describe('moult rollouts split', () => {
  it('says who is in which part, and when each starts', async () => {
    const rollouts = [
      { ...PENDING, name: 'spring-1', splitOf: 'spring' },
      { ...PENDING, name: 'spring-2', splitOf: 'spring', startsAfter: 'spring-1' },
    ];
    await using coordinator = await startCoordinator({
      'POST /v1/rollouts/spring/split': is({ rollouts }, 201),
    });
    const ended = await moult(coordinator, 'split', 'spring', '--into', '2', '--one-by-one');
    expect(ended.out).toBe(
      'spring-1: 2 agents\nspring-2: 2 agents, once spring-1 has ended well\nnext: moult rollouts start spring-1\n',
    );
    expect(coordinator.bodies).toEqual([{ into: 2, isOneByOne: true }]);
  });
});

describe('what is next after a split', () => {
  it('is an approval where a second principal has to give it', async () => {
    const waitsFor = { reason: 'awaiting-approval', untilMs: null };
    const rollouts = [
      { ...PENDING, name: 'spring-1', splitOf: 'spring', waitsFor },
      { ...PENDING, name: 'spring-2', splitOf: 'spring', waitsFor },
    ];
    await using coordinator = await startCoordinator({
      'POST /v1/rollouts/spring/split': is({ rollouts }, 201),
    });
    const ended = await moult(coordinator, 'split', 'spring', '--into', '2');
    expect(ended.out).toContain(
      'next: somebody else looks at it and says: moult rollouts approve spring-1\n',
    );
  });
});

describe('moult rollouts revert', () => {
  it('makes what takes it back, starts it, and names who cannot', async () => {
    const made = { ...PENDING, name: 'spring-revert', version: '1.3.0', reverts: 'spring' };
    const cannot = [{ agent: 'web-9', reason: 'former-unknown' }];
    await using coordinator = await startCoordinator({
      'POST /v1/rollouts/spring/revert': is({ rollouts: [made], cannot }, 201),
      [`POST /v1/rollouts/${made.id}/start`]: is({ ...made, state: 'running' }),
    });
    const args = ['revert', 'spring', '--waves', 'rest', '--start', '--key', 'k', '-m', 'leaks'];
    const ended = await moult(coordinator, ...args);
    expect(ended.out).toContain('spring-revert: running: agent 1.3.0 for 2 agents');
    expect(ended.out).toContain(
      'nobody knows which version it ran before (former-unknown): web-9\n',
    );
    expect(coordinator.bodies).toEqual([
      { key: 'k', why: 'leaks', spec: { waves: [{ kind: 'rest' }] } },
      { why: 'leaks' },
    ]);
  });
});
