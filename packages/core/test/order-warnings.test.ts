import { expect, test } from 'vitest';
import { NO_CHANGES } from '../src/changed-files.ts';
import { orderWarnings } from '../src/command/index.ts';

const PLAIN = {
  component: 'agent',
  capabilities: ['auto-upgrade'],
  hasNoLauncher: false,
  version: '1.0.0',
  changes: NO_CHANGES,
} as const;
const FILE = {
  path: 'lib/agent.cjs',
  how: 'changed',
  sha256: null,
  bytes: 1,
  modifiedMs: 1,
} as const;

test('who can be upgraded like any other, or was never seen, is ordered without a warning', () => {
  expect(orderWarnings(PLAIN)).toEqual([]);
  expect(orderWarnings({ ...PLAIN, capabilities: null })).toEqual([]);
});

test('H14 H16: without a launcher, and changed by hand: both are said', () => {
  const changes = { files: [FILE], count: 1 };
  const warnings = orderWarnings({ ...PLAIN, hasNoLauncher: true, changes });
  expect(warnings.map(({ code }) => code)).toEqual(['no-launcher', 'changed-by-hand']);
  expect(warnings[1]?.message).toBe(
    'agent 1.0.0 was changed by hand: lib/agent.cjs (changed); what was changed is kept aside before it is replaced, and not put back',
  );
});

test('H15: of one that is too old nothing else matters, for nothing is sent to it', () => {
  const warnings = orderWarnings({ ...PLAIN, capabilities: ['cleanup'], hasNoLauncher: true });
  expect(warnings).toEqual([
    {
      code: 'manual-upgrade-required',
      message:
        'the agent is too old to upgrade itself, and is sent nothing: install the current version on the host by hand',
    },
  ]);
});
