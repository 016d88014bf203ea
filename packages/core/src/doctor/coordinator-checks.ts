/* Coordinator facts → checks: what it serves from, what it signs with, what it keeps, and how its fleet does. */
import { LIMIT_WARN_SHARE, metadataBytesMax, sizeVerdict } from '../trust/index.ts';
import {
  allOf,
  type DoctorCheck,
  type Found,
  failing,
  judged,
  named,
  passing,
  warning,
} from './check.ts';
import type {
  AdministratorFacts,
  AnswerFacts,
  BlobFacts,
  ChoiceFacts,
  CoordinatorFacts,
  DiskFacts,
  ForwardFacts,
  HandleFacts,
  RoleFacts,
} from './coordinator-facts.ts';
import { databaseCheck } from './database-check.ts';
import { dayText, sizeText, spanText } from './figures.ts';
import { fleetChecks } from './fleet-checks.ts';
import { type CertificateFacts, certificateCheck, expiryCheck } from './lifetimes.ts';

export function coordinatorChecks(facts: CoordinatorFacts): readonly DoctorCheck[] {
  const { nowMs } = facts;
  const certificate = (name: string, found: Found<CertificateFacts | null>) =>
    judged(name, found, (one) => (one === null ? null : certificateCheck(name, one, nowMs)));
  return allOf([
    passing('configuration', facts.configPath),
    judged('answer', facts.answer, answerCheck),
    judged('permissions', facts.permissions, permissionsCheck),
    judged('disk', facts.disk, diskCheck),
    judged('database', facts.database, (database) => databaseCheck(database, 'database-corrupt')),
    judged('restore', facts.unadopted, (restoredMs) => restoreCheck(restoredMs)),
    certificate('certificate', facts.certificate),
    certificate('ca', facts.ca),
    judged('metadata', facts.roles, (roles) => expiryCheck('metadata', roles, nowMs)),
    judged('metadata-size', facts.roles, sizeCheck),
    judged('online-keys', facts.onlineKeys, () =>
      passing('online-keys', 'those that the root names can be read'),
    ),
    judged('releases', facts.blobs, blobsCheck),
    judged('choices', facts.choices, choicesCheck),
    judged('administrators', facts.administrators, (who) => administratorsCheck(who, nowMs)),
    judged('backup', facts.backup, (madeMs) => backupCheck(madeMs, nowMs)),
    judged('forwards', facts.forwards, (forwards) => forwardsCheck(forwards, nowMs)),
    judged('handles', facts.handles, (handles) =>
      handles === null ? null : handlesCheck(handles),
    ),
    ...fleetChecks(facts.fleet),
  ]);
}

function answerCheck({ url, isReady }: AnswerFacts): DoctorCheck {
  if (isReady) return passing('answer', `${url} answers`);
  return failing('answer', 'coordinator-not-ready', `${url} answers that it is not ready`);
}

function permissionsCheck(troubles: readonly string[]): DoctorCheck {
  if (troubles.length > 0) return failing('permissions', 'coordinator-unsafe', troubles.join('; '));
  return passing('permissions', 'nobody else can read its keys, or write what it serves');
}

/** Output of a busy fleet comes in by some hundred MiB a day; with less than a day's nobody has time to do anything. */
const FREE_BYTES = { warn: 1024 * 1024 * 1024, fail: 64 * 1024 * 1024 } as const;
const FREE_INODES = { warn: 10_000, fail: 1_000 } as const;

function diskCheck({ dir, bytes, inodes }: DiskFacts): DoctorCheck {
  const detail = `${sizeText(bytes)}${inodes === null ? '' : ` and ${inodes} inodes`} are free in ${dir}`;
  const isBelow = (limit: 'warn' | 'fail') =>
    bytes < FREE_BYTES[limit] || (inodes !== null && inodes < FREE_INODES[limit]);
  if (isBelow('fail')) return failing('disk', 'coordinator-disk-low', detail);
  return isBelow('warn')
    ? warning('disk', 'coordinator-disk-low', detail)
    : passing('disk', detail);
}

function restoreCheck(restoredMs: number | null): DoctorCheck {
  if (restoredMs === null) return passing('restore', 'nothing waits to be adopted');
  const detail = `restored on ${dayText(restoredMs)} and not adopted: everything holds`;
  return warning('restore', 'not-adopted', detail);
}

function sizeCheck(roles: readonly RoleFacts[]): DoctorCheck {
  const name = 'metadata-size';
  const share = (role: RoleFacts) => role.sizeBytes / metadataBytesMax(role.role);
  const text = (role: RoleFacts) =>
    `${role.role} takes ${Math.round(share(role) * 100)} % of what hosts accept`;
  const bySize = [...roles].sort((a, b) => share(b) - share(a));
  const above = bySize.filter((role) => sizeVerdict(role) === 'above');
  if (above.length > 0) return failing(name, 'metadata-too-large', above.map(text).join(', '));
  const near = bySize.filter((role) => share(role) >= LIMIT_WARN_SHARE);
  if (near.length > 0) return warning(name, 'metadata-growing', near.map(text).join(', '));
  const [largest] = bySize;
  return passing(name, largest === undefined ? 'none' : text(largest));
}

function blobsCheck({ releases, files, bytes, troubles, isDeep }: BlobFacts): DoctorCheck {
  if (troubles.length > 0) return failing('releases', 'release-incomplete', named(troubles));
  const how = isDeep
    ? 'every byte is as it was signed'
    : 'all there; their bytes are read with --deep only';
  return passing(
    'releases',
    `${releases} wanted or installed, ${files} files, ${sizeText(bytes)}: ${how}`,
  );
}

function choicesCheck({ count, impossible }: ChoiceFacts): DoctorCheck {
  const texts = impossible.map(
    ({ component, version, platform, agents }) =>
      `${component} ${version} is not there for ${platform} (${agents} agents)`,
  );
  if (texts.length > 0) return failing('choices', 'choice-impossible', texts.join('; '));
  return passing('choices', `${count}, each there for the platforms that it is for`);
}

/** Long enough for somebody to come back from a holiday. */
const ADMINISTRATORS_WARN_MS = 14 * 86_400_000;

function administratorsCheck(
  administrators: readonly AdministratorFacts[],
  nowMs: number,
): DoctorCheck {
  const name = 'administrators';
  if (administrators.length === 0) {
    return failing(name, 'no-administrator', 'no valid access token has the role admin');
  }
  const names = named(administrators.map((one) => one.name));
  const leftMs = Math.max(...administrators.map(({ endsMs }) => (endsMs ?? Infinity) - nowMs));
  if (leftMs > ADMINISTRATORS_WARN_MS) return passing(name, names);
  const detail = `${names}: the last of their tokens ends in ${spanText(leftMs)}`;
  return warning(name, 'administrators-ending', detail);
}

/** What came after the backup is lost to a restore: somebody wants one each night. */
const BACKUP_OLD_MS = 172_800_000;

function backupCheck(madeMs: number | null, nowMs: number): DoctorCheck {
  if (madeMs === null)
    return warning('backup', 'backup-missing', 'none was made of this coordinator');
  const ago = `the last one was made ${spanText(nowMs - madeMs)} ago`;
  if (nowMs - madeMs > BACKUP_OLD_MS) return warning('backup', 'backup-missing', ago);
  return passing('backup', ago);
}

function forwardsCheck(forwards: readonly ForwardFacts[], nowMs: number): DoctorCheck | null {
  if (forwards.length === 0) return null;
  const texts = forwards.flatMap(({ target, failingSinceMs, trouble }) =>
    failingSinceMs === null
      ? []
      : [`${target}, for ${spanText(nowMs - failingSinceMs)}: ${trouble}`],
  );
  if (texts.length > 0) return warning('forwards', 'forward-failed', texts.join('; '));
  return passing(
    'forwards',
    `output is handed on to ${forwards.map(({ target }) => target).join(', ')}`,
  );
}

/** Above it agents that come back at once would find no place. */
const HANDLES_WARN_SHARE = 0.75;

function handlesCheck({ pid, open, max }: HandleFacts): DoctorCheck {
  const detail = `process ${pid} has ${open} of ${max} handles open, one for each session`;
  if (open < max * HANDLES_WARN_SHARE) return passing('handles', detail);
  return warning('handles', 'handles-scarce', detail);
}
