/*
 * Why a rollout's agents do not have the version, in few lines: what has failed, with its evidence, before anything that
 * would go on; one for each reason, with how many it concerns, a few of their names, and what frees them.
 */
import type { ResponseOf } from '@moult/api/client';
import { agentsText } from '../../terminal/names.ts';
import { stateText, untilText } from './rollout-text.ts';

export type Why = ResponseOf<'whyRollout'>;
type Reason = Why['reasons'][number];

export function whyLines({ rollout, reasons }: Why, nowMs: number): readonly string[] {
  const told = new Set<string>();
  const failed = reasons.filter(({ about }) => about === 'failed');
  const others = reasons.filter(({ about }) => about !== 'failed');
  return [
    `${rollout.name}: ${stateText(rollout)}`,
    ...[...failed, ...others].flatMap((reason) => [
      ...textLines(reason, { hasFailures: failed.length > 0, nowMs }),
      ...nextLines(reason, told, rollout),
    ]),
    ...(reasons.length === 0 ? ['Nobody fails, and nobody waits.'] : []),
  ];
}

function textLines(
  reason: Reason,
  { hasFailures, nowMs }: { readonly hasFailures: boolean; readonly nowMs: number },
): readonly string[] {
  const isState = reason.about === 'rollout' && reason.reason?.startsWith('rollout-') === true;
  if (!isState) return [textOf(reason, nowMs)];
  // Its state is said above, and what frees it stands below the last failure.
  return hasFailures ? [`the rollout (${reason.reason})`] : [];
}

/** `waits for: a person must approve (awaiting-approval)`, `2 agents: the agent is paused (paused): web-1, web-3`. */
function textOf({ about, reason, text, untilMs, agents, names }: Reason, nowMs: number): string {
  // A failure has its code where it stands in the sentence.
  const named = about === 'failed' || reason === null ? text : `${text} (${reason})`;
  if (about === 'rollout') return `waits for: ${named}${untilText(untilMs, nowMs)}`;
  const more = agents > names.length ? ` and ${agents - names.length} more` : '';
  return `${agentsText(agents)}: ${named}: ${names.join(', ')}${more}`;
}

/** What is done once for all is said once. */
function nextLines(
  { about, freedBy, names }: Reason,
  told: Set<string>,
  { name }: Why['rollout'],
): readonly string[] {
  const [first] = names;
  const isTold = freedBy === null || told.has(freedBy);
  if (freedBy !== null) told.add(freedBy);
  return [
    ...(about === 'failed' && first !== undefined
      ? [`  evidence: moult rollouts report ${name} --agent ${first}`]
      : []),
    ...(isTold ? [] : [`  ${about === 'failed' ? 'next' : 'freed by'}: ${freedBy}`]),
  ];
}
