import { expect, test } from 'vitest';
import { type Owned, ownershipTroubles } from '../src/ownership.ts';

const OWN = 990;
const owned = (kind: Owned['kind'], uid: number, mode: number): Owned => ({
  ...{ kind, uid, mode },
  path: '/x',
});

test.each([
  [owned('key', OWN, 0o100600), null],
  [owned('key', OWN, 0o100400), null],
  [owned('key', OWN, 0o100640), '/x can be read or written by others (0640): chmod 600 /x'],
  [owned('key', OWN, 0o100604), '/x can be read or written by others (0604): chmod 600 /x'],
  [owned('key', 0, 0o100600), '/x belongs to user 0: chown 990 /x'],
  [owned('state', OWN, 0o40710), null],
  [owned('state', OWN, 0o40712), 'anybody may write /x (0712): chmod o-w /x'],
  [owned('state', 0, 0o40700), '/x belongs to user 0: chown 990 /x'],
  [owned('given', 0, 0o40755), null],
  [owned('given', OWN, 0o40775), null],
  [owned('given', 1000, 0o40755), '/x belongs to user 1000: chown 990 /x'],
  [owned('given', 0, 0o41777), 'anybody may write /x (1777): chmod o-w /x'],
  [owned('above', 0, 0o41777), null],
  [owned('above', 65_534, 0o40755), null],
  [owned('above', 0, 0o40777), 'anybody may write /x (0777): chmod o-w /x'],
  [owned('above', 1000, 0o40755), '/x belongs to user 1000: chown 990 /x'],
] as const)('PF11 T8: %j: %s', (one, trouble) => {
  expect(ownershipTroubles([one], OWN)).toEqual(trouble === null ? [] : [trouble]);
});
