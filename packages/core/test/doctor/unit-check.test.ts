import { expect, test } from 'vitest';
import { unitCheck } from '../../src/doctor/index.ts';

const UNIT = {
  ...{ name: 'moult-agent.service', path: '/u/moult-agent.service', text: 'T', found: 'T' },
  systemd: { isEnabled: true, isActive: true, needsReload: false },
};
const { systemd } = UNIT;

test.each([
  [{}, 'pass', null],
  // Of a root of its own that systemd does not know: the text alone is held against it.
  [{ systemd: null }, 'pass', null],
  [{ found: null }, 'warn', 'unit-missing'],
  [{ systemd: { ...systemd, isActive: false } }, 'fail', 'unit-inactive'],
  [{ found: 'another' }, 'warn', 'unit-other'],
  [{ systemd: { ...systemd, isEnabled: false } }, 'warn', 'unit-other'],
  [{ systemd: { ...systemd, needsReload: true } }, 'warn', 'unit-other'],
] as const)('DR3: a unit with %j: %s %s', (change, outcome, code) => {
  expect(unitCheck({ ...UNIT, ...change })).toMatchObject({ outcome, code });
});
