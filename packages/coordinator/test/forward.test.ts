import { readFile, rename, writeFile } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { OutputItem } from '@moult/protocol';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { outputSettingsOf } from '../src/output/settings.ts';
import { Fixture } from './support/fixture.ts';
import type { TestAgent } from './support/test-agent.ts';

let fixture: Fixture;
let agent: TestAgent;
let path: string;
let sequence: number;
beforeEach(async () => {
  fixture = await Fixture.make();
  path = join(fixture.dir, 'output.ndjson');
  agent = await fixture.enroll('web-1');
  await agent.connect();
  sequence = 1;
});
afterEach(() => fixture.stop());

function record(text: string | Uint8Array): OutputItem {
  const content = Buffer.from(text);
  return { item: 'record', record: { stream: 's', atMs: 1, content, task: '', run: '' } };
}

const GAP: OutputItem = {
  item: 'gap',
  gap: { reason: 'outbox-full', items: 3, bytes: 9, covers: 1 },
};
const RUN: OutputItem = {
  item: 'taskRun',
  taskRun: {
    run: '@backup/7',
    task: 'backup',
    commandId: '',
    attempt: 1,
    startedMs: 7,
    endedMs: 9,
    outcome: 'failed',
    code: 'task-exited',
    message: '',
    exitCode: 3,
    signal: '',
    outputBytes: 0,
    droppedBytes: 0,
    starts: 1,
  },
};

async function put(...items: readonly OutputItem[]): Promise<void> {
  agent.send({ kind: 'output', message: { epoch: 'e', firstSequence: sequence, items } });
  sequence += items.length;
  await agent.expect('outputAck');
}

async function forwarding(forwards: Parameters<Fixture['restart']>[2]): Promise<void> {
  await fixture.restart(fixture.store, null, forwards);
  agent.url = fixture.url;
  await agent.connect();
}

const toFile = () => forwarding([{ kind: 'file', path }]);

async function status() {
  return (await fixture.call('GET', '/v1/coordinator')).body.forwards[0];
}

/** Until the forward has all, by its own word. */
async function caughtUp(): Promise<void> {
  for (;;) {
    const { position, newest } = await status();
    if (position === newest) return;
  }
}

/** Until that is what its last try failed with. */
async function troubled(text: string): Promise<void> {
  while (!(await status()).trouble?.includes(text));
}

interface Line {
  readonly position: number;
  readonly kind: string;
  readonly text?: string;
}

async function lines(): Promise<readonly Line[]> {
  const text = await readFile(path, 'utf8');
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
}

const texts = async () => (await lines()).map(({ text }) => text);

test('Q23: a file gets every record, gap and run in the order of their positions', async () => {
  await put(record('before'), record(Uint8Array.of(0xff, 0x00)), GAP);
  await toFile();
  await put(RUN, record('after\nall'));
  await caughtUp();
  expect(await lines()).toMatchObject([
    { kind: 'record', agent: 'web-1', stream: 's', atMs: 1, text: 'before' },
    { kind: 'record', base64: Buffer.of(0xff, 0x00).toString('base64') },
    { kind: 'gap', reason: 'outbox-full', items: 3, bytes: 9 },
    { kind: 'run', run: '@backup/7', task: 'backup', exitCode: 3, commandId: null },
    { kind: 'record', text: 'after\nall' },
  ]);
  const positions = (await lines()).map(({ position }) => position);
  expect(positions).toEqual([...positions].sort((a, b) => a - b));
});

test('Q23: what a crash left between file and mark is not written twice, and a piece of a line is written whole', async () => {
  await toFile();
  await put(record('one'), record('two'), record('three'));
  await caughtUp();
  const whole = await readFile(path, 'utf8');
  await fixture.coordinator.stop();
  const [row] = await fixture.store.read('allForwards', null);
  if (row === undefined) throw new Error('there is no mark');
  await fixture.store.write('recordForward', { ...row, position: 0 });
  await writeFile(path, whole.slice(0, -10));
  await toFile();
  await caughtUp();
  expect(await readFile(path, 'utf8')).toBe(whole);
});

test('Q23: a file that was moved away is begun anew, and nothing is missing between the two', async () => {
  await toFile();
  await put(record('one'));
  await caughtUp();
  await rename(path, `${path}.1`);
  await put(record('two'));
  await caughtUp();
  await toFile();
  await put(record('three'));
  await caughtUp();
  expect(await texts()).toEqual(['two', 'three']);
});

test('Q23: a file that is ahead of a store that was put back may get lines twice, and misses none', async () => {
  await put(record('one'), record('two'));
  await writeFile(path, '{"position":1000000}\n');
  await toFile();
  await caughtUp();
  expect(await texts()).toEqual([undefined, 'one', 'two']);
});

test('Q23: positions of a life that was lost are given to nothing else', async () => {
  await put(record('one'));
  const newest = await fixture.store.read('newestOutput', null);
  const life = { origin: 'restored', aboveGeneration: 0, principal: 'a', why: '' } as const;
  await fixture.store.write('beginLife', { ...life, nowMs: fixture.clock.nowMs() });
  await toFile();
  await put(record('two'));
  await caughtUp();
  expect(await lines()).toMatchObject([
    { text: 'one' },
    { kind: 'gap', reason: 'coordinator-restored', agent: null },
    { text: 'two' },
  ]);
  expect((await lines())[2]?.position).toBeGreaterThan(newest + 1_000_000);
});

test('a file of another program is left alone, and said to be in the way', async () => {
  await writeFile(path, 'some log\n');
  await put(record('one'));
  await toFile();
  await troubled('is not a line of output');
  expect(await readFile(path, 'utf8')).toBe('some log\n');
});

interface Hook {
  readonly server: Server;
  readonly url: URL;
  readonly bodies: string[];
  readonly headers: IncomingHttpHeaders[];
}

/** Answers with these, then with 200. */
async function hook(...answers: readonly number[]): Promise<Hook> {
  const bodies: string[] = [];
  const headers: IncomingHttpHeaders[] = [];
  const left = [...answers];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    headers.push(request.headers);
    bodies.push(body);
    response.writeHead(left.shift() ?? 200, { location: '/elsewhere' }).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { server, url: new URL(`http://127.0.0.1:${port}/in?key=s`), bodies, headers };
}

test('Q23: a webhook that fails, or sends elsewhere, is asked again, ever later, and gets everything', async () => {
  const { server, url, bodies, headers } = await hook(503, 302);
  const secretPath = join(fixture.dir, 'secret');
  await writeFile(secretPath, 'Bearer s3cret\n');
  await put(record('one'), GAP);
  const header = { name: 'authorization', secretPath };
  await forwarding([{ kind: 'webhook', url, header }]);
  await troubled('answered 503');
  const { failingSinceMs, target } = await status();
  expect(target).toBe(`webhook:${url.origin}/in`);
  await fixture.clock.advance(1_000);
  await troubled('answered 302');
  expect(await status()).toMatchObject({ failingSinceMs, position: 0 });
  await fixture.clock.advance(1_999);
  expect(bodies).toHaveLength(2);
  await fixture.clock.advance(1);
  await caughtUp();
  expect(await status()).toMatchObject({ trouble: null, failingSinceMs: null });
  expect(bodies).toHaveLength(3);
  expect(new Set(bodies).size).toBe(1);
  expect(bodies[2]?.split('\n')).toHaveLength(3);
  expect(headers[2]).toMatchObject({
    authorization: 'Bearer s3cret',
    'content-type': 'application/x-ndjson',
  });
  server.close();
});

test('settings of output say what is wrong with them', () => {
  const usual = {
    'output.keepFor': '30d',
    'output.keepBytes': '1GiB',
    'tasks.keepFor': '400d',
    'forward.file': null,
    'forward.webhook': null,
    'forward.header': 'authorization',
    'forward.secretFile': null,
  };
  expect(outputSettingsOf(usual)).toMatchObject({ keepMs: 30 * 86_400_000, forwards: [] });
  for (const [key, value] of [
    ['output.keepFor', 'long'],
    ['output.keepBytes', '0'],
    ['forward.file', 'output.ndjson'],
    ['forward.webhook', 'http://example.com/in'],
    ['forward.webhook', 'https://user:pass@example.com/in'],
    ['forward.webhook', 'nonsense'],
  ] as const) {
    expect(() => outputSettingsOf({ ...usual, [key]: value }), `${key} ${value}`).toThrow(key);
  }
});
