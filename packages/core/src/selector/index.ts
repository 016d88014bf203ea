export { SELECTOR_FIELDS, type SelectorFacts, type SelectorField } from './fields.ts';
export { matchesSelector } from './matches.ts';
export { type ParsedSelector, parseSelector } from './parse.ts';
export { selectorText } from './print.ts';
export {
  fieldsOf,
  SELECTOR_DEPTH_MAX,
  SELECTOR_LENGTH_MAX,
  SELECTOR_VALUES_MAX,
  type Selector,
} from './selector.ts';
