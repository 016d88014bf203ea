/* What can be done with a rollout in its state, for whoever asked for something that cannot. */
import type { RolloutState } from './machine.ts';

const STATUS = 'See how far it is: `moult rollouts status ROLLOUT`.';
const OVER =
  'It is over: see what became of each agent, `moult rollouts report ROLLOUT`, and make another one for those that are left.';

const REMEDIES: Readonly<Record<RolloutState, string>> = {
  draft: 'It is a draft: plan it, `moult rollouts plan ROLLOUT`, and then start it.',
  planning: STATUS,
  pending:
    'It was not started: `moult rollouts start ROLLOUT`, or end it, `moult rollouts cancel ROLLOUT`.',
  running: STATUS,
  paused:
    'Go on with it, `moult rollouts resume ROLLOUT`, or end it, `moult rollouts cancel ROLLOUT`.',
  halted:
    'See what failed, `moult rollouts why ROLLOUT`; then go on, `moult rollouts resume ROLLOUT`, or end it, `moult rollouts cancel ROLLOUT`.',
  ended: OVER,
  cancelled: OVER,
};

/** Of `rollout-state`, as it can be typed. */
export function stateRemedyOf(rollout: {
  readonly name: string;
  readonly state: RolloutState;
}): string {
  return REMEDIES[rollout.state].replaceAll('ROLLOUT', rollout.name);
}
