import { expect, it } from 'vitest';
import { selectOf, targetOf } from '../src/targets.ts';
import { problemOf, startCoordinator } from './support/fake-coordinator.ts';
import { type Ended, runMoult } from './support/run-moult.ts';

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
    'GET /v1/runs': () => ({ status: 200, value: { runs: [], next: null } }),
  });
  for (const words of [['why'], ['agents', 'list']]) {
    const ended = await runMoult([...words, 'group=nowhere', ...connection(coordinator.url)]);
    expect(ended).toMatchObject({ exitCode: 0, out: 'No agent is selected.\n' });
  }
});

it('says where agents were moved, and what they are labelled by now', async () => {
  const ends = { selected: 2, refused: [], unfinished: null };
  const moved = [
    { agent: 'web-1', from: 'us' },
    { agent: 'web-2', from: 'eu' },
  ];
  const labelled = [
    { agent: 'web-1', labels: { role: 'db', tier: '1' } },
    { agent: 'web-2', labels: {} },
  ];
  await using coordinator = await startCoordinator({
    'POST /v1/agents/move': () => ({ status: 200, value: { ...ends, moved } }),
    'POST /v1/agents/label': () => ({ status: 200, value: { ...ends, labelled } }),
  });
  const moult = (...words: readonly string[]) =>
    runMoult(['agents', ...words, ...connection(coordinator.url)]);
  expect(await moult('move', 'web-1', 'web-2', '--group', 'eu')).toMatchObject({
    exitCode: 0,
    out: 'web-1 is in eu, and was in us\nweb-2 is in eu already\n2 of 2 moved\n',
  });
  const label = ['label', 'web-1', 'web-2', '--set', 'role=db', '--set', 'tier=1'];
  expect(await moult(...label, '--remove', 'old')).toMatchObject({
    exitCode: 0,
    out: 'web-1: role=db, tier=1\nweb-2: no label of operators\n2 of 2 labelled\n',
  });
  expect(await moult('label', 'web-1')).toMatchObject({ exitCode: 2 });
  expect((await moult('label', 'web-1', '--set', 'role')).err).toContain('NAME=VALUE');
});

const CUT_OFF = { code: 'disk-full', message: 'no space', remedy: 'Free some.' };
const REFUSAL = {
  agent: 'web-2',
  code: 'not-found',
  message: 'there is no agent web-2',
  remedy: 'Look.',
};
const PLAIN = { leftOut: [], warnings: [] };
const orderOf = (index: number) => ({
  agent: `db-${index}`,
  version: '2.0.0',
  commandId: `command${index}`,
  isNew: true,
});

async function orderMany(value: object): Promise<Ended & { readonly body: unknown }> {
  await using coordinator = await startCoordinator({
    'POST /v1/agents/upgrade': () => ({ status: 202, value }),
  });
  const args = ['agents', 'upgrade', 'group=eu', '--key', 'k', ...connection(coordinator.url)];
  const ended = await runMoult(args);
  return { ...ended, body: coordinator.bodies[0] };
}

it('orders many with one request, and counts them', async () => {
  const ordered = Array.from({ length: 30 }, (_, index) => orderOf(index));
  const ended = await orderMany({ selected: 30, ordered, refused: [], unfinished: null, ...PLAIN });
  expect(ended.body).toMatchObject({ select: 'group=eu', key: 'k', isDryRun: false });
  expect(ended).toMatchObject({ exitCode: 0, out: '30 of 30 ordered\n' });
});

it('names who was refused, and ends with 1', async () => {
  const ordered = [orderOf(1)];
  const ended = await orderMany({
    selected: 2,
    ordered,
    refused: [REFUSAL],
    unfinished: null,
    ...PLAIN,
  });
  expect(ended.exitCode).toBe(1);
  expect(ended.out).toBe(
    [
      'db-1: agent to 2.0.0, command command1',
      'web-2: refused: there is no agent web-2 (not-found)',
      '1 of 2 ordered, 1 refused',
      '',
    ].join('\n'),
  );
  expect(ended.err).toContain('code: agents-refused');
});

it('says of an order that was cut off how far it came, and how to go on', async () => {
  const answer = { selected: 9, ordered: [orderOf(1)], refused: [], unfinished: CUT_OFF, ...PLAIN };
  const ended = await orderMany(answer);
  expect(ended.exitCode).toBe(1);
  expect(ended.err).toContain('error: 1 of 9 ordered, then: no space\n');
  expect(ended.err).toContain('with --key k: it orders nothing twice');
  expect(ended.err).toContain('code: disk-full');
});

it('gives the refusal of a lone agent as the error that it is', async () => {
  const ended = await orderMany({
    selected: 1,
    ordered: [],
    refused: [REFUSAL],
    unfinished: null,
    ...PLAIN,
  });
  expect(ended).toMatchObject({ exitCode: 1, out: '' });
  expect(ended.err).toBe('error: there is no agent web-2\nnext: Look.\ncode: not-found\n');
});

it('H14 H15 H16: says what should be known of single agents, and whom the order leaves out', async () => {
  const warnings = Array.from({ length: 22 }, (_, index) => ({
    agent: `db-${index}`,
    code: 'changed-by-hand',
    message: 'agent 1.0.0 was changed by hand',
  }));
  const some = { ordered: [orderOf(1)], refused: [], unfinished: null };
  const ended = await orderMany({ selected: 1, ...some, leftOut: ['old-1', 'old-2'], warnings });
  expect(ended.exitCode).toBe(0);
  const lines = ended.out.trimEnd().split('\n');
  expect(lines.slice(0, 2)).toEqual([
    'db-1: agent to 2.0.0, command command1',
    'db-0: warning: agent 1.0.0 was changed by hand',
  ]);
  expect(lines.slice(-2)).toEqual([
    'and 2 more warnings (-o json has them all)',
    '2 left out, without a launcher: old-1, old-2',
  ]);
});
