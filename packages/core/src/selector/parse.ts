/*
 * selector   = conjunction { "or" conjunction }
 * conjunction = negation { "and" negation }
 * negation   = "not" negation | "(" selector ")" | comparison
 * comparison = FIELD ( "=" | "!=" | "<" | "<=" | ">" | ">=" ) VALUE | FIELD "in" "(" VALUE { "," VALUE } ")"
 */
import { nearestOf } from '../nearest.ts';
import { fieldNamed, LABEL_PREFIX, SELECTOR_FIELDS, type SelectorField } from './fields.ts';
import {
  type Operator,
  SELECTOR_DEPTH_MAX,
  SELECTOR_LENGTH_MAX,
  SELECTOR_VALUES_MAX,
  type Selector,
} from './selector.ts';
import { SelectorFault, type Token, tokensOf } from './tokens.ts';
import { readValue } from './values.ts';

export type ParsedSelector =
  | { readonly ok: true; readonly selector: Selector }
  /** `at` is the offset of the fault in the text, from 0; the message says its column, from 1. */
  | { readonly ok: false; readonly at: number; readonly message: string };

/** SE1: never throws, whatever the text. */
export function parseSelector(text: string): ParsedSelector {
  try {
    if (text.length > SELECTOR_LENGTH_MAX) {
      throw new SelectorFault(
        SELECTOR_LENGTH_MAX,
        `a selector has at most ${SELECTOR_LENGTH_MAX} characters, this one has ${text.length}`,
      );
    }
    return { ok: true, selector: new Parser(tokensOf(text)).whole() };
  } catch (caught) {
    if (!(caught instanceof SelectorFault)) throw caught;
    return { ok: false, at: caught.at, message: `column ${caught.at + 1}: ${caught.message}` };
  }
}

const KEYWORDS: readonly string[] = ['and', 'or', 'not', 'in'];
const OPERATORS: readonly string[] = ['=', '!=', '<', '<=', '>', '>='] satisfies Operator[];

class Parser {
  readonly #tokens: readonly Token[];
  #next = 0;
  #depth = 0;
  #values = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  whole(): Selector {
    if (this.#peek().kind === 'end') {
      throw new SelectorFault(0, 'it is empty; agent=* selects every agent');
    }
    const selector = this.#joined('or');
    const rest = this.#peek();
    if (rest.kind === 'end') return selector;
    if (isSymbol(rest, ')')) throw new SelectorFault(rest.at, 'no parenthesis is open here');
    throw new SelectorFault(rest.at, `write "and" or "or" before ${shown(rest)}`);
  }

  #joined(kind: 'or' | 'and'): Selector {
    const part = (): Selector => (kind === 'or' ? this.#joined('and') : this.#negation());
    const first = part();
    const terms = [first];
    while (this.#takeKeyword(kind)) terms.push(part());
    return terms.length === 1 ? first : { kind, terms };
  }

  #negation(): Selector {
    const token = this.#peek();
    if (isKeyword(token, 'not')) {
      this.#take();
      return this.#deeper(token.at, () => ({ kind: 'not', term: this.#negation() }));
    }
    if (isSymbol(token, '(')) {
      this.#take();
      const inner = this.#deeper(token.at, () => this.#joined('or'));
      this.#closing(token);
      return inner;
    }
    return this.#comparison();
  }

  #deeper(at: number, inner: () => Selector): Selector {
    if (this.#depth >= SELECTOR_DEPTH_MAX) {
      throw new SelectorFault(at, `more than ${SELECTOR_DEPTH_MAX} levels inside each other`);
    }
    this.#depth += 1;
    const selector = inner();
    this.#depth -= 1;
    return selector;
  }

  #comparison(): Selector {
    const token = this.#take();
    if (token.kind !== 'word' || isAnyKeyword(token)) {
      throw new SelectorFault(token.at, `a field is missing before ${shown(token)}`);
    }
    const written = token.text;
    const name = written.toLowerCase().startsWith(LABEL_PREFIX) ? written : written.toLowerCase();
    const field = fieldNamed(name);
    if (field === null) throw unknownField(token.at, written, this.#peek());
    const operator = this.#operator({ name, field });
    const values = operator === 'in' ? this.#list() : [this.#value()];
    return {
      kind: 'comparison',
      field: name,
      operator,
      values: values.map((value) => readValue(value, { name, field, operator })),
    };
  }

  #operator(of: { readonly name: string; readonly field: SelectorField }): Operator {
    const token = this.#take();
    if (isKeyword(token, 'in')) return 'in';
    if (token.kind !== 'symbol' || !OPERATORS.includes(token.text)) {
      throw new SelectorFault(
        token.at,
        `after ${of.name} comes one of ${OPERATORS.join(' ')} in, not ${shown(token)}`,
      );
    }
    const operator = token.text as Operator;
    if (of.field.type !== 'version' && operator !== '=' && operator !== '!=') {
      throw new SelectorFault(
        token.at,
        `${of.name} has no order: write = or != or in, not ${operator}`,
      );
    }
    return operator;
  }

  #list(): readonly Token[] {
    const opening = this.#take();
    if (!isSymbol(opening, '(')) {
      throw new SelectorFault(opening.at, 'after "in" comes a list in parentheses: in (a, b)');
    }
    const values = [this.#value()];
    while (isSymbol(this.#peek(), ',')) {
      this.#take();
      values.push(this.#value());
    }
    this.#closing(opening);
    return values;
  }

  #value(): Token {
    const token = this.#take();
    if (isAnyKeyword(token)) {
      throw new SelectorFault(
        token.at,
        `a value is missing before ${shown(token)}; the word itself is written in quotes`,
      );
    }
    if (token.kind !== 'word' && token.kind !== 'quoted') {
      throw new SelectorFault(token.at, `a value is missing before ${shown(token)}`);
    }
    this.#values += 1;
    if (this.#values > SELECTOR_VALUES_MAX) {
      throw new SelectorFault(token.at, `more than ${SELECTOR_VALUES_MAX} values`);
    }
    return token;
  }

  #closing(opening: Token): void {
    const token = this.#take();
    if (isSymbol(token, ')')) return;
    throw new SelectorFault(
      token.at,
      `the parenthesis of column ${opening.at + 1} is not closed before ${shown(token)}`,
    );
  }

  #takeKeyword(keyword: string): boolean {
    if (!isKeyword(this.#peek(), keyword)) return false;
    this.#take();
    return true;
  }

  #peek(): Token {
    return this.#tokens[this.#next] ?? END;
  }

  #take(): Token {
    const token = this.#peek();
    // The end is never passed: asking again finds it again.
    if (token.kind !== 'end') this.#next += 1;
    return token;
  }
}

const END: Token = { kind: 'end', at: 0, end: 0 };

function unknownField(at: number, written: string, next: Token): SelectorFault {
  if (next.kind === 'end' && at === 0) {
    return new SelectorFault(
      at,
      `this compares nothing: for agents of that name write agent=${written}`,
    );
  }
  const near = nearestOf(written, [...Object.keys(SELECTOR_FIELDS), `${LABEL_PREFIX}NAME`]);
  const hint =
    near === null
      ? `known are ${Object.keys(SELECTOR_FIELDS).join(', ')} and ${LABEL_PREFIX}NAME`
      : `did you mean ${near}?`;
  return new SelectorFault(at, `there is no field ${written}; ${hint}`);
}

function isSymbol(token: Token, text: string): boolean {
  return token.kind === 'symbol' && token.text === text;
}

function isKeyword(token: Token, keyword: string): boolean {
  return token.kind === 'word' && token.text.toLowerCase() === keyword;
}

function isAnyKeyword(token: Token): boolean {
  return KEYWORDS.some((keyword) => isKeyword(token, keyword));
}

function shown(token: Token): string {
  return token.kind === 'end' ? 'the end' : JSON.stringify(token.text);
}
