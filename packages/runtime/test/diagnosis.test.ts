import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DIAGNOSIS_LIMITS } from '@moult/core/diagnosis';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Clock } from '../src/clock.ts';
import {
  attempted,
  gatherParts,
  journalText,
  listFiles,
  logTail,
  type PartSource,
  unitsThat,
  unitText,
} from '../src/diagnosis/index.ts';

let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'moult-diagnosis-'));
});

afterEach(() => {
  rmSync(dir, { recursive: true, force: true });
});

/** Its deadline comes as soon as somebody waits for it, or never. */
function clock(deadline: 'at once' | 'never'): Clock {
  return {
    nowMs: () => 0,
    monotonicMs: () => 0,
    sleep: (_ms, signal) =>
      new Promise((resolve, reject) => {
        signal?.addEventListener('abort', () => reject(signal.reason));
        if (deadline === 'at once') resolve();
      }),
  };
}

const never = new AbortController().signal;

function gathered(sources: readonly PartSource[], deadline: 'at once' | 'never' = 'never') {
  return gatherParts({ sources, secrets: [], clock: clock(deadline), stop: never });
}

describe('DG4: the parts of a diagnosis', () => {
  test('are there whatever happens to one of them, which says what it was', async () => {
    const parts = await gathered([
      { name: 'a.json', what: 'a', read: () => ({ a: 1 }) },
      {
        name: 'b.json',
        what: 'b',
        read: () => {
          throw new Error('no such disk');
        },
      },
      { name: 'c.txt', what: 'c', read: async () => 'text\n' },
    ]);
    expect(parts).toEqual([
      { name: 'a.json', what: 'a', text: '{\n  "a": 1\n}\n', trouble: null },
      {
        name: 'b.json',
        what: 'b',
        text: 'could not be had: no such disk\n',
        trouble: 'no such disk',
      },
      { name: 'c.txt', what: 'c', text: 'text\n', trouble: null },
    ]);
  });

  test('name what is wrong with the things in them', async () => {
    const read = async () => ({
      good: { a: 1 },
      list: await Promise.all([1, 2, 3, 4].map((at) => attempted(() => failing(at)))),
    });
    const [part] = await gathered([{ name: 'a.json', what: 'a', read }]);
    expect(part?.trouble).toBe('failed 1; failed 2; failed 3; and 1 more');
  });

  test('wait for none that does not answer', async () => {
    const hangs: PartSource = { name: 'a', what: 'a', read: () => new Promise(() => undefined) };
    const [part] = await gathered([hangs], 'at once');
    expect(part?.trouble).toBe('it took more than 15 s');
  });

  test('end when somebody stops waiting', async () => {
    const stop = new AbortController();
    const read = (signal: AbortSignal) =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason));
        stop.abort(new Error('Ctrl-C'));
      });
    const sources = [{ name: 'a', what: 'a', read }];
    await expect(
      gatherParts({ sources, secrets: [], clock: clock('never'), stop: stop.signal }),
    ).rejects.toThrow('Ctrl-C');
  });

  test('show no secret, neither in a part nor in what is said about it', async () => {
    const parts = await gatherParts({
      sources: [
        { name: 'a', what: 'a', read: () => ({ line: 'it said planted-secret' }) },
        {
          name: 'b',
          what: 'b',
          read: () => {
            throw new Error('planted-secret password=hunter2');
          },
        },
      ],
      secrets: [{ kind: 'token', value: 'planted-secret' }],
      clock: clock('never'),
      stop: never,
    });
    expect(JSON.stringify(parts)).not.toMatch(/planted-secret|hunter2/);
    expect(parts[1]?.trouble).toBe('[left out: token] password=[left out: password]');
  });
});

function failing(at: number): never {
  throw new Error(`failed ${at}`);
}

describe('DG5: what is listed', () => {
  test('files by owner, mode, bytes and path, links by where they lead, and never by content', async () => {
    mkdirSync(join(dir, 'state'), { mode: 0o750 });
    writeFileSync(join(dir, 'state', 'key'), 'hunter2');
    chmodSync(join(dir, 'state', 'key'), 0o640);
    symlinkSync('key', join(dir, 'state', 'link'));
    const lines = (await listFiles([join(dir, 'state'), join(dir, 'missing')]))
      .trimEnd()
      .split('\n');
    const owner = `${process.getuid?.()}:${process.getgid?.()}`;
    expect(lines).toHaveLength(4);
    expect(lines[0]).toMatch(new RegExp(`^d0750 ${owner} .* ${dir}/state$`));
    expect(lines[1]).toMatch(new RegExp(`^-0640 ${owner} +7 .* ${dir}/state/key$`));
    expect(lines[2]).toMatch(new RegExp(`^l0777 ${owner} .* ${dir}/state/link -> key$`));
    expect(lines[3]).toMatch(/missing: ENOENT/);
  });

  test('of too many files the first', async () => {
    for (let at = 0; at < DIAGNOSIS_LIMITS.filesMax + 5; at++)
      writeFileSync(join(dir, `${at}`), '');
    const lines = (await listFiles([dir])).trimEnd().split('\n');
    expect(lines).toHaveLength(DIAGNOSIS_LIMITS.filesMax + 1);
    expect(lines.at(-1)).toBe('[more than 2000 files]');
  });

  test('of a log the last lines, whole ones', async () => {
    const path = join(dir, 'log');
    const lines = Array.from({ length: 10_000 }, (_, at) => `line ${at} ${'x'.repeat(50)}`);
    writeFileSync(path, `${lines.join('\n')}\n`);
    const tail = (await logTail(path)).trimEnd().split('\n');
    expect(tail).toEqual(lines.slice(-DIAGNOSIS_LIMITS.logLinesMax));
    const long = 'y'.repeat(2 * DIAGNOSIS_LIMITS.logBytesMax);
    writeFileSync(path, `${long}\nlast\n`);
    expect(await logTail(path)).toBe('last\n');
    writeFileSync(path, '');
    expect(await logTail(path)).toBe('');
    await expect(logTail(dir)).rejects.toThrow();
  });
});

test('without a unit and without a file of its log somebody is asked for one', async () => {
  await expect(journalText([], { hasLogFile: false, stop: never })).rejects.toThrow('--log FILE');
  expect(await journalText([], { hasLogFile: true, stop: never })).not.toContain('--log');
});

describe('the systemd unit', () => {
  test('is found by what it starts, the first directory counts, and shows no value of a variable', async () => {
    const [etc, lib] = [join(dir, 'etc'), join(dir, 'lib')];
    const unit = (command: string) =>
      `[Service]\nExecStart=${command}\nEnvironment=HTTPS_PROXY=http://u:hunter2@proxy\n`;
    for (const at of [etc, lib]) mkdirSync(at);
    writeFileSync(join(etc, 'moult.service'), unit('/opt/moult/launcher/bin/node'));
    writeFileSync(join(lib, 'moult.service'), unit('/opt/moult/launcher/bin/other'));
    writeFileSync(join(lib, 'else.service'), unit('/usr/bin/else'));
    mkdirSync(join(etc, 'moult.service.d'));
    writeFileSync(join(etc, 'moult.service.d', 'own.conf'), '[Service]\nEnvironment=A=hunter2\n');
    const paths = await unitsThat((text) => text.includes('/opt/moult/launcher/'), [etc, lib]);
    expect(paths).toEqual([join(etc, 'moult.service')]);
    const shown = await unitText(paths, never);
    expect(shown).toContain('Environment=HTTPS_PROXY=[left out: setting]');
    expect(shown).toContain('Environment=A=[left out: setting]');
    expect(shown).not.toContain('hunter2');
    expect(await unitText([], never)).toMatch(/no systemd unit/);
  });
});
