/* H3: the staged version is started beside this one, and has to show that it would serve here. */
import { CodedError, codedErrorFrom } from '@moult/core/errors';
import { afterRehearsal, isMend, type Rehearsal } from '@moult/core/upgrade';
import type { Workers } from './upgrader.ts';
import type { WorkerOptions } from './workers.ts';

type RehearseWork = Parameters<Workers['rehearse']>[0];

/** Rejects with `rehearsal-failed`, which is final, with `rehearsal-unreached`, or with the launcher's trouble. */
export async function rehearsed(
  options: WorkerOptions,
  work: RehearseWork,
  signal: AbortSignal,
): Promise<Rehearsal> {
  if (options.isPreflightOff) return 'switched-off';
  if (!(await canRehearse(options, work))) return 'not-done';
  for (let isSecond = false; ; isSecond = true) {
    const session = options.link.sessionNumber;
    const end = await endOf(options, work, signal);
    if (end === null) return 'not-done';
    const hadSession = session !== null && session === options.link.sessionNumber;
    switch (afterRehearsal({ outcome: end.outcome, hadSession, isSecond })) {
      case 'passed':
        return 'passed';
      case 'again':
        options.log.warn('the new version was not reached: once more', { why: end.detail });
        break;
      case 'later':
        throw new CodedError('rehearsal-unreached', end.detail);
      case 'refused':
        throw new CodedError('rehearsal-failed', `${work.slot.version}: ${end.detail}`);
    }
  }
}

/** A launcher's upgrade is looked at by the first launcher; what is committed is mended, whatever it can. */
async function canRehearse(options: WorkerOptions, work: RehearseWork): Promise<boolean> {
  const { component } = work.course.order;
  if (component !== 'agent' || isMend(work)) return false;
  const manifest = await options.slots.manifestOf(component, work.slot);
  return manifest?.rehearses === true;
}

/** Null: there is no launcher, or none that knows how (B23). */
async function endOf(options: WorkerOptions, work: RehearseWork, signal: AbortSignal) {
  try {
    return await options.pipe.rehearse(work.slot, signal);
  } catch (error) {
    if (error instanceof CodedError && error.code === 'launcher-too-old') return null;
    throw error;
  }
}

/** B20: it is loaded while this one works still. Without it the next start takes longer, and nothing else. */
export async function prepareNext(
  options: WorkerOptions,
  work: Parameters<Workers['ask-to-drain']>[0],
  signal: AbortSignal,
): Promise<void> {
  // One that has passed knows how to wait.
  if (work.course.rehearsal !== 'passed') return;
  try {
    await options.pipe.request({ kind: 'prepare', slot: work.slot }, signal);
  } catch (error) {
    signal.throwIfAborted();
    options.log.info('the next version is not prepared', { why: codedErrorFrom(error).message });
  }
}
