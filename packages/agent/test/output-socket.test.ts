import { once } from 'node:events';
import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import type { Logger } from '@moult/runtime/logger';
import { describe, expect, onTestFinished, test } from 'vitest';
import { settle, until } from '../../../test/support/manual-clock.ts';
import type { NewRecord, NumberedIntake } from '../src/output/intake.ts';
import { createOutputSocket } from '../src/output/socket.ts';
import { TestHost } from './support/host.ts';

/** An intake that keeps what it is given, at once or when it is told. */
class HeldIntake implements NumberedIntake {
  readonly given: NewRecord[] = [];
  trouble: Error | null = null;
  isHeld = false;
  #held: (() => void)[] = [];

  async add(record: NewRecord): Promise<void> {
    this.given.push(record);
    if (this.isHeld) await new Promise<void>((resolve) => this.#held.push(resolve));
    if (this.trouble !== null) throw this.trouble;
  }

  readonly #last = new Map<string, number>();

  async addNumbered(record: NewRecord, number: number): Promise<number | null> {
    const last = this.#last.get(record.stream) ?? 0;
    if (number <= last) return last;
    this.#last.set(record.stream, number);
    await this.add(record);
    return null;
  }

  letGo(): void {
    this.isHeld = false;
    for (const resolve of this.#held.splice(0)) resolve();
  }

  texts(): readonly string[] {
    return this.given.map(({ content }) => Buffer.from(content).toString());
  }
}

interface Told {
  readonly text: string;
  readonly context: unknown;
}

function world(path?: string) {
  const host = new TestHost();
  const intake = new HeldIntake();
  const logged: Told[] = [];
  const write = (text: string, context?: unknown) => void logged.push({ text, context });
  const log: Logger = { debug: write, info: write, warn: write, error: write, child: () => log };
  const socketPath = path ?? join(host.dir, 'output.sock');
  const stop = new AbortController();
  const socket = createOutputSocket({ path: socketPath, clock: host.clock, log });
  const ended = socket.run(intake, stop.signal);
  onTestFinished(async () => {
    stop.abort();
    await host.clock.advance(2_000);
    await ended;
  });
  return { host, intake, logged, socketPath, stop, ended };
}

type World = ReturnType<typeof world>;

class Program {
  readonly socket: Socket;
  #read = '';
  isOver = false;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk) => {
      this.#read += chunk.toString();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.isOver = true;
    });
  }

  get answers(): readonly {
    readonly ok: boolean;
    readonly code?: string;
    readonly message?: string;
  }[] {
    return this.#read
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line));
  }

  async answered(count: number): Promise<void> {
    await until(() => this.answers.length >= count, `${count} answers`);
  }

  async over(): Promise<void> {
    await until(() => this.isOver, 'the end of the connection');
  }
}

async function program({ socketPath }: World): Promise<Program> {
  await until(() => existsSync(socketPath), 'the socket');
  const socket = connect(socketPath);
  await once(socket, 'connect');
  return new Program(socket);
}

const line = (content: string, stream = 'measurements') =>
  `${JSON.stringify({ stream, content })}\n`;
const codes = ({ answers }: Program) => answers.map(({ ok, code }) => (ok ? 'ok' : code));

describe('the output socket', () => {
  test('Q9: each line is answered in its order, and not before it is kept', async () => {
    const here = world();
    here.intake.isHeld = true;
    const one = await program(here);
    one.socket.write(`${line('a')}${line('b')}nonsense\n${line('c')}`);
    await until(() => here.intake.given.length === 3, 'the records');
    await settle();
    expect(one.answers).toEqual([]);
    here.intake.letGo();
    await one.answered(4);
    expect(codes(one)).toEqual(['ok', 'ok', 'output-invalid', 'ok']);
    expect(here.intake.texts()).toEqual(['a', 'b', 'c']);
    expect(here.intake.given[0]).toMatchObject({ stream: 'measurements', task: '', run: '' });
  });

  test('Q10: what was numbered and is handed in again is answered with the last number', async () => {
    const here = world();
    const one = await program(here);
    const numbered = (number: unknown) =>
      `${JSON.stringify({ stream: 's', number, content: `${number}` })}\n`;
    one.socket.write([1, 2, 1, 3, 0, '4'].map(numbered).join(''));
    await one.answered(6);
    const { answers } = one;
    expect(answers.slice(0, 4)).toEqual([
      { ok: true },
      { ok: true },
      { ok: true, known: 2 },
      { ok: true },
    ]);
    for (const answer of answers.slice(4)) expect(answer).toMatchObject({ code: 'output-invalid' });
    expect(here.intake.texts()).toEqual(['1', '2', '3']);
  });

  test('binary content comes as base64, and no byte of it is changed', async () => {
    const here = world();
    const one = await program(here);
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, index) => index));
    one.socket.write(`{"stream":"s","base64":"${bytes.toString('base64')}"}\n`);
    await one.answered(1);
    expect(Buffer.from(here.intake.given[0]?.content ?? [])).toEqual(bytes);
  });

  test.each([
    ['no JSON', 'hello', /not JSON/],
    ['no object', '["stream"]', /not a JSON object/],
    ['no stream', '{"content":"x"}', /"stream"/],
    ['a stream with a blank', '{"stream":"a b","content":"x"}', /"stream"/],
    ['no content', '{"stream":"s"}', /either "content" or "base64"/],
    ['both contents', '{"stream":"s","content":"x","base64":"eA=="}', /either/],
    ['a number as content', '{"stream":"s","content":7}', /must be a text/],
    ['half a letter', '{"stream":"s","content":"\\ud800"}', /must be a text/],
    ['base64 that is none', '{"stream":"s","base64":"=x=="}', /base64/],
    ['too much content', line('x'.repeat(65_537)).trim(), /65537 bytes; 65536 are allowed/],
    ['bytes that are no text', Buffer.from('7b22ff7d', 'hex'), /not UTF-8/],
    ['nothing', '', /not JSON/],
  ])(
    'a line with %s is refused with its mistake, and the next one is taken',
    async (_, text, why) => {
      const here = world();
      const one = await program(here);
      one.socket.write(text);
      one.socket.write(`\n${line('next')}`);
      await one.answered(2);
      expect(one.answers[0]).toMatchObject({ ok: false, code: 'output-invalid' });
      expect(one.answers[0]?.message).toMatch(why);
      expect(one.answers[1]).toEqual({ ok: true });
      expect(here.intake.texts()).toEqual(['next']);
    },
  );

  test('a line in pieces is one line, wherever it is cut', async () => {
    const here = world();
    const one = await program(here);
    for (const byte of Buffer.from(line('žluťoučký kůň') + line('b'))) {
      one.socket.write(Buffer.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await one.answered(2);
    expect(here.intake.texts()).toEqual(['žluťoučký kůň', 'b']);
  });

  test('T24: a disk that takes nothing is answered as such, and the connection goes on', async () => {
    const here = world();
    const one = await program(here);
    here.intake.trouble = Object.assign(new Error('database or disk is full'), { errcode: 13 });
    one.socket.write(line('a'));
    await one.answered(1);
    expect(one.answers[0]).toMatchObject({ ok: false, code: 'output-not-kept' });
    here.intake.trouble = null;
    one.socket.write(line('b'));
    await one.answered(2);
    expect(one.answers[1]).toEqual({ ok: true });
  });

  test('T17: a line without an end is cut off, by its length and by time', async () => {
    const here = world();
    const [long, slow] = [await program(here), await program(here)];
    long.socket.write('x'.repeat(140_000));
    await long.over();
    expect(codes(long)).toEqual(['output-invalid']);
    slow.socket.write('{"stream":');
    await settle();
    await here.host.clock.advance(29_000);
    slow.socket.write('"s",');
    await settle();
    await here.host.clock.advance(2_000);
    await slow.over();
    expect(here.intake.given).toEqual([]);
  });

  test('T17: who sends nothing for hours stays connected', async () => {
    const here = world();
    const one = await program(here);
    one.socket.write(line('a'));
    await one.answered(1);
    await here.host.clock.advance(10 * 3_600_000);
    one.socket.write(line('b'));
    await one.answered(2);
  });

  test('T17: who sends nothing but rubbish is cut off', async () => {
    const here = world();
    const one = await program(here);
    one.socket.write('rubbish\n'.repeat(10_000));
    await one.over();
    expect(one.answers).toHaveLength(100);
  });

  test('T17: who does not read its answers is not read from, nor does it hold up others', async () => {
    const here = world();
    const [rude, other] = [await program(here), await program(here)];
    rude.socket.pause();
    const text = line('x');
    let sent = 0;
    while (rude.socket.writableLength < 1_000_000) {
      rude.socket.write(text.repeat(1_000));
      sent += 1_000;
      await settle();
    }
    const taken = here.intake.given.length;
    expect(taken).toBeLessThan(sent);
    await settle();
    expect(here.intake.given.length).toBe(taken);
    other.socket.write(line('other'));
    await other.answered(1);
    await here.host.clock.advance(31_000);
    rude.socket.resume();
    await rude.over();
    expect(rude.answers.length).toBeLessThan(taken);
  });

  test('T17: while the disk is slow only a bounded number of records is read', async () => {
    const here = world();
    const one = await program(here);
    here.intake.isHeld = true;
    for (let turn = 0; turn < 100; turn++) one.socket.write(line('x'.repeat(10_000)).repeat(10));
    await settle();
    expect(here.intake.given.length).toBeLessThan(50);
    here.intake.letGo();
    await one.answered(1_000);
    expect(here.intake.given).toHaveLength(1_000);
  });

  test('T17: one connection more than there may be is told so', async () => {
    const here = world();
    const all: Program[] = [];
    for (let index = 0; index < 64; index++) all.push(await program(here));
    const more = await program(here);
    await more.over();
    expect(codes(more)).toEqual(['output-busy']);
    all[0]?.socket.destroy();
    await settle();
    const again = await program(here);
    again.socket.write(line('a'));
    await again.answered(1);
    expect(codes(again)).toEqual(['ok']);
  });

  test('whoever says that it is done gets all its answers, then the end', async () => {
    const here = world();
    here.intake.isHeld = true;
    const one = await program(here);
    one.socket.end(line('a') + line('b'));
    await until(() => here.intake.given.length === 2, 'the records');
    here.intake.letGo();
    await one.over();
    expect(codes(one)).toEqual(['ok', 'ok']);
    const half = await program(here);
    half.socket.end(`${line('c')}{"stream":"s","content":"d"}`);
    await half.over();
    expect(codes(half)).toEqual(['ok', 'output-invalid']);
  });

  test('Q9: an agent that ends answers what it has read, and takes its socket away', async () => {
    const here = world();
    here.intake.isHeld = true;
    const one = await program(here);
    one.socket.write(line('a'));
    await until(() => here.intake.given.length === 1, 'the record');
    here.stop.abort();
    await until(() => !existsSync(here.socketPath), 'the end of the socket');
    here.intake.letGo();
    await one.over();
    expect(codes(one)).toEqual(['ok']);
    await here.ended;
  });
});

describe('the file of the output socket', () => {
  test('it is for the user and the group of the agent, who find the way to it', async () => {
    const here = world();
    await program(here);
    await until(() => modeOf(here.socketPath) === 0o660, 'the rights of the socket');
    expect(statSync(here.host.dir).mode & 0o777).toBe(0o710);
  });

  test('one that a crash left behind is taken over', async () => {
    const before = world();
    await program(before);
    // Another process would find it so: the name is taken, and nobody holds the lock of the state.
    const { ino } = statSync(before.socketPath);
    const after = world(before.socketPath);
    // The first one holds its own as long as it listens, so that no other file has its number.
    const isAnother = () => statSync(before.socketPath, { throwIfNoEntry: false })?.ino !== ino;
    await until(() => isAnother() && modeOf(before.socketPath) === 0o660, 'the socket');
    const one = await program(after);
    one.socket.write(line('a'));
    await one.answered(1);
    expect(after.intake.texts()).toEqual(['a']);
  });

  test('what is no socket stays, and the agent says what stands in the way', async () => {
    const path = join(new TestHost().dir, 'output.sock');
    writeFileSync(path, 'precious');
    const here = world(path);
    await here.ended;
    expect(here.logged[0]).toMatchObject({ context: { code: 'output-socket-unusable' } });
    expect(statSync(path).size).toBe(8);
  });

  test('a path that is too long for a socket is said, and nothing is made', async () => {
    const dir = join(new TestHost().dir, 'd'.repeat(100));
    mkdirSync(dir);
    const here = world(join(dir, 'output.sock'));
    await here.ended;
    expect(here.logged[0]?.context).toMatchObject({
      message: expect.stringMatching(/longer than the 107 bytes/),
    });
  });
});

/** Null: it is not there, or not yet again. */
function modeOf(path: string): number | null {
  const found = statSync(path, { throwIfNoEntry: false });
  return found === undefined ? null : found.mode & 0o777;
}
