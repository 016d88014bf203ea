/* The socket of the owner, real. */
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CodedError } from '@moult/core/errors';
import { layoutOf } from '@moult/core/layout';
import { systemClock } from '@moult/runtime/clock';
import { silentLogger } from '@moult/runtime/logger';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { OwnerAsk } from '../src/owner/asks.ts';
import { askAgent } from '../src/owner/client.ts';
import { LogLines } from '../src/owner/log-lines.ts';
import { createOwnerSocket } from '../src/owner/socket.ts';

let dir: string;
let stop: AbortController;
let ended: Promise<void>;
const lines = new LogLines();
const asks: OwnerAsk[] = [];
const pathOf = () => layoutOf(dir).ownerSocketPath;
const ask = (what: OwnerAsk, onLine?: (line: string) => void) =>
  askAgent(pathOf(), what, { signal: stop.signal, ...(onLine === undefined ? {} : { onLine }) });

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'moult-owner-'));
  stop = new AbortController();
  const options = { layout: layoutOf(dir), clock: systemClock, log: silentLogger, lines };
  const desk = async (one: OwnerAsk) => {
    asks.push(one);
    if (one.ask === 'postpone') throw new CodedError('postponed-too-long', 'until tomorrow');
    return { said: one.ask };
  };
  ended = createOwnerSocket(options).run(desk, stop.signal);
  await expect
    .poll(() =>
      stat(pathOf()).then(
        () => true,
        () => false,
      ),
    )
    .toBe(true);
});
afterEach(async () => {
  stop.abort();
  await ended;
  await rm(dir, { recursive: true, force: true });
});

test('an ask is answered, an error comes with its code; socket and locks are for user and group alone', async () => {
  expect(await ask({ ask: 'pin', by: 'ann', why: '' })).toEqual({ said: 'pin' });
  expect(asks.at(-1)).toEqual({ ask: 'pin', by: 'ann', why: '' });
  const long = ask({ ask: 'postpone', by: '', why: '', forMs: 1 });
  await expect(long).rejects.toMatchObject({
    code: 'postponed-too-long',
    message: 'until tomorrow',
  });
  const { runDir, locksDir } = layoutOf(dir);
  const modes = await Promise.all([pathOf(), runDir, locksDir].map((path) => stat(path)));
  expect(modes.map(({ mode }) => (mode & 0o777).toString(8))).toEqual(['660', '750', '770']);
});

test('logs: the last lines, and those that come', async () => {
  for (const line of ['one\n', 'two\n', 'three\n']) lines.write(line);
  const got: string[] = [];
  await ask({ ask: 'logs', lines: 2, follow: false }, (line) => got.push(line));
  expect(got).toEqual(['two', 'three']);
  const followed: string[] = [];
  const following = ask({ ask: 'logs', lines: 1, follow: true }, (line) => followed.push(line));
  await expect.poll(() => followed).toEqual(['three']);
  lines.write('four\n');
  await expect.poll(() => followed).toEqual(['three', 'four']);
  stop.abort();
  await expect(following).rejects.toThrow();
});

test.each([
  'rubbish\n',
  '[]\n',
  '{"ask":"reboot"}\n',
  '{"ask":"logs"}\n',
  '{"ask":"pin","by":7}\n',
])('rubbish is answered by name: %j', async (text) => {
  const answer = await sent(text);
  expect(JSON.parse(answer)).toMatchObject({ ok: false, code: 'usage' });
});

test('who sends more than an ask is cut off', async () => {
  expect(await sent('x'.repeat(100_000))).not.toMatch(/"ok":true/);
  expect(await ask({ ask: 'unpin', by: '', why: '' })).toEqual({ said: 'unpin' });
});

test('an agent that does not serve is named', async () => {
  stop.abort();
  await ended;
  const never = new AbortController().signal;
  await expect(askAgent(pathOf(), { ask: 'status' }, { signal: never })).rejects.toMatchObject({
    code: 'agent-not-serving',
  });
});

/** What comes back until the connection ends. */
function sent(text: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(pathOf());
    let answer = '';
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      answer += String(chunk);
    });
    socket.on('close', () => resolve(answer));
    socket.write(text);
  });
}
