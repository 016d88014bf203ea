import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TOO_MANY } from '../src/counting.ts';
import {
  type AgentFrame,
  type CoordinatorFrame,
  decodeAgentFrame,
  decodeCoordinatorFrame,
  encodeAgentFrame,
  encodeCoordinatorFrame,
} from '../src/index.ts';

interface Fixtures {
  readonly agent: readonly { readonly hex: string; readonly frame: AgentFrame }[];
  readonly coordinator: readonly { readonly hex: string; readonly frame: CoordinatorFrame }[];
}

function fixturesOf(minor: number): Fixtures {
  const path = new URL(`./fixtures/frames-minor-${minor}.json`, import.meta.url);
  return JSON.parse(readFileSync(path, 'utf8')) as Fixtures;
}

const FIXTURES = fixturesOf(0);
const NEWER = fixturesOf(1);

describe('frames of minor version 0 are read for ever', () => {
  test.each(FIXTURES.agent)('agent $frame.kind', ({ hex, frame }) => {
    expect(plain(decodeAgentFrame(Buffer.from(hex, 'hex')))).toMatchObject({
      kind: 'frame',
      frame,
    });
  });
  test.each(FIXTURES.coordinator)('coordinator $frame.kind', ({ hex, frame }) => {
    expect(plain(decodeCoordinatorFrame(Buffer.from(hex, 'hex')))).toMatchObject({
      kind: 'frame',
      frame,
    });
  });
});

describe('frames of minor version 1 are read for ever', () => {
  test.each(NEWER.coordinator)('coordinator $frame.kind', ({ hex, frame }) => {
    expect(plain(decodeCoordinatorFrame(Buffer.from(hex, 'hex')))).toMatchObject({
      kind: 'frame',
      frame,
    });
  });
});

test('every recorded frame encodes to the same bytes', () => {
  for (const { hex, frame } of [...FIXTURES.coordinator, ...NEWER.coordinator]) {
    expect(Buffer.from(encodeCoordinatorFrame(frame)).toString('hex')).toBe(hex);
  }
  for (const { hex, frame } of FIXTURES.agent) {
    if (frame.kind === 'prove' || frame.kind === 'output') continue;
    expect(Buffer.from(encodeAgentFrame(frame)).toString('hex')).toBe(hex);
  }
});

test('P5: a pace travels with its upgrade, and who knows none reads the rest', () => {
  const autoUpgrade = { component: 'agent', version: '1.1.0', isForced: false, isRevert: false };
  const message = {
    ...{ commandId: 'c', attempt: 1, notAfterMs: 1, generation: 1, position: 1 },
    autoUpgrade: { ...autoUpgrade, nonce: 'ff', pace: 'fetch-only' },
  };
  const bytes = encodeCoordinatorFrame({ kind: 'command', message });
  expect(decodeCoordinatorFrame(bytes)).toMatchObject({ frame: { kind: 'command', message } });
  const { pace: _pace, ...now } = message.autoUpgrade;
  const plainly = { kind: 'command', message: { ...message, autoUpgrade: now } } as const;
  expect(decodeCoordinatorFrame(encodeCoordinatorFrame(plainly))).toMatchObject({
    frame: { message: { autoUpgrade: { pace: '' } } },
  });
});

test('a message of a later minor version is unsupported, not invalid', () => {
  expect(decodeAgentFrame(Uint8Array.of((11 << 3) | 2, 0))).toEqual({
    kind: 'unsupported',
    field: 11,
  });
});

test('a small message larger than its limit is refused before it is decoded', () => {
  const body = new Uint8Array(20_000);
  const length = [0x80 | (20_000 & 0x7f), 0x80 | ((20_000 >> 7) & 0x7f), 20_000 >> 14];
  const frame = Uint8Array.of((9 << 3) | 2, ...length, ...body);
  expect(decodeAgentFrame(frame)).toEqual({ kind: 'too-large', limitBytes: 16_384 });
});

test('an empty frame, a number beyond 2^53 and two messages in one frame are invalid', () => {
  expect(decodeAgentFrame(new Uint8Array(0)).kind).toBe('invalid');
  // pong { id = 2^64 - 1 }
  const pong = Uint8Array.of((9 << 3) | 2, 11, 8, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1);
  expect(decodeAgentFrame(pong)).toEqual({ kind: 'invalid', reason: 'id is beyond 2^53' });
  const check = encodeAgentFrame({ kind: 'check', message: { isFirst: true } });
  expect(decodeAgentFrame(Uint8Array.of(...check, ...check)).kind).toBe('invalid');
});

/** One field of bytes. */
function field(number: number, content: Uint8Array): Buffer {
  const length = [0x80 | (content.length & 0x7f), 0x80 | ((content.length >> 7) & 0x7f)];
  return Buffer.from([(number << 3) | 2, ...length, content.length >> 14, ...content]);
}

const emptyFields = (number: number): Uint8Array =>
  new Uint8Array(400_000).map((_, index) => (index % 2 === 0 ? (number << 3) | 2 : 0));

test.each([
  ['items', emptyFields(3)],
  ['steps of a finish', field(3, field(1, emptyFields(10)))],
  ['log lines', field(3, field(1, field(7, emptyFields(5))))],
  ['samples', field(3, field(1, field(7, emptyFields(6))))],
  [
    'items behind a tag of six bytes',
    Buffer.from([0x88, 0x80, 0x80, 0x80, 0x80, 0, 1, ...emptyFields(3)]),
  ],
])('a flood of empty %s is refused before it is decoded', (_, body) => {
  // Decoding them would take half a second, and hundreds of bytes for each.
  expect(decodeAgentFrame(field(8, body))).toEqual({ kind: 'invalid', reason: TOO_MANY });
});

test('rubbish never throws', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      decodeAgentFrame(bytes);
      decodeCoordinatorFrame(bytes);
    }),
    { numRuns: 2_000 },
  );
});

/** Byte fields in fixtures are written as hex. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, plain(field)]));
  }
  return value;
}
