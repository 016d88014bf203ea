/* The verdict in all its orders of events: what the world does while a version is on trial, and how that ends. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  BootWorld,
  DEAF,
  type Fact,
  GOOD,
  type Scenario,
  STUCK,
  TICKS,
  WEATHER,
  type Weather,
} from './boot-world.ts';

const { minute, hour, day } = TICKS;
const UNCONFIRMED = { confirmsFrom: null } as const;
/** Probation of 5 s: 50 s of watched time, of which a minute is left to every new process. */
const SHORT = { probationMs: 5_000 } as const;
const LONG = { probationMs: 3_600_000 } as const;

interface Case extends Scenario {
  readonly is: string;
  readonly end: string;
  /** How long it is looked at, in ticks; the end of the trial ends it. */
  readonly ticks: number;
}

const UP: Scenario['weather'] = [['up', 0]];
const OUTAGES: readonly Weather[] = [
  'down',
  'cut one way',
  'accepts and never answers',
  'answers before the proof only',
  'certificate refused',
  'slow',
];

const WORLD: readonly Case[] = [
  ...OUTAGES.flatMap((weather): Case[] => [
    {
      is: `B13: ${weather} from the first moment on, for a day: it stays`,
      weather: [[weather, day]],
      end: 'world-broken',
      ticks: day,
    },
    {
      is: `B13: ${weather} from the first moment on, and over after five hours: it is committed`,
      weather: [
        [weather, 5 * hour],
        ['up', 0],
      ],
      end: 'committed',
      ticks: 6 * hour,
    },
    {
      is: `B13: ${weather} begins in the middle of probation and ends: it is committed`,
      weather: [
        ['up', 5],
        [weather, 3 * hour],
        ['up', 0],
      ],
      end: 'committed',
      ticks: 4 * hour,
    },
    {
      is: `B11: ${weather} for two hours, then a version that cannot reach is found out`,
      version: DEAF,
      weather: [
        [weather, 2 * hour],
        ['up', 0],
      ],
      end: 'rolled back: cannot-reach-coordinator',
      ticks: 4 * hour,
    },
  ]),
  {
    is: 'B12: busy all through: it reached, and waits',
    weather: [['busy', day]],
    end: 'good',
    ticks: day,
  },
  {
    is: 'B12: busy, then room again: it is committed',
    weather: [
      ['busy', 2 * hour],
      ['up', 0],
    ],
    end: 'committed',
    ticks: 3 * hour,
  },
  {
    is: 'B13: busy, then down, then busy, then up: it is committed',
    weather: [
      ['busy', 8],
      ['down', hour],
      ['busy', hour],
      ['up', 0],
    ],
    end: 'committed',
    ticks: 3 * hour,
  },
  {
    is: 'B13: sessions open and no metadata comes, for a day: it stays',
    weather: [['no metadata', day]],
    end: 'world-broken',
    ticks: day,
  },
  {
    is: 'B13: metadata comes back after hours: it is committed',
    weather: [
      ['no metadata', 3 * hour],
      ['up', 0],
    ],
    end: 'committed',
    ticks: 4 * hour,
  },
  {
    is: 'B13: a certificate is refused just when metadata is back: nothing is held against it',
    weather: [
      ['no metadata', hour],
      ['certificate refused', hour],
      ['up', 0],
    ],
    end: 'committed',
    ticks: 4 * hour,
  },
  {
    is: 'B12: healthy for a week, and nobody says confirm: no time ends it',
    ...UNCONFIRMED,
    weather: UP,
    end: 'good',
    ticks: 7 * day,
  },
  {
    is: 'B12 B13: an outage of an hour, then nobody says confirm: it is found good again',
    ...UNCONFIRMED,
    weather: [
      ['down', hour],
      ['up', 0],
    ],
    end: 'good',
    ticks: day,
  },
  {
    is: 'B12 B13: healthy without confirm, then an outage of a day: it stays',
    ...UNCONFIRMED,
    weather: [
      ['up', hour],
      ['down', day],
    ],
    end: 'world-broken',
    ticks: hour + day,
  },
];

const VERSIONS: readonly Case[] = [
  {
    is: 'B11: it cannot reach where the previous one can',
    version: DEAF,
    weather: UP,
    end: 'rolled back: cannot-reach-coordinator',
    ticks: 16 * minute,
  },
  {
    is: 'B11: its probe reaches and its session does not',
    version: { ...DEAF, probe: 'works' },
    weather: UP,
    end: 'rolled back: cannot-reach-coordinator',
    ticks: 16 * minute,
  },
  {
    is: 'B11: it opens sessions and cannot refresh its metadata where the previous one can',
    version: STUCK,
    weather: UP,
    end: 'rolled back: cannot-upgrade-again',
    ticks: 16 * minute,
  },
  {
    is: 'its own checks fail while the world is there',
    version: { ...GOOD, ownChecks: 'fail' },
    weather: UP,
    end: 'rolled back: own-checks-failed',
    ticks: 11 * minute,
  },
  {
    is: 'B13: its own checks fail and nothing is reached: the world comes first',
    version: { ...GOOD, ownChecks: 'fail' },
    weather: [['down', 20 * minute]],
    end: 'world-broken',
    ticks: 20 * minute,
  },
  {
    is: 'B5: its heartbeats stop when its own probe begins: a hang',
    version: { ...DEAF, isSilentWhenProbed: true },
    weather: UP,
    end: 'rolled back: hung',
    ticks: 16 * minute,
  },
  {
    is: 'B13: it is deaf, and the previous one cannot even probe, its tree being damaged: nobody can say, so it stays',
    version: DEAF,
    previous: { ...GOOD, probe: 'fails', starts: false },
    weather: UP,
    end: 'world-broken',
    ticks: day,
  },
  {
    is: 'B13: it is deaf, and the probe of the previous one hangs: nobody can say, so it stays',
    version: DEAF,
    previous: { ...GOOD, probe: 'hangs' },
    weather: UP,
    end: 'world-broken',
    ticks: day,
  },
  {
    is: 'a good version needs no previous one: a damaged tree beside it changes nothing',
    previous: { ...GOOD, probe: 'fails', starts: false },
    weather: [
      ['up', 2],
      ['down', hour],
      ['up', 0],
    ],
    end: 'committed',
    ticks: 3 * hour,
  },
  {
    is: 'B11: watched for 50 s, a deaf version is gone within six minutes',
    ...SHORT,
    version: DEAF,
    weather: UP,
    end: 'rolled back: cannot-reach-coordinator',
    ticks: 6 * minute,
  },
  {
    is: 'watched for ten hours, a deaf version stays for those',
    ...LONG,
    version: DEAF,
    weather: UP,
    end: 'open',
    ticks: 10 * hour - 1,
  },
  {
    is: 'B11: watched for ten hours, a deaf version is gone six minutes later',
    ...LONG,
    version: DEAF,
    weather: UP,
    end: 'rolled back: cannot-reach-coordinator',
    ticks: 10 * hour + 6 * minute,
  },
  {
    is: 'a good version with an hour of probation is committed within it and a minute',
    ...LONG,
    weather: UP,
    end: 'committed',
    ticks: hour + minute,
  },
];

/** With a probation of 5 s a deaf version is asked at tick 12: own probe to 14, previous to 16, dial to 25, again at 37. */
const FACTS: readonly Case[] = [
  ...[13, 15, 18, 30, 39, 41].map(
    (tick): Case => ({
      is: `a launcher that is killed between two questions (tick ${tick}) asks them again`,
      ...SHORT,
      version: DEAF,
      weather: UP,
      facts: [[tick, { kind: 'kill-launcher' }]],
      end: 'rolled back: cannot-reach-coordinator',
      ticks: 12 * minute,
    }),
  ),
  ...[13, 15, 18, 30].flatMap((tick): Case[] =>
    (['suspend', 'freeze'] as const).map((kind) => ({
      is: `B18: a machine that sleeps for a day (${kind}) in the middle of a question (tick ${tick}) refuses nothing good`,
      ...SHORT,
      weather: [
        ['down', tick + 1],
        ['up', 0],
      ],
      facts: [[tick, { kind, ticks: day }]],
      end: 'committed',
      ticks: day + hour,
    })),
  ),
  ...[1, 13, 15, 18].map(
    (tick): Case => ({
      is: `B5: a reboot in the middle (tick ${tick}) is no failure of the version`,
      ...SHORT,
      weather: [
        ['down', 20],
        ['up', 0],
      ],
      facts: [[tick, { kind: 'reboot' }]],
      end: 'committed',
      ticks: hour,
    }),
  ),
  {
    is: 'B5: ten reboots in an outage are borne',
    ...SHORT,
    weather: [
      ['down', 11 * minute],
      ['up', 0],
    ],
    facts: Array.from({ length: 10 }, (_, index) => [(index + 1) * minute, { kind: 'reboot' }]),
    end: 'committed',
    ticks: hour,
  },
  {
    is: 'B5: an ordered stop each minute for an hour of outage costs no try',
    ...SHORT,
    weather: [
      ['down', hour],
      ['up', 0],
    ],
    facts: Array.from({ length: 59 }, (_, i) => [(i + 1) * minute, { kind: 'stop-and-start' }]),
    end: 'committed',
    ticks: 2 * hour,
  },
  {
    is: 'B1: a refusal that comes first stands, and the commit behind it is too late',
    ...UNCONFIRMED,
    weather: UP,
    facts: [
      [9, { kind: 'refuse' }],
      [9, { kind: 'commit' }],
    ],
    end: 'rolled back: rejected-by-coordinator',
    ticks: hour,
  },
  {
    is: 'B1: a commit that comes first stands, and the refusal behind it changes nothing',
    ...UNCONFIRMED,
    weather: UP,
    facts: [
      [9, { kind: 'commit' }],
      [9, { kind: 'refuse' }],
    ],
    end: 'committed',
    ticks: hour,
  },
  {
    is: 'B1: a commit for another attempt commits nothing',
    ...UNCONFIRMED,
    weather: UP,
    facts: [[9, { kind: 'commit', attemptId: 'c1/2' }]],
    end: 'good',
    ticks: hour,
  },
  {
    is: 'B13: the world comes back between the probe of the previous version and the dial',
    ...SHORT,
    weather: [
      ['down', 16],
      ['up', 0],
    ],
    end: 'committed',
    ticks: hour,
  },
  {
    is: 'B11: the world is seen by the probe and goes away before the dial, once: nothing is held against it',
    ...SHORT,
    weather: [
      ['down', 13],
      ['up', 1],
      ['down', hour],
      ['up', 0],
    ],
    end: 'committed',
    ticks: 3 * hour,
  },
  {
    is: 'B11: the world blinks at every question for an hour: a dial outlasts it',
    ...SHORT,
    weather: [
      ...Array.from({ length: hour / 8 }, (): (readonly [Weather, number])[] => [
        ['down', 3],
        ['up', 1],
        ['cut one way', 3],
        ['up', 1],
      ]).flat(),
      ['up', 0],
    ],
    end: 'committed',
    ticks: 3 * hour,
  },
];

const LAUNCHERS: readonly Case[] = [
  {
    is: 'B14: a launcher on trial in an outage of a day stays, since its agent is heard',
    onTrial: 'launcher',
    weather: [['down', day]],
    end: 'running',
    ticks: day,
  },
  {
    is: 'B14: a launcher on trial is committed by its agent when the outage is over',
    onTrial: 'launcher',
    weather: [
      ['down', day],
      ['up', 0],
    ],
    end: 'committed',
    ticks: day + hour,
  },
  {
    is: 'B14: busy all through, a launcher on trial stays',
    onTrial: 'launcher',
    weather: [['busy', day]],
    end: 'running',
    ticks: day,
  },
  {
    is: 'B14: metadata that does not come is no fault of a launcher',
    onTrial: 'launcher',
    weather: [['no metadata', day]],
    end: 'running',
    ticks: day,
  },
  {
    is: 'B14: an agent that sees the world and is unwell under a launcher does not stay so for ever',
    onTrial: 'launcher',
    previous: { ...GOOD, ownChecks: 'fail' },
    weather: UP,
    end: 'rolled back: own-checks-failed',
    ticks: 12 * minute,
  },
  {
    is: 'B14: a launcher under which no agent starts is refused when its watched time is over',
    onTrial: 'launcher',
    previous: { ...GOOD, starts: false },
    weather: UP,
    end: 'rolled back: own-checks-failed',
    ticks: 12 * minute,
  },
  {
    is: 'B12 B14: a launcher on trial that nobody confirms for a week stays',
    onTrial: 'launcher',
    ...UNCONFIRMED,
    weather: UP,
    end: 'running',
    ticks: 7 * day,
  },
];

describe.for([
  ['the world', WORLD],
  ['the version', VERSIONS],
  ['what happens meanwhile', FACTS],
  ['a launcher on trial', LAUNCHERS],
] as const)('%s', ([, cases]) => {
  test.for(cases)('$is', (scenario) => {
    const world = new BootWorld(scenario).run(scenario.ticks);
    expect(world.end).toBe(scenario.end);
  });
});

/** Of these a session opens, or an answer comes, and metadata too: what a dial needs. */
const FAIR: readonly Weather[] = ['up', 'busy'];
const FOUL = (Object.keys(WEATHER) as Weather[]).filter((weather) => !FAIR.includes(weather));
/**
 * An outage that is shorter than a dial, or longer than a dial, the gap and two probes (40 ticks), is told apart
 * for certain. Between them one can look like a deaf version, if two of them hit two dials running (B11).
 */
const blink = fc.tuple(fc.constantFrom(...FOUL), fc.integer({ min: 1, max: 3 }));
const outage = fc
  .array(fc.tuple(fc.constantFrom(...FOUL), fc.integer({ min: 1, max: 60 })), { maxLength: 2 })
  .chain((parts) =>
    fc.constantFrom(...FOUL).map((last): [Weather, number][] => [...parts, [last, 40]]),
  );
/** Mostly so short that a probe may see it and a session not. */
const fair = fc.tuple(
  fc.constantFrom(...FAIR),
  fc.oneof(
    { weight: 3, arbitrary: fc.integer({ min: 1, max: 4 }) },
    fc.integer({ min: 1, max: 100 }),
  ),
);
const spell = fc
  .tuple(
    fair,
    fc.oneof(
      blink.map((one): [Weather, number][] => [one]),
      outage,
    ),
  )
  .map(([before, foul]): [Weather, number][] => [before, ...foul]);
const weather = fc
  .tuple(fc.boolean(), fc.array(spell, { maxLength: 60, size: 'max' }))
  .map(([isFoulFirst, spells]) => (isFoulFirst ? spells.flat().slice(1) : spells.flat()));
function ticksOf(spells: readonly (readonly [Weather, number])[]): number {
  return spells.reduce((sum, [, ticks]) => sum + ticks, 0);
}

const tick = fc.integer({ min: 0, max: 4_000 });
const sleep = fc.tuple(
  tick,
  fc.record({ kind: fc.constant('suspend' as const), ticks: fc.integer({ min: 1, max: day }) }),
);
const restart = fc.tuple(
  tick,
  fc.constantFrom<Fact>(
    { kind: 'reboot' },
    { kind: 'stop-and-start' },
    { kind: 'freeze', ticks: 50 },
  ),
);
const scenario = fc.record({
  weather,
  facts: fc
    .tuple(fc.array(sleep, { maxLength: 4 }), fc.array(restart, { maxLength: 2 }))
    .map(([sleeps, restarts]): (readonly [number, Fact])[] => [...sleeps, ...restarts]),
  probationMs: fc.constantFrom(5_000, 60_000),
  probeTicks: fc.integer({ min: 1, max: 6 }),
});

test('B12 B13: a good version is never refused for reasons of the world, and is committed once that is there', () => {
  fc.assert(
    fc.property(scenario, (given) => {
      const ended = [...given.weather, ['up', 0] as const];
      // No word before the weather is over, so that the verdict has to bear all of it.
      const confirmsFrom = ticksOf(given.weather);
      const world = new BootWorld({ ...given, confirmsFrom, weather: ended }).run(6 * day);
      expect(world.end).toBe('committed');
    }),
    { numRuns: 400 },
  );
});

test('B11: a version that is broken where the previous one works is refused in bounded watched time, whatever the world did before', () => {
  const broken = fc.constantFrom(DEAF, STUCK, { ...DEAF, probe: 'works' } as const);
  fc.assert(
    fc.property(scenario, broken, (given, version) => {
      const ended = [...given.weather, ['up', 0] as const];
      const world = new BootWorld({ ...given, version, weather: ended });
      world.run(ticksOf(given.weather));
      const before = world.watchedTicks;
      world.run(6 * day);
      expect(world.end).toMatch(/^rolled back: cannot-(reach-coordinator|upgrade-again)$/);
      // An hour to the probe of a world that was broken, and another one for each thing that can happen to that probe
      // while it runs; ten minutes of watching, the chain twice.
      const hours = 1 + given.facts.length;
      expect(world.watchedTicks - before).toBeLessThan(hours * hour + 10 * minute + 12 * minute);
    }),
    { numRuns: 400 },
  );
});
