/* A plan, and what came of it, for people and for programs. */
import { describeStep, type InstallPlan } from '@moult/core/install';
import type { Output } from '../terminal/output.ts';

export type StepState = 'is-so' | 'done' | 'would-do';

/** Steps for programs; the text of a file may be a secret, and is left out. */
export function stepsOf(plan: InstallPlan, isDryRun: boolean): readonly object[] {
  return plan.map(({ step, isDone }) => {
    const { text: _text, ...told } = { text: '', ...step };
    const state: StepState = isDone ? 'is-so' : isDryRun ? 'would-do' : 'done';
    return { state, ...told };
  });
}

/** `--dry-run`: the very steps, and nothing else. */
export function tellPlan(output: Output, plan: InstallPlan): void {
  const changes = plan.filter(({ isDone }) => !isDone).length;
  output.result({ dryRun: true, steps: stepsOf(plan, true) }, () => [
    ...plan.map(({ step, isDone }) => `${isDone ? 'is so' : 'would do'}: ${describeStep(step)}`),
    changes === 0
      ? 'Nothing would change.'
      : `${changes} of ${plan.length} steps would be done; nothing was changed.`,
  ]);
}

/** Whether anything is left to be done. */
export function changes(plan: InstallPlan): boolean {
  return plan.some(({ isDone }) => !isDone);
}
