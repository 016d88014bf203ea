/*
 * `--rehearse`: would this version serve on this host? Asked by the launcher while the version before works beside it
 * (H3). It goes through what a start goes through, and changes nothing: one step after another, the first that fails is
 * the answer. A step of the world may fail through no fault of this version.
 */
import type { RehearsalOutcome } from '@moult/core/boot';
import { codedErrorFrom } from '@moult/core/errors';
import type { Clock } from '@moult/runtime/clock';
import type { Logger } from '@moult/runtime/logger';
import { pause } from './waiting.ts';

export interface RehearsalStep {
  readonly name:
    | 'configuration'
    | 'permissions'
    | 'code'
    | 'state'
    | 'tasks'
    | 'coordinator'
    | 'metadata';
  readonly isOfTheWorld: boolean;
  /** Rejects with what is wrong. */
  readonly run: (signal: AbortSignal) => Promise<void>;
}

export interface RehearsalVerdict {
  readonly outcome: RehearsalOutcome;
  /** Step, code and sentence of what failed; empty: nothing did. */
  readonly detail: string;
}

/** Each step. Reading a full outbox's schema takes milliseconds, a session over a slow line seconds. */
const STEP_MS_MAX = 20_000;

/** Never rejects. */
export async function rehearse(
  steps: readonly RehearsalStep[],
  with_: { readonly clock: Clock; readonly log: Logger; readonly stop: AbortSignal },
): Promise<RehearsalVerdict> {
  for (const step of steps) {
    const trouble = await troubleOf(step, with_);
    if (trouble === null) continue;
    const outcome = step.isOfTheWorld ? 'not-reached' : 'failed';
    with_.log.warn(`rehearsal: ${outcome}`, { step: step.name, why: trouble });
    return { outcome, detail: `${step.name}: ${trouble}` };
  }
  with_.log.info('rehearsal: passed');
  return { outcome: 'passed', detail: '' };
}

async function troubleOf(
  step: RehearsalStep,
  { clock, stop }: { readonly clock: Clock; readonly stop: AbortSignal },
): Promise<string | null> {
  const done = new AbortController();
  const signal = AbortSignal.any([done.signal, stop]);
  const late = pause(clock, STEP_MS_MAX, signal).then((isOver) =>
    isOver ? `it did not end within ${STEP_MS_MAX / 1_000} s` : 'it was told to stop',
  );
  const ran = step.run(signal).then(
    () => null,
    (caught: unknown) => {
      const { code, message } = codedErrorFrom(caught);
      return `${code}: ${message}`;
    },
  );
  try {
    return await Promise.race([ran, late]);
  } finally {
    done.abort(new Error('the step is over'));
  }
}
