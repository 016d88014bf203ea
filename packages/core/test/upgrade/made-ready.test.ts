import { expect, test } from 'vitest';
import { type MadeReady, readReady, readyAfter, readyKept } from '../../src/upgrade/index.ts';

const DAY_MS = 86_400_000;

function ready(dir: string, atMs = 0, component: MadeReady['component'] = 'agent'): MadeReady {
  return { component, dir, atMs };
}

function keptOf(all: readonly MadeReady[], nowMs = 0, recorded: readonly string[] = []) {
  return readyKept(all, { recorded: new Set(recorded), nowMs }).map(({ dir }) => dir);
}

test('U24: what was made ready once more counts once, as the newest', () => {
  const before = [ready('1'), ready('2')];
  expect(readyAfter(before, ready('1', 5))).toEqual([ready('2'), ready('1', 5)]);
});

test('U24: of each component the two newest are kept, for thirty days, until they are given', () => {
  expect(keptOf([ready('1'), ready('2'), ready('3')])).toEqual(['2', '3']);
  expect(keptOf([ready('1'), ready('a', 0, 'launcher'), ready('2')])).toEqual(['1', 'a', '2']);
  expect(keptOf([ready('1'), ready('2', DAY_MS)], 30 * DAY_MS)).toEqual(['2']);
  expect(keptOf([ready('1', 90 * DAY_MS)], 0)).toEqual(['1']);
  expect(keptOf([ready('1'), ready('2'), ready('3')], 0, ['3'])).toEqual(['1', '2']);
});

test('what cannot be read is nothing', () => {
  const texts = [
    null,
    '',
    '{}',
    'null',
    '[null,1,{"component":"agent"}]',
    '[{"component":"x","dir":"1","atMs":0}]',
  ];
  for (const text of texts) expect(readReady(text)).toEqual([]);
  expect(readReady(JSON.stringify([ready('1')]))).toEqual([ready('1')]);
});
