import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  afterCrash,
  boundArguments,
  byteCountOf,
  durationMsOf,
  outcomeOf,
  readDefinitions,
  STARTS_MAX,
  startable,
  type TaskDefinition,
} from '../src/task/index.ts';

const BACKUP = {
  program: '/usr/local/bin/backup',
  arguments: ['--to={target}', '--level', '{level}', '{{literal}}'],
  parameters: {
    target: { pattern: '[a-z]+' },
    level: { kind: 'integer', min: 1, max: 9, default: 3 },
    mode: { kind: 'choice', values: ['fast', 'full'], default: 'fast' },
  },
  'time-limit': '10m',
  'output-limit': '64KiB',
};

function read(tasks: unknown): ReadonlyMap<string, TaskDefinition> {
  const result = readDefinitions({ tasks });
  if (result.kind === 'invalid') throw new Error(result.troubles.join('\n'));
  return result.tasks;
}

function taskOf(fields: object, name = 'backup'): TaskDefinition {
  const found = read({ [name]: fields }).get(name);
  if (found === undefined) throw new Error('not read');
  return found;
}

describe('the owner’s file (K1)', () => {
  test('is read, with its defaults', () => {
    expect(taskOf(BACKUP)).toMatchObject({
      name: 'backup',
      timeLimitMs: 600_000,
      outputBytesMax: 65_536,
      concurrency: 1,
      isIdempotent: false,
      schedule: null,
    });
    expect(readDefinitions(null)).toEqual({ kind: 'read', tasks: new Map() });
  });

  test.each([
    [{ program: 'backup' }, 'tasks.t.program: must be an absolute path of a program'],
    [
      { ...BACKUP, arguments: ['{other}'] },
      'tasks.t.arguments: {other} is no parameter of this task',
    ],
    [
      { ...BACKUP, arguments: ['{level'] },
      'tasks.t.arguments: "{level" has a brace without its other',
    ],
    [{ ...BACKUP, 'time-limt': '1m' }, 'tasks.t: time-limt is unknown; did you mean time-limit?'],
    [
      { ...BACKUP, 'time-limit': '10' },
      'tasks.t.time-limit: must be a time such as 90s, 10m or 2h, of 1s to 30d',
    ],
    [{ ...BACKUP, concurrency: 0 }, 'tasks.t.concurrency: must be a whole number of 1 to 64'],
    [{ ...BACKUP, idempotent: 'yes' }, 'tasks.t.idempotent: must be true or false'],
    [
      { ...BACKUP, schedule: 'daily' },
      'tasks.t.schedule: a cron expression has five fields, or six with seconds first',
    ],
    [{ ...BACKUP, 'time-zone': 'UTC' }, 'tasks.t.time-zone: there is no schedule'],
    [{ ...BACKUP, environment: { '1X': 'a' } }, 'tasks.t.environment.1X: is no name of a variable'],
    [
      { program: '/x', parameters: { n: { kind: 'integer', default: 'many' } } },
      'tasks.t.parameters.n.default: is not a whole number',
    ],
    [
      { program: '/x', parameters: { n: { pattern: '(' } } },
      'tasks.t.parameters.n.pattern: is not a regular expression',
    ],
  ])('names each mistake with its place: %#', (fields, trouble) => {
    const result = readDefinitions({ tasks: { t: fields } });
    expect(result.kind === 'invalid' ? result.troubles : []).toContain(trouble);
  });

  test('rubbish of any kind is refused or read, and never throws', () => {
    fc.assert(
      fc.property(fc.anything(), (value) => {
        readDefinitions(value);
        readDefinitions({ tasks: { t: value } });
        readDefinitions({ tasks: { t: { program: '/x', parameters: value, arguments: value } } });
      }),
    );
  });
});

describe('an order’s parameters (K3)', () => {
  const task = taskOf(BACKUP);
  const args = (...given: [string, string][]) =>
    boundArguments(
      task,
      given.map(([name, value]) => ({ name, value })),
    );

  test('become arguments, braces and all', () => {
    expect(args(['target', 'disk'])).toEqual({
      kind: 'bound',
      args: ['--to=disk', '--level', '3', '{literal}'],
    });
  });

  test.each([
    [[], 'target is not given and has no default'],
    [
      [
        ['target', 'a'],
        ['target', 'b'],
      ],
      'target is given twice',
    ],
    [[['target', 'A']], 'target does not match [a-z]+'],
    [[['target', 'a\n']], 'target has a control character'],
    [
      [
        ['target', 'a'],
        ['level', '10'],
      ],
      'level is not within 1 to 9',
    ],
    [
      [
        ['target', 'a'],
        ['level', '1e0'],
      ],
      'level is not a whole number',
    ],
    [
      [
        ['target', 'a'],
        ['mode', 'slow'],
      ],
      'mode is none of fast, full',
    ],
    [
      [
        ['target', 'a'],
        ['__proto__', 'x'],
      ],
      'backup has no parameter __proto__',
    ],
  ] as [[string, string][], string][])('are refused where they are wrong: %#', (given, message) => {
    expect(args(...given)).toEqual({ kind: 'invalid', message });
  });

  test('a value is one argument whatever it contains', () => {
    const echo = taskOf({ program: '/bin/echo', arguments: ['{v}'], parameters: { v: {} } });
    fc.assert(
      fc.property(fc.string({ maxLength: 100 }), (value) => {
        const bound = boundArguments(echo, [{ name: 'v', value }]);
        if (bound.kind === 'bound') expect(bound.args).toEqual([value]);
      }),
    );
  });
});

describe('which runs may start', () => {
  const definitions = read({
    one: { program: '/x' },
    two: { program: '/x', concurrency: 2 },
  });
  const up = { definitions, state: 'Up', isInProbation: false } as const;
  const run = (id: string, task: string) => ({ run: id, task });

  test('first come, first served, and a full task does not hold up another one (K5)', () => {
    const waiting = [
      run('a', 'one'),
      run('b', 'one'),
      run('c', 'two'),
      run('d', 'two'),
      run('e', 'two'),
    ];
    const ids = (running: { run: string; task: string }[]) =>
      startable({ ...up, waiting, running }).map((found) => found.run);
    expect(ids([])).toEqual(['a', 'c', 'd']);
    expect(ids([run('x', 'one'), run('y', 'two')])).toEqual(['c']);
  });

  test('one that is not listed is given back at once', () => {
    expect(startable({ ...up, waiting: [run('a', 'gone')], running: [] })).toHaveLength(1);
  });

  test.each(['Down', 'Paused', 'Upgrading', 'Upgrade Failed'] as const)(
    'none while %s (K6)',
    (state) => {
      const waiting = [run('a', 'one'), run('b', 'gone')];
      expect(startable({ ...up, state, waiting, running: [] })).toEqual([]);
    },
  );

  test('in probation they run', () => {
    const waiting = [run('a', 'one')];
    expect(startable({ ...up, isInProbation: true, waiting, running: [] })).toEqual(waiting);
  });
});

test('a run that a crash cut off is begun again if its task may be repeated, a few times (K8)', () => {
  const once = taskOf({ program: '/x' });
  const again = taskOf({ program: '/x', idempotent: true });
  expect(afterCrash({ definition: once, starts: 1 })).toBe('outcome-unknown');
  expect(afterCrash({ definition: null, starts: 1 })).toBe('outcome-unknown');
  expect(afterCrash({ definition: again, starts: 1 })).toBe('start-again');
  expect(afterCrash({ definition: again, starts: STARTS_MAX })).toBe('outcome-unknown');
});

test.each([
  [{ exitCode: 0, signal: null, askedFor: null }, 'succeeded', undefined],
  [{ exitCode: 3, signal: null, askedFor: null }, 'failed', 'task-exited'],
  [{ exitCode: null, signal: 'SIGSEGV', askedFor: null }, 'failed', 'task-killed'],
  [{ exitCode: null, signal: 'SIGKILL', askedFor: 'time-limit' }, 'failed', 'task-timed-out'],
  [{ exitCode: 0, signal: null, askedFor: 'cancelled' }, 'failed', 'task-cancelled'],
  [{ exitCode: 143, signal: null, askedFor: 'upgrade' }, 'failed', 'task-cut-short'],
  [{ exitCode: null, signal: 'SIGTERM', askedFor: 'agent-stops' }, 'failed', 'task-cut-short'],
] as const)('how a run has ended: %o (K9)', (end, outcome, code) => {
  const result = outcomeOf(end, 1_000);
  expect(result.outcome).toBe(outcome);
  expect(result.outcome === 'failed' ? result.code : undefined).toBe(code);
});

test('quantities', () => {
  expect(['90s', '10m', '2h', '1d', '10', '-1s', '1.5h'].map(durationMsOf)).toEqual([
    90_000,
    600_000,
    7_200_000,
    86_400_000,
    null,
    null,
    null,
  ]);
  expect(['500', '64KiB', '16 MiB', '1GiB', '1MB', ''].map(byteCountOf)).toEqual([
    500,
    65_536,
    16_777_216,
    1_073_741_824,
    null,
    null,
  ]);
});
