/*
 * Who may write what an agent runs from, or read what it proves itself with. Whoever else could is the agent, on this host and
 * at its coordinator: an agent that finds it so does not start.
 */

/** *Key*: nobody else may read it. *Closed*: its owner's alone. *State*: the agent's alone to write. *Given*: root's or the agent's. *Above*: a directory on the way to one of them. */
export type OwnedKind = 'key' | 'closed' | 'state' | 'given' | 'above';

export interface Owned {
  readonly kind: OwnedKind;
  readonly path: string;
  readonly uid: number;
  /** Permission bits, with the sticky one. */
  readonly mode: number;
}

const ROOT_UID = 0;
/** What the kernel shows in a user namespace for an owner that has no name there: not one of its users. */
const NOBODYS_UID = 65_534;
const STICKY = 0o1000;
const WRITABLE_BY_ALL = 0o002;
const OF_OTHERS = 0o077;
const OF_ALL = 0o007;

/** Which, why and how to mend each; empty: all is well. */
export function ownershipTroubles(all: readonly Owned[], ownUid: number): readonly string[] {
  return all.map((one) => troubleOf(one, ownUid)).filter((trouble) => trouble !== null);
}

function troubleOf(owned: Owned, ownUid: number): string | null {
  const { kind, path, uid, mode } = owned;
  if (!ownersOf(kind, ownUid).includes(uid)) {
    return `${path} belongs to user ${uid}: chown ${ownUid} ${path}`;
  }
  if (kind === 'key') {
    if ((mode & OF_OTHERS) === 0) return null;
    return `${path} can be read or written by others (${octal(mode)}): chmod 600 ${path}`;
  }
  if (kind === 'closed' && (mode & OF_ALL) !== 0) {
    return `anybody may look into ${path} (${octal(mode)}): chmod o= ${path}`;
  }
  // In a sticky directory, such as /tmp, nobody renames what belongs to another.
  const isSafe = (mode & WRITABLE_BY_ALL) === 0 || (kind === 'above' && (mode & STICKY) !== 0);
  return isSafe ? null : `anybody may write ${path} (${octal(mode)}): chmod o-w ${path}`;
}

function ownersOf(kind: OwnedKind, ownUid: number): readonly number[] {
  switch (kind) {
    case 'key':
    case 'closed':
    case 'state':
      return [ownUid];
    case 'given':
      return [ROOT_UID, ownUid];
    case 'above':
      return [ROOT_UID, ownUid, NOBODYS_UID];
  }
}

function octal(mode: number): string {
  return (mode & 0o7777).toString(8).padStart(4, '0');
}
