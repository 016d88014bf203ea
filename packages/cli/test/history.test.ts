import { describe, expect, it } from 'vitest';
import { startCoordinator } from './support/fake-coordinator.ts';
import { runHere } from './support/run-here.ts';

describe('moult history', () => {
  it.each([
    [[], 'No upgrade has run.'],
    [['--rollout', 'spring'], 'Nothing of spring has run yet.'],
  ])('%j: says that nothing has run', async (args, says) => {
    await using coordinator = await startCoordinator({
      'GET /v1/attempts': (_body, query) => {
        expect(query.get('rollout')).toBe(args[1] ?? null);
        return { status: 200, value: { attempts: [], next: null } };
      },
    });
    const ended = await runHere(['history', ...args, '--url', coordinator.url, '--token', 'x']);
    expect(ended).toMatchObject({ exitCode: 0, err: '' });
    expect(ended.out).toBe(`${says}\n`);
  });

  it('of all of a rollout shows what was done to it, by whom and why', async () => {
    const entry = {
      ...{ position: 7, atMs: 1_700_000_000_000, kind: 'rollout-paused', agent: null },
      ...{ component: 'agent', commandId: null, attempt: null },
      ...{ principal: 'ada', why: 'lunch', detail: { rollout: 'spring' } },
    };
    await using coordinator = await startCoordinator({
      'GET /v1/history': (_body, query) => {
        expect(query.get('rollout')).toBe('spring');
        return { status: 200, value: { entries: [entry], next: null } };
      },
    });
    const args = ['history', '--rollout', 'spring', '--of', 'all'];
    const ended = await runHere([...args, '--url', coordinator.url, '--token', 'x']);
    expect(ended.out).toMatch(/7 {2}2023-11-14 22:13:20 {2}rollout-paused .* ada .*lunch/);
  });
});
