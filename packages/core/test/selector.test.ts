import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  fieldsOf,
  matchesSelector,
  parseSelector,
  SELECTOR_DEPTH_MAX,
  SELECTOR_FIELDS,
  SELECTOR_LENGTH_MAX,
  SELECTOR_VALUES_MAX,
  type Selector,
  type SelectorFacts,
  selectorText,
} from '../src/selector/index.ts';

const DB: SelectorFacts = {
  agent: 'db-1',
  group: 'eu',
  state: 'Upgrade Failed',
  marks: ['unvalidated', 'manual upgrade required'],
  isBusy: false,
  platform: 'linux-x64',
  version: '2.0.9',
  launcherVersion: null,
  desired: '2.1.0',
  waiting: ['upgrade-failed', 'refused-here'],
  labels: { role: 'db', 'team/owner': 'Ada "the" first' },
};

function selects(text: string, facts: SelectorFacts = DB): boolean {
  const parsed = parseSelector(text);
  if (!parsed.ok) throw new Error(`${text}: ${parsed.message}`);
  return matchesSelector(parsed.selector, facts);
}

test.each([
  ['agent=db-1', true],
  ['agent=db-*', true],
  ['agent=*1', true],
  ['agent=d*-*1', true],
  ['agent=db-1*1', false],
  ['agent="db-*"', false],
  ['agent=DB-1', false],
  ['group in (us, eu)', true],
  ['group in (us, asia)', false],
  ['group!=eu', false],
  ['state=upgrade-failed', true],
  ['state="Upgrade Failed"', true],
  ['state=up', false],
  ['State != Down', true],
  ['mark=manual-upgrade-required', true],
  ['mark=probation', false],
  ['validated=no', true],
  ['quarantined=no and busy=no', true],
  ['platform=linux-x64', true],
  ['version<2.1', true],
  ['version<2.0.9', false],
  ['version<=2.0.9', true],
  ['version>2', true],
  ['version>=3', false],
  ['version=2.0.*', true],
  ['version in (1.0, 2.0.9)', true],
  ['desired=2.1', true],
  ['waiting=refused-here', true],
  ['waiting!=refused-here', false],
  ['waiting=*', true],
  ['label.role=db', true],
  ['label.ROLE=db', false],
  ['label.team/owner="Ada \\"the\\" first"', true],
  ['label.none=*', false],
  ['label.none!=db', true],
  ['group=us or group=eu and version<2', false],
  ['(group=us or group=eu) and version<2.1', true],
  ['not group=eu or version<2.1', true],
  ['not (group=eu or version<2.1)', false],
  ['NOT group=us AND state!=down', true],
  ['group=eu and version<2.1 and state!=down and label.role=db', true],
])('%s is %s of a failed database host', (text, isMeant) => {
  expect(selects(text)).toBe(isMeant);
});

// SE2
test('a version before the one that is compared with is below it, by the rules of SemVer', () => {
  expect(selects('version<2.1', { ...DB, version: '2.1.0-rc.1' })).toBe(true);
  expect(selects('version<2.10', { ...DB, version: '2.9.0' })).toBe(true);
});

test.each(['<', '<=', '>', '>='])('a version that is not known is in no order: %s', (operator) => {
  expect(selects(`launcher.version${operator}1.0.0`)).toBe(false);
  expect(selects(`version${operator}1.0.0`, { ...DB, version: 'garbage' })).toBe(false);
});

test('a version that is not known equals none, and differs from each', () => {
  expect(selects('launcher.version=*')).toBe(false);
  expect(selects('launcher.version!=1.0.0')).toBe(true);
});

test.each([
  ['', 'column 1: it is empty; agent=* selects every agent'],
  ['web-*', 'column 1: this compares nothing: for agents of that name write agent=web-*'],
  ['group=eu and grup=us', 'column 14: there is no field grup; did you mean group?'],
  ['colour=red', /^column 1: there is no field colour; known are agent, .* and label\.NAME$/],
  ['label.=x', /^column 1: there is no field label\./],
  ['group', 'column 6: after group comes one of = != < <= > >= in, not the end'],
  ['group=eu and version', 'column 21: after version comes one of = != < <= > >= in, not the end'],
  ['group eu', 'column 7: after group comes one of = != < <= > >= in, not "eu"'],
  ['group<eu', 'column 6: group has no order: write = or != or in, not <'],
  ['group=', 'column 7: a value is missing before the end'],
  ['group=and', 'column 7: a value is missing before "and"; the word itself is written in quotes'],
  ['group=eu us', 'column 10: write "and" or "or" before "us"'],
  ['group=eu)', 'column 9: no parenthesis is open here'],
  ['(group=eu', 'column 10: the parenthesis of column 1 is not closed before the end'],
  ['group in eu', 'column 10: after "in" comes a list in parentheses: in (a, b)'],
  ['group in (eu', 'column 13: the parenthesis of column 10 is not closed before the end'],
  ['group in ()', 'column 11: a value is missing before ")"'],
  ['group="eu', 'column 7: this quote is not closed'],
  ['group=eu & x', /^column 10: "&" means nothing here/],
  ['state=dwon', 'column 7: state is never "dwon"; did you mean down?'],
  ['state=d*', 'column 7: state takes whole words: down, up, paused, upgrading, upgrade-failed'],
  ['validated=maybe', 'column 11: validated is never "maybe"; known are yes, no'],
  ['waiting=refused', 'column 9: waiting is never "refused"; did you mean refused-here?'],
  ['version<v2', /^column 9: "v2" is no version/],
  ['version<2.*', 'column 9: 2.* is a pattern, and < wants one version'],
  ['and group=eu', 'column 1: a field is missing before "and"'],
])('%j is refused with its place', (text, message) => {
  const parsed = parseSelector(text);
  expect(parsed.ok).toBe(false);
  if (parsed.ok) return;
  if (typeof message === 'string') expect(parsed.message).toBe(message);
  else expect(parsed.message).toMatch(message);
});

test('length, depth and number of values have limits', () => {
  const deep = (levels: number): string => `${'not '.repeat(levels)}group=eu`;
  expect(parseSelector(deep(SELECTOR_DEPTH_MAX)).ok).toBe(true);
  expect(parseSelector(deep(SELECTOR_DEPTH_MAX + 1))).toMatchObject({ ok: false });
  expect(parseSelector(`${'('.repeat(1_500)}group=eu`)).toMatchObject({ ok: false, at: 32 });
  const list = (count: number): string => `group in (${Array(count).fill('x').join(',')})`;
  expect(parseSelector(list(SELECTOR_VALUES_MAX)).ok).toBe(true);
  expect(parseSelector(list(SELECTOR_VALUES_MAX + 1))).toMatchObject({ ok: false });
  const long = `group=${'x'.repeat(SELECTOR_LENGTH_MAX - 6)}`;
  expect(parseSelector(long).ok).toBe(true);
  expect(parseSelector(`${long}x`)).toMatchObject({ ok: false, at: SELECTOR_LENGTH_MAX });
});

test('the example of each field is a selector of that field', () => {
  for (const [name, { example }] of Object.entries(SELECTOR_FIELDS)) {
    const parsed = parseSelector(example);
    expect(parsed.ok && [...fieldsOf(parsed.selector)], example).toEqual([name]);
  }
});

const version = fc.constantFrom('1.0.0', '2.0.9', '2.1.0-rc.1', '2.1.0', '10.0.0');
const text = fc.oneof(fc.string(), fc.constantFrom('eu', 'and', 'a*b', '"', '\\', 'ü'));
const literal = (of: fc.Arbitrary<string>) => of.map((value) => ({ text: value, isGlob: false }));
const glob = fc
  .tuple(fc.constantFrom('', 'web', '2.'), fc.constantFrom('', '-1', '.0'))
  .map(([start, end]) => ({ text: `${start}*${end}`, isGlob: true }));

function comparisonOf(
  field: fc.Arbitrary<string>,
  value: fc.Arbitrary<{ text: string; isGlob: boolean }>,
): fc.Arbitrary<Selector> {
  return fc.oneof(
    fc.record({
      kind: fc.constant('comparison' as const),
      field,
      operator: fc.constantFrom('=' as const, '!=' as const),
      values: fc.tuple(value),
    }),
    fc.record({
      kind: fc.constant('comparison' as const),
      field,
      operator: fc.constant('in' as const),
      values: fc.array(value, { minLength: 1, maxLength: 4 }),
    }),
  );
}

const comparison: fc.Arbitrary<Selector> = fc.oneof(
  comparisonOf(fc.constantFrom('agent', 'group', 'label.role'), fc.oneof(literal(text), glob)),
  comparisonOf(fc.constant('state'), literal(fc.constantFrom('down', 'up', 'upgrade-failed'))),
  comparisonOf(fc.constantFrom('version', 'desired'), fc.oneof(literal(version), glob)),
  fc.record({
    kind: fc.constant('comparison' as const),
    field: fc.constantFrom('version', 'launcher.version'),
    operator: fc.constantFrom('<' as const, '<=' as const, '>' as const, '>=' as const),
    values: fc.tuple(literal(version)),
  }),
);

const { selector } = fc.letrec<{ selector: Selector }>((tie) => ({
  selector: fc.oneof(
    { maxDepth: 4 },
    comparison,
    fc.record({ kind: fc.constant('not' as const), term: tie('selector') }),
    fc.record({
      kind: fc.constantFrom('and' as const, 'or' as const),
      terms: fc.array(tie('selector'), { minLength: 2, maxLength: 3 }),
    }),
  ),
}));

const facts: fc.Arbitrary<SelectorFacts> = fc.record({
  agent: fc.oneof(text, fc.constantFrom('web', 'web-1')),
  group: text,
  state: fc.constantFrom('Down' as const, 'Up' as const, 'Upgrade Failed' as const),
  marks: fc.subarray(['unvalidated', 'probation', 'quarantined']),
  isBusy: fc.boolean(),
  platform: fc.constantFrom('', 'linux-x64'),
  version: fc.oneof(fc.constant(null), version, fc.string()),
  launcherVersion: fc.oneof(fc.constant(null), version),
  desired: fc.oneof(fc.constant(null), version),
  waiting: fc.subarray(['agent-down', 'refused-here']),
  labels: fc.dictionary(fc.constantFrom('role', '__proto__'), text),
});

// SE3
test('what is printed is read as the same selector', () => {
  fc.assert(
    fc.property(selector, (one) => {
      expect(parseSelector(selectorText(one))).toEqual({ ok: true, selector: one });
    }),
  );
});

// SE1
test('rubbish is answered with a place in the text, and never thrown at', () => {
  const words = fc.constantFrom(
    'group',
    'version',
    '=',
    '<',
    'and',
    'or',
    'not',
    '(',
    ')',
    '"',
    'in',
    ',',
    '2.1',
    '*',
    ' ',
  );
  const rubbish = fc.oneof(
    fc.string(),
    fc.array(words, { maxLength: 20 }).map((all) => all.join('')),
  );
  fc.assert(
    fc.property(rubbish, (one) => {
      const parsed = parseSelector(one);
      if (parsed.ok) return;
      expect(parsed.at).toBeGreaterThanOrEqual(0);
      expect(parsed.at).toBeLessThanOrEqual(one.length);
      expect(parsed.message.startsWith(`column ${parsed.at + 1}: `)).toBe(true);
    }),
    { numRuns: 1_000 },
  );
});

test('not of not is the thing itself, and and is or turned inside out', () => {
  fc.assert(
    fc.property(selector, selector, facts, (a, b, of) => {
      const not = (term: Selector): Selector => ({ kind: 'not', term });
      expect(matchesSelector(not(not(a)), of)).toBe(matchesSelector(a, of));
      expect(matchesSelector(not({ kind: 'and', terms: [a, b] }), of)).toBe(
        matchesSelector({ kind: 'or', terms: [not(a), not(b)] }, of),
      );
    }),
  );
});

test('each agent is meant by = or by !=, never by both', () => {
  fc.assert(
    fc.property(fc.oneof(literal(text), glob), facts, (value, of) => {
      for (const field of ['agent', 'label.role', 'version']) {
        const with_ = (operator: '=' | '!='): boolean =>
          matchesSelector({ kind: 'comparison', field, operator, values: [value] }, of);
        expect(with_('=')).toBe(!with_('!='));
      }
    }),
  );
});

const PAGE = fileURLToPath(new URL('../../../docs/selectors.md', import.meta.url));

test('docs/selectors.md has the table of fields, and its selectors can be read', () => {
  const page = readFileSync(PAGE, 'utf8');
  expect(page).toContain(fieldTable());
  const shown = [...page.matchAll(/`((?:not )?[a-z.]+(?:=| ?!=|<|>| in \()[^`]*)`/g)];
  expect(shown.length).toBeGreaterThan(20);
  for (const [, one = ''] of shown) expect(parseSelector(one), one).toMatchObject({ ok: true });
});

test('docs/selectors.md says the limits', () => {
  const limits = [SELECTOR_LENGTH_MAX, SELECTOR_VALUES_MAX, SELECTOR_DEPTH_MAX];
  const [length, values, depth] = limits.map((limit) => limit.toLocaleString('en'));
  expect(readFileSync(PAGE, 'utf8')).toContain(
    `at most ${length} characters, ${values} values and ${depth} levels`,
  );
});

function fieldTable(): string {
  const label = ['label.NAME', 'text', 'a label of the agent, by its name', 'label.role=db'];
  const rows = Object.entries(SELECTOR_FIELDS).map(([name, field]) => [
    name,
    field.type === 'word' ? wordsOf(name, field.words) : field.type,
    field.means,
    field.example,
  ]);
  return [...rows, label]
    .map(([name, type, means, example]) => `| \`${name}\` | ${type} | ${means} | \`${example}\` |`)
    .join('\n');
}

/** The hold reasons have a page of their own. */
function wordsOf(name: string, words: readonly string[]): string {
  return name === 'waiting' ? '[hold reasons](spec/reasons.md)' : words.join(', ');
}
