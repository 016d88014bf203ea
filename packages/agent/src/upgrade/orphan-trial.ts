import { HEARTBEAT_MS } from '@moult/core/boot';
import { COMPONENTS } from '@moult/core/component';
import { attemptIdIn, type BootView, type UpgradeState } from '@moult/core/upgrade';
import type { Clock } from '@moult/runtime/clock';
import type { Logger } from '@moult/runtime/logger';
import type { LauncherRequest } from '../launcher/pipe-client.ts';
import { pause } from '../waiting.ts';
import { NO_EVIDENCE } from './workers.ts';

/** In these an attempt may be on trial; in all others its trial has no business any more. */
const TRIAL_STATES: ReadonlySet<UpgradeState['kind']> = new Set([
  'switching',
  'probation',
  'committing',
  'rolling-back',
]);

/**
 * U14: a trial that no upgrade knows of (its record was lost, or given up) must not stay for ever. True when the launcher
 * has ended one: this process makes way.
 */
export async function withdrawOrphanTrial(options: {
  readonly view: BootView;
  readonly upgrade: () => UpgradeState;
  readonly clock: Clock;
  readonly log: Logger;
  readonly requestLauncher: (request: LauncherRequest, signal: AbortSignal) => Promise<void>;
  readonly signal: AbortSignal;
}): Promise<boolean> {
  const { view, upgrade, clock, log, signal } = options;
  for (const component of COMPONENTS) {
    const attemptId = view[component].trialAttemptId;
    const state = upgrade();
    const isExpected = TRIAL_STATES.has(state.kind) && attemptId === attemptIdIn(state);
    if (attemptId === null || isExpected) continue;
    log.error('a trial that no upgrade knows of is ended', { component, attemptId });
    const detail = 'the agent has no record of the upgrade that this trial belongs to';
    const evidence = { ...NO_EVIDENCE, reason: 'not-started' as const, detail };
    while (!signal.aborted) {
      try {
        await options.requestLauncher({ kind: 'refuse', component, attemptId, evidence }, signal);
        return true;
      } catch (error) {
        log.warn('the launcher did not end the trial', { message: String(error) });
        await pause(clock, HEARTBEAT_MS, signal);
      }
    }
  }
  return false;
}
