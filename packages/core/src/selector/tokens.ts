/* The words of a selector's text, each with its place. */

export type Token = {
  /** Offset of its first character in the text, from 0. */
  readonly at: number;
  /** Offset behind its last character. */
  readonly end: number;
} & (
  | { readonly kind: 'word' | 'quoted'; readonly text: string }
  | { readonly kind: 'symbol'; readonly text: string }
  | { readonly kind: 'end' }
);

/** Something in the text is wrong, here. */
export class SelectorFault extends Error {
  readonly at: number;

  constructor(at: number, message: string) {
    super(message);
    this.at = at;
  }
}

const BLANK = /\s/y;
const WORD = /[A-Za-z0-9._*/:@+-]+/y;
const SYMBOL = /!=|<=|>=|[=<>(),]/y;

/** Throws `SelectorFault`. The last token is the end. */
export function tokensOf(text: string): readonly Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < text.length) {
    if (matchAt(BLANK, text, at) !== null) {
      at += 1;
      continue;
    }
    const token = tokenAt(text, at);
    tokens.push(token);
    at = token.end;
  }
  tokens.push({ kind: 'end', at, end: at });
  return tokens;
}

function tokenAt(text: string, at: number): Token {
  if (text[at] === '"') return quotedAt(text, at);
  const word = matchAt(WORD, text, at);
  if (word !== null) return { kind: 'word', text: word, at, end: at + word.length };
  const symbol = matchAt(SYMBOL, text, at);
  if (symbol !== null) return { kind: 'symbol', text: symbol, at, end: at + symbol.length };
  const character = String.fromCodePoint(text.codePointAt(at) ?? 0);
  throw new SelectorFault(
    at,
    `${JSON.stringify(character)} means nothing here; values that hold it are written in quotes ("…")`,
  );
}

/** A backslash takes the special meaning from a quote and from itself. */
function quotedAt(text: string, at: number): Token {
  let value = '';
  for (let end = at + 1; end < text.length; end += 1) {
    const character = text[end] ?? '';
    if (character === '"') return { kind: 'quoted', text: value, at, end: end + 1 };
    const next = text[end + 1] ?? '';
    const isEscape = character === '\\' && (next === '"' || next === '\\');
    value += isEscape ? next : character;
    if (isEscape) end += 1;
  }
  throw new SelectorFault(at, 'this quote is not closed');
}

function matchAt(pattern: RegExp, text: string, at: number): string | null {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0] ?? null;
}
