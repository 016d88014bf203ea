/*
 * One line of a program that hands in output: `{"stream":"name","content":"text"}`, or `"base64"` instead of `"content"`; with
 * `"number":1` and up it may be handed in again.
 */
import { isUtf8 } from 'node:buffer';
import { CodedError } from '@moult/core/errors';

export interface HandedIn {
  readonly stream: string;
  /** Null: it has none. */
  readonly number: number | null;
  readonly content: Uint8Array;
}

/** Of a record: a batch of them fits into a frame many times over. */
export const CONTENT_BYTES_MAX = 65_536;
/** The same in base64 or with some escapes, and what stands around it. */
export const LINE_BYTES_MAX = 131_072;

const STREAM = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
/** Half of a letter beyond the first 65,536: no bytes stand for it. */
const HALF_LETTER = /\p{Surrogate}/u;
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/** Throws `output-invalid`. Fields that it does not know are left to programs that do. */
export function readLine(line: Uint8Array): HandedIn {
  const value = objectIn(line);
  const { stream, content, base64, number = null } = value;
  if (typeof stream !== 'string' || !STREAM.test(stream)) {
    throw invalid(
      '"stream" must be a name of 1 to 64 letters, digits, dots, dashes and underscores',
    );
  }
  if (number !== null && (!Number.isSafeInteger(number) || Number(number) < 1)) {
    throw invalid('"number" must be a whole number of 1 to 2^53 - 1');
  }
  if ((content === undefined) === (base64 === undefined)) {
    throw invalid('either "content" or "base64" must be there');
  }
  const bytes = content === undefined ? bytesOf(base64) : textOf(content);
  if (bytes.length > CONTENT_BYTES_MAX) {
    throw invalid(`the content has ${bytes.length} bytes; ${CONTENT_BYTES_MAX} are allowed`);
  }
  return { stream, number: number === null ? null : Number(number), content: bytes };
}

function objectIn(line: Uint8Array): Readonly<Record<string, unknown>> {
  // Anything else would be changed in silence.
  if (!isUtf8(line))
    throw invalid('the line is not UTF-8; binary content is handed in as "base64"');
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(line.buffer, line.byteOffset, line.length).toString());
  } catch {
    throw invalid('the line is not JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalid('the line is not a JSON object');
  }
  return value as Readonly<Record<string, unknown>>;
}

function textOf(content: unknown): Uint8Array {
  if (typeof content !== 'string' || HALF_LETTER.test(content)) {
    throw invalid('"content" must be a text');
  }
  return Buffer.from(content);
}

function bytesOf(base64: unknown): Uint8Array {
  if (typeof base64 !== 'string' || base64.length % 4 !== 0 || !BASE64.test(base64)) {
    throw invalid('"base64" must be base64, padded');
  }
  return Buffer.from(base64, 'base64');
}

export function invalid(message: string): CodedError {
  return new CodedError('output-invalid', message);
}
