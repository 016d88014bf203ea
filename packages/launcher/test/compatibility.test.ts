import { readFileSync } from 'node:fs';
import { encodeBootRecord, readAgentLine, readBootRecord } from '@moult/core/boot';
import { expect, test } from 'vitest';
import { parseLauncherArguments } from '../src/index.ts';

const fixture = (name: string) =>
  readFileSync(new URL(`fixtures/${name}`, import.meta.url), 'utf8');

test.for([
  'boot-v1-first.json',
  'boot-v1-trial.json',
  'boot-v1-full.json',
  'boot-v1-rolled-back.json',
])('%s is read whole and written the same (B15)', (name) => {
  const text = fixture(name);
  const reading = readBootRecord(text);
  if (reading.kind !== 'read') throw new Error(JSON.stringify(reading));
  expect(encodeBootRecord(reading.record)).toBe(text);
});

test.for(['pipe-v1-agent.jsonl', 'pipe-v1-roll-back.jsonl'])(
  '%s, said by agents in the field, is understood word for word',
  (name) => {
    for (const line of fixture(name).trimEnd().split('\n')) {
      const reading = readAgentLine(line);
      expect(reading).toEqual({ kind: 'message', message: JSON.parse(line) });
    }
  },
);

test('the arguments by which first launchers in the field start a launcher are understood', () => {
  const digest = 'a'.repeat(64);
  expect(parseLauncherArguments(['run', '--root', '/srv/x', '--digest', digest])).toEqual({
    verb: 'run',
    root: '/srv/x',
    digest,
  });
  expect(parseLauncherArguments(['first'])).toEqual({ verb: 'first', root: null, digest: null });
  expect(parseLauncherArguments(['--check']).verb).toBe('check');
  expect(() => parseLauncherArguments(['first', '--fast'])).toThrow('launcher:');
  expect(() => parseLauncherArguments(['run', '--root', 'here'])).toThrow('absolute');
});
