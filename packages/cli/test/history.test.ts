import { describe, expect, it } from 'vitest';
import { startCoordinator } from './support/fake-coordinator.ts';
import { runHere } from './support/run-here.ts';

const ATTEMPT = {
  ...{ commandId: 'c001', attempt: 1, agent: 'web-1', component: 'agent' },
  ...{ from: '1.0.0', to: '2.0.0', createdBy: 'ada', why: '' },
  ...{ startedMs: 1_700_000_000_000, endedMs: null, outcome: null, code: null, message: null },
  ...{ bytesFetched: 0, bytesTotal: 0, gapMs: null, rehearsal: '', steps: [], evidence: null },
};

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
        // All of it: the oldest says who made it.
        expect(query.get('limit')).toBe('1000');
        return { status: 200, value: { entries: [entry], next: null } };
      },
    });
    const args = ['history', '--rollout', 'spring', '--of', 'all'];
    const ended = await runHere([...args, '--url', coordinator.url, '--token', 'x']);
    expect(ended.out).toMatch(/7 {2}2023-11-14 22:13:20 {2}rollout-paused .* ada .*lunch/);
  });

  it.each([
    [[], '20', '1 of more, the newest: --limit N\n'],
    [['--limit', '7'], '7', '1 of more, the newest: --limit N\n'],
    [['--of', 'all'], '20', '1 of more, the newest: --limit N\n'],
    [['--of', 'all', '-q'], '20', ''],
  ])('%j: says that there is more', async (args, limit, says) => {
    const entry = {
      ...{ position: 7, atMs: 1_700_000_000_000, kind: 'rollout-paused', agent: null },
      ...{ component: 'agent', commandId: null, attempt: null },
      ...{ principal: 'ada', why: '', detail: {} },
    };
    const asked = (query: URLSearchParams) => expect(query.get('limit')).toBe(limit);
    await using coordinator = await startCoordinator({
      'GET /v1/history': (_body, query) => {
        asked(query);
        return { status: 200, value: { entries: [entry], next: 7 } };
      },
      'GET /v1/attempts': (_body, query) => {
        asked(query);
        return { status: 200, value: { attempts: [ATTEMPT], next: ATTEMPT.commandId } };
      },
    });
    const ended = await runHere(['history', ...args, '--url', coordinator.url, '--token', 'x']);
    expect(ended.err).toBe(says);
  });
});
