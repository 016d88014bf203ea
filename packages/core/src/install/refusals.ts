/* When nothing is installed or removed, and what its owner does about it. A check that cannot decide says no. */
import { COMPONENTS } from '../component.ts';
import { CodedError } from '../errors/index.ts';
import type {
  DirectoryMark,
  Neighbour,
  PathFacts,
  PathTable,
  UnitFacts,
  UpgradeFacts,
  User,
} from './facts.ts';

/** Null: nothing is needed of root, or it is root who asks. */
export function rootNeeded(asked: {
  readonly root: string | null;
  readonly uid: number;
}): CodedError | null {
  if (asked.root !== null || asked.uid === 0) return null;
  return new CodedError(
    'install-needs-root',
    'users, directories and units of a system-wide installation are for root alone to make and to remove',
  );
}

/** I4. Null: no upgrade goes on. `again`: the command to repeat afterwards; `orElse`: another way, if there is one. */
export function midUpgrade(facts: UpgradeFacts, again: string, orElse = ''): CodedError | null {
  const { boot, upgradeKind, databaseTrouble } = facts;
  if (boot.kind === 'unreadable' || boot.kind === 'too-new') {
    const why = boot.kind === 'unreadable' ? boot.why : `format ${boot.format}`;
    return new CodedError(
      'install-mid-upgrade',
      `nobody can say whether an upgrade goes on here: boot.json cannot be read (${why})`,
      {
        remedy: `Restart the agent: its launcher mends boot.json. Then \`${again}\` again.${orElse}`,
      },
    );
  }
  if (databaseTrouble !== null) {
    return new CodedError(
      'install-mid-upgrade',
      `nobody can say whether an upgrade goes on here: agent.db cannot be read (${databaseTrouble})`,
      {
        remedy: `Restart the agent, and look at \`moult agent status\`. Then \`${again}\` again.${orElse}`,
      },
    );
  }
  const trials =
    boot.kind === 'read'
      ? COMPONENTS.flatMap((component) => {
          const { trial } = boot.record.components[component];
          return trial === null ? [] : [`${component} ${trial.slot.version} is on trial`];
        })
      : [];
  const steps = upgradeKind === 'idle' ? [] : [`the agent is at ${upgradeKind}`];
  if (trials.length + steps.length === 0) return null;
  return new CodedError(
    'install-mid-upgrade',
    `an upgrade goes on on this host: ${[...steps, ...trials].join(', ')}`,
    {
      remedy: `Wait until \`moult agent status\` shows upgrade idle. Then \`${again}\` again.${orElse}`,
    },
  );
}

/** I5. Null: the directories are this instance's own. */
export function sharedDirectories(facts: {
  readonly root: string | null;
  readonly marks: readonly DirectoryMark[];
  readonly neighbours: readonly Neighbour[];
}): CodedError | null {
  const mark = facts.marks.find(
    ({ of, isSamePlace }) => of !== null && of.root !== facts.root && isSamePlace,
  );
  if (mark !== undefined && mark.of !== null) {
    const whose =
      mark.of.root === null ? 'the system-wide installation' : `the instance below ${mark.of.root}`;
    return new CodedError('directories-shared', `${mark.path} belongs to ${whose}`);
  }
  const neighbour = facts.neighbours[0];
  if (neighbour === undefined) return null;
  return new CodedError(
    'directories-shared',
    `${neighbour.path} is used by the unit ${neighbour.unit} too`,
  );
}

/** I6: a directory of ours that is there, and should be `owner`'s, or the installer's until it is handed over. */
export function foreignDirectory(
  path: string,
  found: PathFacts | null,
  owners: readonly User[],
): CodedError | null {
  if (found === null) return null;
  if (found.kind !== 'directory') {
    return new CodedError('directory-foreign', `${path} is there, and no directory`);
  }
  if (owners.some(({ ids }) => ids?.uid === found.uid)) return null;
  const names = owners.map(({ name }) => name).join(' or ');
  return new CodedError(
    'directory-foreign',
    `${path} belongs to user ${found.uid}, not to ${names}`,
  );
}

/** The first directory above, or file, that the user cannot get at; the program would end before it could say so. */
export function unreachable(what: string, user: User, above: PathTable): CodedError | null {
  // Root passes everywhere.
  if (user.ids?.uid === 0) return null;
  const closed = Object.entries(above).find(
    ([, found]) => found !== null && !isOpen(found, user.ids),
  );
  if (closed === undefined) return null;
  const [path, found] = closed;
  const isDirectory = found?.kind === 'directory';
  return new CodedError(
    'directory-closed',
    `${user.name} cannot get at ${what}: ${path} is closed to it`,
    { remedy: `Put it elsewhere, or: chmod o+${isDirectory ? 'x' : 'r'} ${path}` },
  );
}

/** May be passed through, if it is a directory; may be read, if it is a file. */
function isOpen(found: PathFacts, ids: User['ids']): boolean {
  const bit = found.kind === 'directory' ? 1 : 4;
  if (ids !== null && found.uid === ids.uid) return (found.mode & (bit << 6)) !== 0;
  if (ids !== null && found.gid === ids.gid) return (found.mode & (bit << 3)) !== 0;
  return (found.mode & bit) !== 0;
}

/** I8, I9. Null: neither launcher nor agent runs. */
export function agentRuns(facts: {
  readonly runningPid: number | null;
  readonly unit: UnitFacts;
}): CodedError | null {
  const { runningPid, unit } = facts;
  if (runningPid === null) return null;
  const remedy =
    unit.systemd === null
      ? 'Stop whatever runs `moult launcher run` here, then run it again.'
      : `Stop it: systemctl stop ${unit.name}. Then run it again.`;
  return new CodedError('agent-runs', `the agent runs, process ${runningPid}`, { remedy });
}
