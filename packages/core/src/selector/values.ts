/* What may be compared with a field, in the one form in which it is compared. */
import { nearestOf } from '../nearest.ts';
import { isVersion } from '../versions.ts';
import { type SelectorField, wordOf } from './fields.ts';
import type { Operator, SelectorValue } from './selector.ts';
import { SelectorFault, type Token } from './tokens.ts';

const PARTIAL_VERSION = /^\d+(\.\d+)?$/;

interface ValueOf {
  readonly name: string;
  readonly field: SelectorField;
  readonly operator: Operator;
}

/** Throws `SelectorFault`. */
export function readValue(token: Token, of: ValueOf): SelectorValue {
  const text = token.kind === 'end' ? '' : token.text;
  if (token.kind === 'word' && text.includes('*')) return globOf(text, token.at, of);
  switch (of.field.type) {
    case 'text':
      return { text, isGlob: false };
    case 'version':
      return { text: versionOf(text, token.at), isGlob: false };
    case 'word': {
      const word = wordOf(text);
      if (of.field.words.includes(word)) return { text: word, isGlob: false };
      throw unknownWord({ word, at: token.at, name: of.name, words: of.field.words });
    }
  }
}

/** A star alone is any value at all. Words of a closed list are too few to need more. */
function globOf(text: string, at: number, of: ValueOf): SelectorValue {
  const { name, field, operator } = of;
  if (operator !== '=' && operator !== '!=' && operator !== 'in') {
    throw new SelectorFault(at, `${text} is a pattern, and ${operator} wants one version`);
  }
  if (field.type === 'word' && text !== '*') {
    throw new SelectorFault(at, `${name} takes whole words: ${field.words.join(', ')}`);
  }
  return { text, isGlob: true };
}

/** `2.1` is 2.1.0. */
function versionOf(text: string, at: number): string {
  const missing = PARTIAL_VERSION.test(text) ? (text.includes('.') ? '.0' : '.0.0') : '';
  const version = `${text}${missing}`;
  if (isVersion(version)) return version;
  const shown = JSON.stringify(text);
  throw new SelectorFault(
    at,
    `${shown} is no version; write 2, 2.1, 2.1.0 or 2.1.0-rc.1, or after = a pattern: 2.1.*`,
  );
}

function unknownWord(of: {
  readonly word: string;
  readonly at: number;
  readonly name: string;
  readonly words: readonly string[];
}): SelectorFault {
  const begun = of.word === '' ? undefined : of.words.find((known) => known.startsWith(of.word));
  const near = begun ?? nearestOf(of.word, of.words);
  const hint = near === null ? `known are ${of.words.join(', ')}` : `did you mean ${near}?`;
  return new SelectorFault(of.at, `${of.name} is never ${JSON.stringify(of.word)}; ${hint}`);
}
