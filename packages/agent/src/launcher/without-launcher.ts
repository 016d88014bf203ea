/*
 * H14: an agent that nobody launched. It keeps the boot record itself, under its lock, and answers its own requests as
 * a launcher would; what it cannot do is watch a version that hangs, and start anything. Whoever starts any slot of it
 * gets the version that the record names: a trial with tries left, else the committed one.
 */
import { mkdir, readlink, realpath } from 'node:fs/promises';
import { basename, join } from 'node:path';
import {
  type AgentPipeMessage,
  askTry,
  type BootRecord,
  beginTry,
  commitTrial,
  encodeBootRecord,
  firstRecord,
  type LauncherPipeMessage,
  PIPE_VERSION,
  type RecordStep,
  readBootRecord,
  refuseTrial,
  rollBack,
  type Slot,
  type Spawned,
  WATCHED_FACTOR,
} from '@moult/core/boot';
import { CodedError, codedErrorFrom } from '@moult/core/errors';
import { type Layout, linkPathOf, versionsDirOf } from '@moult/core/layout';
import { linkDurably, readTextIfPresent, writeFileDurably } from '@moult/runtime/files';
import { slotAt } from '../host/own-slot.ts';
import type { LauncherChannel, LauncherListener } from '../ports.ts';
import { NO_EVIDENCE } from '../upgrade/workers.ts';

export interface OwnBoot {
  readonly record: BootRecord;
  /** What the record says boots now; a trial's try is counted on the disk. */
  readonly slot: Slot;
}

/** Throws `launcher-missing` where there is no record to go by and no slot to make one of. Call it under the lock. */
export async function chooseOwnBoot(layout: Layout, bootId: string): Promise<OwnBoot> {
  let record = await readOwnRecord(layout);
  for (;;) {
    const { committed, trial } = record.components.agent;
    if (trial === null) {
      if (committed !== null) return { record, slot: committed };
      throw new CodedError('nothing-to-boot', 'the boot record names no version of the agent');
    }
    const begun = beginTry(record, 'agent', bootId);
    if (begun.kind === 'begun') {
      await writeOwnRecord(layout, begun.record);
      return { record: begun.record, slot: trial.slot };
    }
    const evidence = {
      ...NO_EVIDENCE,
      reason: begun.reason,
      detail: 'it ended before it was committed, each time that somebody started it',
    };
    const refused = refuseTrial(record, {
      component: 'agent',
      attemptId: trial.attemptId,
      evidence,
    });
    if (refused.kind !== 'changed') throw new Error('a trial could not be refused');
    record = refused.record;
    await writeOwnRecord(layout, record);
  }
}

/** The same for the process that was started with it: its try is counted already. */
export async function chosenOwnBoot(layout: Layout, digest: string): Promise<OwnBoot> {
  const record = await readOwnRecord(layout);
  const { committed, previous, trial } = record.components.agent;
  const slot = [trial?.slot, committed, previous].find((known) => known?.digest === digest);
  if (slot) return { record, slot };
  throw new CodedError(
    'boot-trial-stale',
    'boot.json no longer names the version that was started',
  );
}

/** A committed version that is not there gives way to the one before, for this start; the record stays as it is. */
export async function startableBoot(layout: Layout, boot: OwnBoot): Promise<OwnBoot> {
  const { committed, previous } = boot.record.components.agent;
  if (boot.slot !== committed || previous === null) return boot;
  const isThere = await isWhole(layout, committed);
  return isThere || !(await isWhole(layout, previous)) ? boot : { ...boot, slot: previous };
}

async function isWhole(layout: Layout, slot: Slot): Promise<boolean> {
  const found = await slotAt(join(versionsDirOf(layout, 'agent'), slot.dir)).catch(() => null);
  return found?.slot.digest === slot.digest;
}

/** Where the program and the script of a slot are, if `scriptPath` is not that script already. */
export async function programToBecome(
  layout: Layout,
  slot: Slot,
  scriptPath: string,
): Promise<{ readonly program: string; readonly script: string } | null> {
  const dir = join(versionsDirOf(layout, 'agent'), slot.dir);
  const found = await slotAt(dir);
  if (found?.slot.digest !== slot.digest) {
    throw new CodedError('boot-slot-incomplete', `${dir} is not the version that boot.json names`);
  }
  const script = join(dir, found.manifest.script);
  const [wanted, running] = await Promise.all([realpath(script), realpath(scriptPath)]);
  return wanted === running ? null : { program: join(dir, found.manifest.program), script };
}

/** The pipe of an agent that is its own launcher. */
export function ownChannel(layout: Layout, boot: OwnBoot): LauncherChannel {
  let record = boot.record;
  let listener: LauncherListener | null = null;
  let queue: Promise<void> = Promise.resolve();
  const say = (message: LauncherPipeMessage) => listener?.onMessage(message);

  const answer = async (message: AgentPipeMessage): Promise<void> => {
    if (!('id' in message) || message.kind === 'dialled') return;
    const { id } = message;
    try {
      const step = stepOf(record, message, boot.slot);
      if (step === null) {
        say({ kind: 'unsupported', id, what: message.kind });
        return;
      }
      if (step.kind === 'rejected') {
        say({ kind: 'failed', id, code: step.code, message: step.message });
        return;
      }
      if (step.kind === 'changed') {
        await writeOwnRecord(layout, step.record);
        record = step.record;
        await showLinks(layout, record);
      }
      say({ kind: 'done', id });
    } catch (caught) {
      const { code, message: text } = codedErrorFrom(caught);
      say({ kind: 'failed', id, code, message: text });
    }
  };
  return {
    post: (message) => {
      queue = queue.then(() => answer(message));
    },
    listen: (given) => {
      listener = given;
      given.onMessage(spawnedOf(boot));
    },
    close: () => {
      listener = null;
    },
  };
}

/** Null: without a launcher there is nobody who could do it. */
function stepOf(record: BootRecord, message: AgentPipeMessage, running: Slot): RecordStep | null {
  switch (message.kind) {
    case 'try': {
      const { component, slot, attemptId, probationMs } = message;
      if (component !== 'agent') {
        const why = 'this host runs its agent without a launcher';
        return { kind: 'rejected', code: 'launcher-missing', message: why };
      }
      return askTry(record, {
        component,
        slot,
        attemptId,
        watchedMs: probationMs * WATCHED_FACTOR,
        isTrialRunning: record.components.agent.trial?.slot.digest === running.digest,
      });
    }
    case 'commit':
      return commitTrial(record, { ...message, runningDigest: running.digest });
    case 'refuse':
      return refuseTrial(record, message);
    case 'roll-back':
      return rollBack(record, message);
    default:
      return null;
  }
}

function spawnedOf(boot: OwnBoot): Spawned {
  const view = (component: 'agent' | 'launcher') => {
    const { committed, previous, trial, refused } = boot.record.components[component];
    return { committed, previous, trialAttemptId: trial?.attemptId ?? null, refused };
  };
  return {
    kind: 'spawned',
    pipe: PIPE_VERSION,
    // Says to the coordinator that there is none.
    launcherVersion: '',
    launcherDigest: null,
    slot: boot.slot,
    components: { agent: view('agent'), launcher: view('launcher') },
  };
}

async function readOwnRecord(layout: Layout): Promise<BootRecord> {
  const reading = readBootRecord(await readTextIfPresent(layout.bootRecordPath));
  switch (reading.kind) {
    case 'read':
      return reading.record;
    case 'too-new':
      throw new CodedError('boot-record-too-new', `boot.json has format ${reading.format}`);
    case 'unreadable':
      throw new CodedError('launcher-missing', `boot.json cannot be read: ${reading.why}`, {
        remedy: 'Start the agent under its launcher once: it recovers the record.',
      });
    case 'absent': {
      const slot = await currentSlot(layout);
      if (slot === null) {
        throw new CodedError('launcher-missing', 'there is neither a launcher nor a boot record');
      }
      const record = firstRecord(slot);
      await writeOwnRecord(layout, record);
      return record;
    }
  }
}

async function currentSlot(layout: Layout): Promise<Slot | null> {
  const link = linkPathOf(layout, { component: 'agent', name: 'current' });
  const dir = await readlink(link).catch(() => null);
  if (dir === null) return null;
  return (await slotAt(join(versionsDirOf(layout, 'agent'), basename(dir))))?.slot ?? null;
}

async function writeOwnRecord(layout: Layout, record: BootRecord): Promise<void> {
  await mkdir(layout.stateDir, { recursive: true });
  await writeFileDurably(layout.bootRecordPath, encodeBootRecord(record));
}

/** For display, and for a launcher that finds the record unreadable one day. */
async function showLinks(layout: Layout, record: BootRecord): Promise<void> {
  const { committed, previous } = record.components.agent;
  for (const [name, slot] of [
    ['current', committed],
    ['previous', previous],
  ] as const) {
    if (slot === null) continue;
    await linkDurably(linkPathOf(layout, { component: 'agent', name }), `agent/${slot.dir}`);
  }
}
