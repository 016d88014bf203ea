/*
 * Frames ⇄ messages. A frame is one protobuf envelope whose only field is the message: the first bytes say
 * which, so its size limit is checked before anything is decoded. The only file that touches generated code.
 */

import { isFewMessages, TOO_MANY } from './counting.ts';
import { moult } from './generated/moult.js';
import { AGENT_FRAME_BYTES_MAX, COORDINATOR_FRAME_BYTES_MAX, OUTPUT_ITEMS_MAX } from './limits.ts';
import type { AgentFrame, CoordinatorFrame } from './messages.ts';
import { varintAt } from './varint.ts';

export type Decoded<F> =
  | { readonly kind: 'frame'; readonly frame: F }
  /** A message of a newer minor version: to be answered with `unsupported`, not an error. */
  | { readonly kind: 'unsupported'; readonly field: number }
  | { readonly kind: 'too-large'; readonly limitBytes: number }
  | { readonly kind: 'invalid'; readonly reason: string };

interface Codec {
  encode(frame: object): { finish(): Uint8Array };
  fromObject(object: Record<string, unknown>): object;
  decode(bytes: Uint8Array): object;
  toObject(frame: never, options: object): Record<string, unknown>;
}

const AGENT_FIELDS = [
  'hello',
  'prove',
  'report',
  'check',
  'accept',
  'progress',
  'permission',
  'output',
  'pong',
  'unsupported',
] as const satisfies readonly AgentFrame['kind'][];

const COORDINATOR_FIELDS = [
  'challenge',
  'welcome',
  'command',
  'hold',
  'outputAck',
  'granted',
  'denied',
  'confirm',
  'reject',
  'cleanup',
  'ping',
  'goodbye',
  'unsupported',
] as const satisfies readonly CoordinatorFrame['kind'][];

export function encodeAgentFrame(frame: AgentFrame): Uint8Array {
  return encode(moult.v1.AgentFrame as unknown as Codec, frame);
}

export function encodeCoordinatorFrame(frame: CoordinatorFrame): Uint8Array {
  return encode(moult.v1.CoordinatorFrame as unknown as Codec, frame);
}

export function decodeAgentFrame(bytes: Uint8Array): Decoded<AgentFrame> {
  const decoded = decode(bytes, {
    codec: moult.v1.AgentFrame as unknown as Codec,
    fields: AGENT_FIELDS,
    limits: AGENT_FRAME_BYTES_MAX,
  });
  if (decoded.kind !== 'frame') return decoded;
  const frame = decoded.frame as AgentFrame;
  if (frame.kind === 'output' && frame.message.items.length > OUTPUT_ITEMS_MAX) {
    return { kind: 'invalid', reason: `more than ${OUTPUT_ITEMS_MAX} output items` };
  }
  return { kind: 'frame', frame };
}

export function decodeCoordinatorFrame(bytes: Uint8Array): Decoded<CoordinatorFrame> {
  const decoded = decode(bytes, {
    codec: moult.v1.CoordinatorFrame as unknown as Codec,
    fields: COORDINATOR_FIELDS,
    limits: COORDINATOR_FRAME_BYTES_MAX,
  });
  if (decoded.kind !== 'frame') return decoded;
  return { kind: 'frame', frame: decoded.frame as CoordinatorFrame };
}

function encode(
  codec: Codec,
  frame: { readonly kind: string; readonly message: object },
): Uint8Array {
  return codec.encode(codec.fromObject({ [frame.kind]: frame.message })).finish();
}

interface Format {
  readonly codec: Codec;
  readonly fields: readonly string[];
  readonly limits: Readonly<Record<string, number>>;
}

function decode(
  bytes: Uint8Array,
  format: Format,
): Decoded<{ readonly kind: string; readonly message: unknown }> {
  const field = firstField(bytes);
  if (field === null) return { kind: 'invalid', reason: 'not an envelope with one message' };
  const name = format.fields[field - 1];
  if (name === undefined) return { kind: 'unsupported', field };
  const limitBytes = format.limits[name] ?? 0;
  if (bytes.length > limitBytes) return { kind: 'too-large', limitBytes };
  if (name === 'output' && !isFewMessages(bytes)) return { kind: 'invalid', reason: TOO_MANY };
  try {
    const object = format.codec.toObject(format.codec.decode(bytes) as never, {
      longs: Number,
      defaults: true,
      arrays: true,
      oneofs: true,
    });
    const message = object[name];
    if (object['body'] !== name || typeof message !== 'object' || message === null) {
      return { kind: 'invalid', reason: 'more than one message in a frame' };
    }
    const unsafe = unsafeNumberIn(message);
    if (unsafe !== null) return { kind: 'invalid', reason: `${unsafe} is beyond 2^53` };
    return { kind: 'frame', frame: { kind: name, message } };
  } catch (error) {
    return { kind: 'invalid', reason: error instanceof Error ? error.message : String(error) };
  }
}

/** Field number of the envelope's first field; null unless it is a message that fills the whole frame. */
function firstField(bytes: Uint8Array): number | null {
  const tag = varintAt(bytes, 0);
  if (tag === null || (tag.value & 7) !== 2) return null;
  const length = varintAt(bytes, tag.end);
  if (length === null || length.end + length.value !== bytes.length) return null;
  const field = tag.value >>> 3;
  return field === 0 ? null : field;
}

function unsafeNumberIn(value: unknown, name = 'message'): string | null {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? null : name;
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return null;
  if (Array.isArray(value)) {
    for (const entry of value) {
      const found = unsafeNumberIn(entry, name);
      if (found !== null) return found;
    }
    return null;
  }
  // Of plain objects alone, and thousands of them in a batch of output: lists of entries would be most of the work.
  for (const key in value) {
    const found = unsafeNumberIn((value as Readonly<Record<string, unknown>>)[key], key);
    if (found !== null) return found;
  }
  return null;
}
