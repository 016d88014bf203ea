/*
 * DG3: secrets that are known are looked for in all that goes into the file, in every form that a program may have
 * written them in: as they are, inside JSON or an address, as base64 or hex, also inside of what else was encoded.
 */
import { leftOut, type SecretKind } from './secrets.ts';

export interface Secret {
  readonly kind: SecretKind;
  /** Text, or the bytes of a key. */
  readonly value: string | Uint8Array;
}

/** A shorter one stands in every other word: it is kept out by its place alone. */
export const SECRET_LENGTH_MIN = 6;
/** Each is looked for a dozen times in everything; beyond it the later ones are kept out by their place alone. */
export const SECRETS_MAX = 1_000;

export class Concealer {
  readonly #forms: readonly { readonly text: string; readonly kind: SecretKind }[];

  constructor(secrets: readonly Secret[]) {
    const kinds = new Map<string, SecretKind>();
    for (const { kind, value } of secrets.slice(0, SECRETS_MAX)) {
      for (const text of formsOf(value)) if (!kinds.has(text)) kinds.set(text, kind);
    }
    // The longest first: what is left of a secret after a part of it was taken out is still a part of a secret.
    this.#forms = [...kinds]
      .map(([text, kind]) => ({ text, kind }))
      .toSorted((a, b) => b.text.length - a.text.length);
  }

  conceal(text: string): string {
    let concealed = text;
    for (const { text: form, kind } of this.#forms) {
      if (concealed.includes(form)) concealed = concealed.replaceAll(form, () => leftOut(kind));
    }
    return concealed;
  }
}

function formsOf(value: string | Uint8Array): readonly string[] {
  const bytes = typeof value === 'string' ? utf8(value) : value;
  if (bytes.length < SECRET_LENGTH_MIN) return [];
  const encoded = [...base64Forms(bytes), hexOf(bytes), hexOf(bytes).toUpperCase()];
  if (typeof value !== 'string') return encoded;
  return [value, JSON.stringify(value).slice(1, -1), percentOf(value), ...encoded];
}

/** Lone halves of pairs cannot be encoded, nor be in a file. */
function percentOf(text: string): string {
  return encodeURIComponent(text.replaceAll(/\p{Cs}/gu, '\uFFFD'));
}

function utf8(text: string): Uint8Array {
  const bytes: number[] = [];
  const escaped = percentOf(text);
  for (let at = 0; at < escaped.length; at++) {
    const isEscaped = escaped[at] === '%';
    bytes.push(
      isEscaped ? Number.parseInt(escaped.slice(at + 1, at + 3), 16) : escaped.charCodeAt(at),
    );
    if (isEscaped) at += 2;
  }
  return Uint8Array.from(bytes);
}

function hexOf(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const BITS = { byte: 8, letter: 6 } as const;

/** Within other bytes it may begin at each of three places of a group: of each, the letters that are its own alone. */
function base64Forms(bytes: Uint8Array): readonly string[] {
  return [0, 1, 2].flatMap((shift) => {
    const letters = base64Of([...new Uint8Array(shift), ...bytes]);
    const first = Math.ceil((shift * BITS.byte) / BITS.letter);
    const last = Math.floor(((shift + bytes.length) * BITS.byte) / BITS.letter);
    const form = letters.slice(first, last);
    return form.length < SECRET_LENGTH_MIN
      ? []
      : [form, form.replaceAll('+', '-').replaceAll('/', '_')];
  });
}

/** Without padding. */
function base64Of(bytes: readonly number[]): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 3) {
    const [a = 0, b = 0, c = 0] = bytes.slice(at, at + 3);
    const group = (a << 16) | (b << 8) | c;
    for (const place of [18, 12, 6, 0]) text += ALPHABET[(group >> place) & 63];
  }
  return text.slice(0, Math.ceil((bytes.length * BITS.byte) / BITS.letter));
}
