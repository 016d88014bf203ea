/* The text of a selector: reading it gives the same one again (SE3). */
import type { Selector, SelectorValue } from './selector.ts';

const BARE = /^(?!(?:and|or|not|in)$)[A-Za-z0-9._/:@+-]+$/i;

export function selectorText(selector: Selector): string {
  switch (selector.kind) {
    case 'comparison': {
      const { field, operator, values } = selector;
      const list = values.map(valueText).join(', ');
      return operator === 'in' ? `${field} in (${list})` : `${field}${operator}${list}`;
    }
    case 'not':
      return `not ${inside(selector.term)}`;
    case 'and':
    case 'or':
      return selector.terms.map(inside).join(` ${selector.kind} `);
  }
}

function inside(selector: Selector): string {
  const text = selectorText(selector);
  return selector.kind === 'and' || selector.kind === 'or' ? `(${text})` : text;
}

function valueText(value: SelectorValue): string {
  if (value.isGlob || BARE.test(value.text)) return value.text;
  return `"${value.text.replace(/["\\]/g, '\\$&')}"`;
}
