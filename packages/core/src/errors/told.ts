/*
 * A failure as texts carry it that travel between programs and versions: `code: message`, where the message of a failure
 * that has a general name begins with the code of its cause.
 */
import { CATALOGUE, type ErrorCode } from './catalogue.ts';

export interface Told {
  readonly code: ErrorCode;
  readonly message: string;
  /** Of the innermost cause that has a code: it says most. */
  readonly remedy: string;
}

/** Names within names; there are two today. */
const CODES_MAX = 4;
const BEGINS_WITH_CODE = /^([a-z][a-z0-9-]+): /;

/** Null: it begins with no code that this version knows. */
export function toldIn(text: string): Told | null {
  const [code, ...causes] = codesOf(text);
  if (code === undefined) return null;
  const { remedy } = CATALOGUE[causes.at(-1) ?? code];
  return { code, message: text.slice(code.length + 2), remedy };
}

function codesOf(text: string): readonly ErrorCode[] {
  const codes: ErrorCode[] = [];
  let rest = text;
  while (codes.length < CODES_MAX) {
    const code = BEGINS_WITH_CODE.exec(rest)?.[1];
    if (code === undefined || !Object.hasOwn(CATALOGUE, code)) break;
    codes.push(code as ErrorCode);
    rest = rest.slice(code.length + 2);
  }
  return codes;
}
