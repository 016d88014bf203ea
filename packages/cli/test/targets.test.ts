import { expect, it } from 'vitest';
import { selectOf, targetOf } from '../src/targets.ts';
import { problemOf, startCoordinator } from './support/fake-coordinator.ts';
import { runMoult } from './support/run-moult.ts';

const connection = (url: string): readonly string[] => ['--url', url, '--token', 'secret'];

it('takes plain names as names, and one text with an operator as a selector', () => {
  expect(targetOf(['web-1', 'web-2'])).toEqual({ agents: ['web-1', 'web-2'] });
  expect(targetOf(['group=eu'])).toEqual({ select: 'group=eu' });
  expect(selectOf('and')).toBe('agent="and"');
  expect(selectOf('state=up')).toBe('state=up');
});

it('refuses a selector that the shell took apart', () => {
  expect(() => targetOf(['group=eu', 'and', 'state=up'])).toThrow('a selector stands alone');
});

it('hands the selector to the coordinator and shows the place of what is wrong in it', async () => {
  const detail = 'column 14: there is no field grup; did you mean group?';
  const asked: string[] = [];
  await using coordinator = await startCoordinator({
    'GET /v1/why': () => problemOf(400, 'selector-invalid', detail),
    'GET /v1/agents': () => problemOf(400, 'selector-invalid', detail),
  });
  for (const words of [['why'], ['agents', 'list']]) {
    const ended = await runMoult([
      ...words,
      'group=eu and grup=us',
      ...connection(coordinator.url),
    ]);
    expect(ended.exitCode).toBe(2);
    expect(ended.err).toContain('  group=eu and grup=us\n               ^\n');
    expect(ended.err).toContain(`error: ${detail}`);
    expect(ended.err).toContain('code: selector-invalid');
    asked.push(...coordinator.asked);
  }
  expect(asked).toContain('GET /v1/why');
});

it('says that nobody is selected: an empty list is no failure', async () => {
  await using coordinator = await startCoordinator({
    'GET /v1/why': () => ({ status: 200, value: { reasons: [], agents: 0, next: null } }),
    'GET /v1/agents': () => ({ status: 200, value: { agents: [], next: null } }),
  });
  for (const words of [['why'], ['agents', 'list']]) {
    const ended = await runMoult([...words, 'group=nowhere', ...connection(coordinator.url)]);
    expect(ended).toMatchObject({ exitCode: 0, out: 'No agent is selected.\n' });
  }
});
