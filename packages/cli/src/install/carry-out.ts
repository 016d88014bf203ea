/*
 * I2: carries out a plan, one step after the other. Each may be repeated; whoever is interrupted is told what was done and what
 * remains, and runs the same command again.
 */
import { existsSync } from 'node:fs';
import { chmod, chown, lchown, readdir, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CodedError } from '@moult/core/errors';
import { describeStep, type InstallPlan, type InstallStep, type Users } from '@moult/core/install';
import {
  codeOf,
  makeDirectoryDurably,
  removeDurably,
  writeFileDurably,
} from '@moult/runtime/files';
import { runToolOk } from '@moult/runtime/system-tool';
import type { Output } from '../terminal/output.ts';
import { findUser } from './users.ts';

type Kind = InstallStep['kind'];
type StepOf<K extends Kind> = Extract<InstallStep, { readonly kind: K }>;

/** What differs from one installation to another. */
export interface OwnWork {
  enroll?(step: StepOf<'enroll'>): Promise<void>;
  installVersions?(): Promise<void>;
  initCoordinator?(): Promise<void>;
  forgetInstance?(): Promise<void>;
}

export interface CarryOutOptions {
  readonly plan: InstallPlan;
  readonly users: Users;
  readonly own: OwnWork;
  readonly output: Output;
  readonly signal: AbortSignal;
}

/** Directories on the way to ours are for everybody to pass, whatever the umask of whoever runs this. */
const UMASK = 0o022;

export async function carryOut(options: CarryOutOptions): Promise<void> {
  const { plan, output, signal } = options;
  process.umask(UMASK);
  for (const [index, { step, isDone }] of plan.entries()) {
    if (isDone) {
      output.stepDone(`is so: ${describeStep(step)}`);
      continue;
    }
    try {
      signal.throwIfAborted();
      await carriedOut(step, options);
    } catch (error) {
      tellRest(plan.slice(index), output);
      throw named(error, step);
    }
    output.stepDone(`done: ${describeStep(step)}`);
  }
}

/** Trouble of a disk is none of ours, and has a name. */
function named(error: unknown, step: InstallStep): unknown {
  if (error instanceof CodedError || codeOf(error) === null) return error;
  const why = error instanceof Error ? error.message : String(error);
  return new CodedError('file-unwritable', `${describeStep(step)}: ${why}`, { cause: error });
}

function tellRest(rest: InstallPlan, output: Output): void {
  for (const { step, isDone } of rest) {
    if (!isDone) output.stepDone(`not done: ${describeStep(step)}`);
  }
  output.notice(
    'What was done stays. Mend what is named below and run the same command again: it goes on from here.',
  );
}

async function carriedOut(step: InstallStep, options: CarryOutOptions): Promise<void> {
  const { users, own } = options;
  switch (step.kind) {
    case 'make-group':
      await runToolOk('groupadd', ['--system', step.name]);
      return;
    case 'make-user':
      await makeUser(step);
      return;
    case 'make-directory':
      await makeDirectoryDurably(dirname(step.path), 0o755);
      await makeDirectoryDurably(step.path, step.mode);
      await setAccess(step, users);
      return;
    case 'set-access':
      await setAccess(step, users);
      return;
    case 'hand-over':
      await handOver(step.path, await idsOf(step.owner, users));
      return;
    case 'write-file':
      await makeDirectoryDurably(dirname(step.path), 0o755);
      await writeFileDurably(step.path, step.text, { mode: step.mode });
      return;
    case 'remove':
      if (existsSync(dirname(step.path))) await removeDurably(step.path);
      return;
    case 'remove-empty':
      await removeEmpty(step.path);
      return;
    case 'systemctl':
      await runToolOk('systemctl', [step.verb, ...(step.unit === null ? [] : [step.unit])]);
      return;
    case 'enroll':
      await own.enroll?.(step);
      return;
    case 'install-versions':
      await own.installVersions?.();
      return;
    case 'init-coordinator':
      await own.initCoordinator?.();
      return;
    case 'forget-instance':
      await own.forgetInstance?.();
      return;
  }
}

const NO_SHELLS = ['/usr/sbin/nologin', '/sbin/nologin'];

async function makeUser({ name, homeDir }: StepOf<'make-user'>): Promise<void> {
  const shell = NO_SHELLS.find((path) => existsSync(path)) ?? '/bin/false';
  await runToolOk('useradd', [
    ...['--system', '--gid', name, '--no-create-home', '--home-dir', homeDir],
    ...['--shell', shell, name],
  ]);
}

async function setAccess(
  step: StepOf<'make-directory' | 'set-access'>,
  users: Users,
): Promise<void> {
  const { uid, gid } = await idsOf(step.owner, users);
  await chown(step.path, uid, gid);
  await chmod(step.path, step.mode);
}

interface Ids {
  readonly uid: number;
  readonly gid: number;
}

async function idsOf(name: string, users: Users): Promise<Ids> {
  const known = [users.admin, users.service].find((user) => user.name === name)?.ids;
  // Made a moment ago.
  const ids = known ?? (await findUser(name)).ids;
  if (ids === null) throw new Error(`the user ${name} is not there`);
  return ids;
}

/** What is in it first: while it is the installer's nobody else can put a link in the way. */
async function handOver(dir: string, ids: Ids): Promise<void> {
  for (const entry of await readdir(dir, { withFileTypes: true })) {
    const path = join(dir, entry.name);
    if (entry.isDirectory()) await handOver(path, ids);
    else await lchown(path, ids.uid, ids.gid);
  }
  await chown(dir, ids.uid, ids.gid);
}

async function removeEmpty(dir: string): Promise<void> {
  try {
    await rmdir(dir);
  } catch (error) {
    if (!['ENOENT', 'ENOTEMPTY', 'EEXIST'].includes(codeOf(error) ?? '')) throw error;
  }
}
