/*
 * Whether one agent is meant (SE2). Total: it gives an answer for all facts. `!=` is always the opposite of `=`, so that `not`
 * means what it says; a field that an agent has no value for equals nothing and has no order.
 */
import { compareVersions, isVersion } from '../versions.ts';
import { fieldNamed, type SelectorFacts } from './fields.ts';
import type { Comparison, Operator, Selector, SelectorValue } from './selector.ts';

export function matchesSelector(selector: Selector, facts: SelectorFacts): boolean {
  switch (selector.kind) {
    case 'and':
      return selector.terms.every((term) => matchesSelector(term, facts));
    case 'or':
      return selector.terms.some((term) => matchesSelector(term, facts));
    case 'not':
      return !matchesSelector(selector.term, facts);
    case 'comparison':
      return matchesComparison(selector, facts);
  }
}

function matchesComparison(comparison: Comparison, facts: SelectorFacts): boolean {
  const { operator, values } = comparison;
  const own = fieldNamed(comparison.field)?.of(facts) ?? [];
  const isAny = values.some((value) => own.some((text) => isInOrder(operator, text, value)));
  return operator === '!=' ? !isAny : isAny;
}

function isInOrder(operator: Operator, text: string, value: SelectorValue): boolean {
  switch (operator) {
    case '=':
    case '!=':
    case 'in':
      return value.isGlob ? matchesGlob(value.text, text) : text === value.text;
    case '<':
      return orderOf(text, value.text) < 0;
    case '<=':
      return orderOf(text, value.text) <= 0;
    case '>':
      return orderOf(text, value.text) > 0;
    case '>=':
      return orderOf(text, value.text) >= 0;
  }
}

/** Below 0, 0, above 0; NaN, which is in no order, where one of them is no version: hosts say what they like. */
function orderOf(a: string, b: string): number {
  return isVersion(a) && isVersion(b) ? compareVersions(a, b) : Number.NaN;
}

/** A star stands for any characters, also none. By hand: a regular expression made from a pattern can take for ever. */
export function matchesGlob(pattern: string, text: string): boolean {
  const [first = '', ...rest] = pattern.split('*');
  const last = rest.pop();
  if (last === undefined) return text === pattern;
  if (!text.startsWith(first) || !text.endsWith(last)) return false;
  let from = first.length;
  for (const part of rest) {
    const at = text.indexOf(part, from);
    if (at < 0) return false;
    from = at + part.length;
  }
  return from + last.length <= text.length;
}
