import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { changedLabels, LABELS_MAX, labelsAmong, labelsOf, labelTrouble } from '../src/labels.ts';

describe('labels', () => {
  test.each([
    ['role', 'db'],
    ['topology/zone.a', 'eu west (1)'],
    ['Owner_2', 'Ada Lovelace'],
  ])('%s=%s can be given', (name, value) => {
    expect(labelTrouble(name, value)).toBeNull();
  });

  test.each([
    ['', 'db', /no name of a label/],
    ['-role', 'db', /no name of a label/],
    ['__proto__', 'db', /no name of a label/],
    ['ro le', 'db', /no name of a label/],
    ['r'.repeat(64), 'db', /at most 63/],
    ['role', '', /1 to 63 characters/],
    ['role', '  ', /1 to 63 characters/],
    ['role', 'a\nb', /on one line/],
    ['role', '\u001b[31m', /on one line/],
    ['role', 'd'.repeat(64), /1 to 63 characters/],
  ])('%j=%j cannot, and says why', (name, value, why) => {
    expect(labelTrouble(name, value)).toMatch(why);
  });

  test('SE7: whatever a host says, few labels come of it, each whole, and the same ones are the same text', () => {
    const said = fc.array(fc.record({ name: fc.string(), value: fc.string() }), { maxLength: 99 });
    fc.assert(
      fc.property(said, (pairs) => {
        const labels = Object.entries(labelsAmong(pairs));
        expect(labels.length).toBeLessThanOrEqual(LABELS_MAX);
        for (const [name, value] of labels) expect(labelTrouble(name, value)).toBeNull();
      }),
    );
    // Also of names that look like numbers, which a record puts first.
    const name = fc.stringMatching(/^[a-c0-2]{1,2}$/);
    const some = fc.uniqueArray(fc.record({ name, value: fc.constant('x') }), {
      selector: (label) => label.name,
      maxLength: LABELS_MAX,
    });
    fc.assert(
      fc.property(some, (pairs) => {
        const text = JSON.stringify(labelsAmong(pairs));
        expect(JSON.stringify(labelsAmong(pairs.toReversed()))).toBe(text);
        expect(Object.keys(JSON.parse(text))).toHaveLength(pairs.length);
      }),
    );
    const twice = [
      { name: 'role', value: 'db' },
      { name: 'role', value: 'web' },
    ];
    expect(labelsAmong(twice)).toEqual({ role: 'db' });
  });

  test('SE7: of two with one name the operators’ holds, and taken away the host’s holds again', () => {
    const host = { role: 'web', zone: 'b' };
    const given = changedLabels({ tier: '1' }, { set: { role: 'db' }, remove: ['tier', 'none'] });
    expect(labelsOf({ host, given })).toEqual({ role: 'db', zone: 'b' });
    const left = changedLabels(given, { set: {}, remove: ['role'] });
    expect(labelsOf({ host, given: left })).toEqual(host);
  });
});
