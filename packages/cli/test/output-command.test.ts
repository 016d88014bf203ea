import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { gapText } from '../src/follow/row-printer.ts';
import {
  type FakeCoordinator,
  type Handler,
  problemOf,
  startCoordinator,
} from './support/fake-coordinator.ts';
import { MAIN, type MoultOptions, runMoult } from './support/run-moult.ts';

const AT = '2023-11-14 22:13:20';
const place = (position: number) => ({
  position,
  agent: 'web-1',
  atMs: 1_700_000_000_000,
  receivedMs: 1_700_000_000_000,
});

const record = (position: number, text: string | Buffer, stream = 'stdout') => ({
  ...place(position),
  kind: 'record',
  task: 'backup',
  run: '01kq3v8m6t5n9y2x/1',
  stream,
  content: Buffer.from(text).toString('base64'),
});

const gap = (position: number) => ({
  ...place(position),
  kind: 'gap',
  gap: { reason: 'outbox-full', items: 120, bytes: 14_336 },
});

type Row = ReturnType<typeof record> | ReturnType<typeof gap>;

/** As a coordinator: after a position the first ones, else the newest. */
const outputIs =
  (rows: readonly Row[], queries: string[] = []): Handler =>
  (_body, query) => {
    queries.push(query.toString());
    const after = query.get('after');
    const limit = Number(query.get('limit'));
    const found =
      after === null
        ? rows.slice(-limit)
        : rows.filter(({ position }) => position > Number(after)).slice(0, limit);
    const next = found.at(-1)?.position ?? Number(after ?? 0);
    return { status: 200, value: { rows: found, next, from: 1 } };
  };

function output(coordinator: FakeCoordinator, args: readonly string[], options?: MoultOptions) {
  return runMoult(['output', 'web-1', ...args, '--url', coordinator.url, '--token', 'x'], options);
}

it.each([
  [
    { reason: 'outbox-age', items: 1, bytes: 10 },
    '[gap: 1 record, 10 B: too old to be kept on the host any longer]',
  ],
  [
    { reason: 'agent-database-restored', items: 0, bytes: 0 },
    '[gap: nobody knows how much: the database of the agent was put back to what it was before]',
  ],
  [{ reason: 'a\u001b[31m-new-one', items: 2, bytes: 0 }, '[gap: 2 records: a-new-one]'],
])('a gap %o says what is missing and why', (given, text) => {
  expect(gapText(given)).toBe(text);
});

describe('moult output', () => {
  it('shows records with time and stream, and a gap as a line of its own', async () => {
    const rows = [record(3, 'one\ntw'), record(5, 'o\n'), gap(6), record(8, '\u001b[2Jthree\n')];
    await using coordinator = await startCoordinator({ 'GET /v1/output': outputIs(rows) });
    const ended = await output(coordinator, []);
    expect(ended).toMatchObject({
      exitCode: 0,
      err: '',
      out:
        `${AT} backup stdout | one\n${AT} backup stdout | two\n` +
        `${AT} [gap: 120 records, 14.0 KiB: the outbox was full]\n` +
        `${AT} backup stdout | three\n`,
    });
  });

  it('hands on bytes as they were written with --raw, and the gap beside them', async () => {
    const bytes = Buffer.from([0, 255, 27, 91, 10]);
    const rows = [record(1, bytes), gap(2), record(3, 'end')];
    await using coordinator = await startCoordinator({ 'GET /v1/output': outputIs(rows) });
    const ended = await output(coordinator, ['--raw']);
    expect(ended.out).toBe(`${bytes.toString()}end`);
    expect(ended.err).toContain('[gap: 120 records');
  });

  it('gives programs a row of the API a line', async () => {
    const rows = [record(1, '\u001b[31m'), gap(2)];
    await using coordinator = await startCoordinator({ 'GET /v1/output': outputIs(rows) });
    const ended = await output(coordinator, ['-o', 'json']);
    const lines = ended.out.trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line))).toEqual(rows);
  });

  it('gives everything since a time, page after page, and asks for what was chosen', async () => {
    const rows = Array.from({ length: 2_300 }, (_, index) => record(index + 1, `${index}\n`));
    const queries: string[] = [];
    await using coordinator = await startCoordinator({
      'GET /v1/output': outputIs(rows, queries),
    });
    const ended = await output(coordinator, [
      ...['--since', '2023-11-14T22:00', '--task', 'backup', '--stream', 'stdout'],
    ]);
    expect(ended.out.trimEnd().split('\n')).toHaveLength(2_300);
    // What is there at all, then three pages of it.
    expect(queries).toHaveLength(4);
    const query = new URLSearchParams(queries[2]);
    expect(Object.fromEntries(query)).toEqual({
      agent: 'web-1',
      task: 'backup',
      stream: 'stdout',
      sinceMs: String(Date.UTC(2023, 10, 14, 22)),
      after: '1000',
      limit: '1000',
    });
    const few = await output(coordinator, ['--since', '1h', '--limit', '2']);
    expect(few.out).toBe(`${AT} backup stdout | 0\n${AT} backup stdout | 1\n`);
    const newest = await output(coordinator, ['--limit', '2']);
    expect(newest.out).toBe(`${AT} backup stdout | 2298\n${AT} backup stdout | 2299\n`);
  });

  it('is whole also for a reader that takes its time', async () => {
    const rows = Array.from({ length: 9_000 }, (_, index) => record(index + 1, `${index}\n`));
    await using coordinator = await startCoordinator({ 'GET /v1/output': outputIs(rows) });
    const command = [process.execPath, MAIN, 'output', 'web-1', '--limit', '9000', '-o', 'json'];
    const line = `${command.join(' ')} --url ${coordinator.url} --token x | (sleep 2; wc -l)`;
    const { stdout } = await promisify(execFile)('/bin/sh', ['-c', line], { env: {} });
    expect(stdout.trim()).toBe('9000');
  });

  it('follows through an absence of the coordinator without a loss or a repetition, until Ctrl-C', async () => {
    const rows: Row[] = [record(1, 'one\n')];
    let asked = 0;
    const answer = outputIs(rows);
    await using coordinator = await startCoordinator({
      'GET /v1/output': (body, query) => {
        asked += 1;
        // A client asks twice more by itself.
        if (asked >= 2 && asked <= 4)
          return problemOf(503, 'coordinator-unreachable', 'it restarts');
        if (asked === 7) rows.push(record(2, 'two\n'));
        return answer(body, query);
      },
    });
    const ended = await output(coordinator, ['--follow'], {
      onOutput: (text, kill) => {
        if (text.includes('| two')) kill('SIGINT');
      },
    });
    expect(ended.exitCode).toBe(130);
    expect(ended.out).toBe(`${AT} backup stdout | one\n${AT} backup stdout | two\n`);
    expect(ended.err).toBe(
      'step the coordinator cannot be asked just now (coordinator-unreachable)\n' +
        'step the coordinator answers again\n',
    );
  });

  it('wants a duration or a time', async () => {
    const ended = await runMoult(['output', 'web-1', '--since', 'yesterday']);
    expect(ended).toMatchObject({
      exitCode: 2,
      err: expect.stringContaining('Give a duration such as 90s'),
    });
  });
});
