/*
 * A selector says which agents are meant: `group=eu and version<2.1 and not state=down`. Text is read once into this
 * tree (`parseSelector`), with the place of whatever is wrong; the tree is then held against the facts of one agent
 * after the other (`matchesSelector`), which cannot fail.
 */

export type Selector =
  | { readonly kind: 'and' | 'or'; readonly terms: readonly Selector[] }
  | { readonly kind: 'not'; readonly term: Selector }
  | Comparison;

export interface Comparison {
  readonly kind: 'comparison';
  /** A name of `SELECTOR_FIELDS`, or `label.` and the name of a label. */
  readonly field: string;
  readonly operator: Operator;
  /** One; with `in` one or more. */
  readonly values: readonly SelectorValue[];
}

export type Operator = '=' | '!=' | '<' | '<=' | '>' | '>=' | 'in';

/** A glob is what was written without quotes and with a star in it. */
export interface SelectorValue {
  readonly text: string;
  readonly isGlob: boolean;
}

/** Three times that, percent-encoded, is still below the 16 KiB that HTTP servers take for a request line and headers. */
export const SELECTOR_LENGTH_MAX = 4_096;
/** Parentheses and nots inside each other: bounds the recursion here, and what a person can still read. */
export const SELECTOR_DEPTH_MAX = 32;
/** Values compared with: bounds the work for each of some ten thousand agents. */
export const SELECTOR_VALUES_MAX = 256;

/** The names of the fields that it asks for: what nobody asks need not be read. */
export function fieldsOf(selector: Selector): ReadonlySet<string> {
  switch (selector.kind) {
    case 'comparison':
      return new Set([selector.field]);
    case 'not':
      return fieldsOf(selector.term);
    case 'and':
    case 'or':
      return new Set(selector.terms.flatMap((term) => [...fieldsOf(term)]));
  }
}
