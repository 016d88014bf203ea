import { expect, test } from 'vitest';
import { callText, isCutHere } from '../scripts/cuts/cut-kinds.ts';
import { readTraceLine, type TracedCall } from '../scripts/fleet/trace-line.ts';

const ROOT = '/srv/web 1';

function callsIn(lines: readonly string[]): readonly TracedCall[] {
  const begun = new Map<number, string>();
  return lines.flatMap((line) => {
    const read = readTraceLine(line, begun);
    return read?.kind === 'called' ? [read.call] : [];
  });
}

test('a call is read from its line, with its thread and its result', () => {
  expect(callsIn([`812   fsync(25<${ROOT}/agent.db-wal>) = 0`])).toEqual([
    { thread: 812, name: 'fsync', args: `25<${ROOT}/agent.db-wal>`, result: 0 },
  ]);
  expect(callsIn([`7 mkdir("${ROOT}/a", 0700) = -1 EEXIST (File exists)`])[0]?.result).toBe(-1);
});

test('a call that another thread’s line cuts in two is put together again', () => {
  const lines = [
    `812 rename("${ROOT}/a.tmp", "${ROOT}/a" <unfinished ...>`,
    `813 fsync(3<${ROOT}>)          = 0`,
    '812 <... rename resumed>)            = 0',
  ];
  expect(callsIn(lines).map(({ name, args }) => [name, args])).toEqual([
    ['fsync', `3<${ROOT}>`],
    ['rename', `"${ROOT}/a.tmp", "${ROOT}/a"`],
  ]);
});

test('a call of a process that was killed in it has no result, and a stop is told as one', () => {
  expect(callsIn(['812 fsync(25</a>) = ?'])[0]?.result).toBeNull();
  expect(readTraceLine('812 --- stopped by SIGSTOP ---', new Map())).toEqual({
    kind: 'stopped',
    thread: 812,
  });
  expect(readTraceLine('strace: Process 812 attached with 11 threads', new Map())).toBeNull();
});

test('only calls that did their work below the root count for a cut', () => {
  const counts = (line: string, kind: Parameters<typeof isCutHere>[1]) =>
    callsIn([line]).some((call) => isCutHere(call, kind, ROOT));
  expect(counts(`1 fsync(3<${ROOT}/x>) = 0`, 'fsync')).toBe(true);
  expect(counts(`1 fsync(3<${ROOT}/x>) = 0`, 'rename')).toBe(false);
  expect(counts(`1 fsync(3<${ROOT}-other/x>) = 0`, 'fsync')).toBe(false);
  expect(counts(`1 unlink("${ROOT}/x") = -1 ENOENT (No such file)`, 'unlink')).toBe(false);
  expect(counts(`1 execve("${ROOT}/bin/node", [""], 0x1 /* 3 vars */) = 0`, 'exec')).toBe(true);
});

test('a file that is opened for reading does not count, one that is opened for writing does', () => {
  const open = (flags: string) =>
    callsIn([`1 openat(AT_FDCWD</>, "${ROOT}/x", ${flags}, 0600) = 3<${ROOT}/x>`]).some((call) =>
      isCutHere(call, 'open', ROOT),
    );
  expect(open('O_RDONLY|O_CLOEXEC')).toBe(false);
  expect(open('O_WRONLY|O_CREAT|O_TRUNC|O_CLOEXEC')).toBe(true);
  expect(open('O_RDWR|O_NOFOLLOW')).toBe(true);
});

test('a rename is named by where it goes', () => {
  const [call] = callsIn([`1 rename("${ROOT}/boot.json.7.tmp", "${ROOT}/boot.json") = 0`]);
  expect(call && callText(call, ROOT)).toBe('rename boot.json');
});
