/* Defects of rollouts that were put in on purpose, and must be found by the lives of rollouts (planted.ts says how). */
import type { Planted } from '../planted.ts';

const VERDICT = 'core/src/rollout/verdict.ts';
const ROWS = 'store/src/operations/rollout/rows.ts';
const STEP = 'store/src/operations/rollout/step.ts';
const TURNS = 'store/src/operations/turns.ts';

const DEFECTS: readonly Omit<Planted, 'lives'>[] = [
  {
    name: 'of a group one more starts than may',
    file: VERDICT,
    from: 'return Math.max(0, group.unavailableMax - group.inFlight);',
    to: 'return Math.max(0, group.unavailableMax + 1 - group.inFlight);',
  },
  {
    name: 'who is upgraded by hand takes no place',
    seed: 13,
    file: 'store/src/operations/rollout/rooms.ts',
    from: ".where('state', 'in', IN_FLIGHT_STATES)",
    to: ".where('state', 'in', [])",
  },
  {
    name: 'a paused rollout starts its agents',
    seed: 13,
    file: STEP,
    from: "if (row.state === 'paused' && verdict.kind !== 'halt') return NOTHING;",
    to: '',
  },
  {
    name: 'agents of a halted rollout go on to the switch',
    seed: 13,
    file: TURNS,
    from: "if (row?.state === 'halted') return 'rollout-halted';",
    to: '',
  },
  {
    name: 'a wave does not soak',
    seed: 7,
    file: VERDICT,
    from: 'if (nowMs < soakedMs) return',
    to: 'if (nowMs < soakedMs - spec.soakMs) return',
  },
  {
    name: 'who has just gone is away since the last word of it that was written down',
    seed: 932,
    file: 'coordinator/src/rollouts/done-watch.ts',
    from: 'this.#listeningSinceMs, leftMs);',
    to: 'this.#listeningSinceMs);',
  },
  {
    name: 'the last wave does not soak',
    seed: 4,
    file: VERDICT,
    from: 'const soakedMs = Math.max(...ends) + (spec?.soakMs ?? 0);',
    to: 'const soakedMs = Math.max(...ends);',
  },
  {
    name: 'nobody is asked for an approval',
    seed: 3,
    file: VERDICT,
    from: 'if (spec.needsApproval) return',
    to: 'if (spec.needsApproval && waves.length > 99) return',
  },
  {
    name: 'a wave opens while the one before is under way',
    seed: 3,
    file: VERDICT,
    from: "if (opened.upgrading > 0) return { kind: 'wait', wave, reason: 'upgrading', untilMs: null };",
    to: '',
  },
  {
    name: 'one more may fail than may',
    seed: 7,
    file: VERDICT,
    from: "return failures > (kind === 'count' ? max : max * judged);",
    to: "return failures - 1 > (kind === 'count' ? max : max * judged);",
  },
  {
    name: 'test mode forgets who is under way',
    seed: 42,
    file: VERDICT,
    from: 'spec.pauseAfter - doneSince - total.upgrading;',
    to: 'spec.pauseAfter - doneSince;',
  },
  {
    name: 'who was rolled back is done',
    seed: 3,
    file: 'core/src/rollout/failures.ts',
    from: "return { state: 'rolled-back', failure: 'trial' };",
    to: "return { state: 'done', failure: null };",
  },
  {
    name: 'a late correction corrects no agent',
    seed: 209,
    file: 'store/src/operations/rollout/members.ts',
    from: "if (command.state === 'expired' && member.state === 'parked') return;",
    to: 'if (member.ended_ms !== null) return;',
  },
  {
    name: 'whoever leaves a wave parked stays in its counter',
    seed: 9,
    file: ROWS,
    from: '[from]: plus(from, -1),',
    to: "[from]: plus(from, from === 'parked' ? 0 : -1),",
  },
  {
    name: 'two rollouts have one agent',
    seed: 5,
    file: 'store/src/operations/rollout/claims.ts',
    from: ".where('rollout_members.state', 'in', UNSETTLED)",
    to: ".where('rollout_members.state', 'in', ['upgrading'])",
  },
  {
    name: 'a store that was put back starts agents before it is adopted',
    file: STEP,
    from: 'if (await isHeldByRestore(context.db)) {',
    to: "if (row.id === '') {",
  },
  {
    name: 'one agent is in two parts of what was split',
    seed: 32,
    file: 'core/src/rollout/split.ts',
    from: 'for (const member of members) parts[partOf(member)]?.push(member);',
    to: 'for (const [i, member] of members.entries()) for (const part of i === 0 ? parts : [parts[partOf(member)]]) part?.push(member);',
  },
  {
    name: 'a part starts while the one before it runs',
    seed: 52,
    file: 'store/src/operations/rollout/starting.ts',
    from: "eb('sibling.outcome', '=', 'ended-ok')",
    to: "eb('sibling.state', '<>', 'pending')",
  },
  {
    name: 'maintenance holds no rollout',
    seed: 3,
    file: STEP,
    from: 'if (await isInMaintenance(context.db, nowMs)) {',
    to: "if (row.id === '') {",
  },
  {
    name: 'a rollout is taken back while it runs',
    seed: 24,
    file: 'store/src/operations/rollout/reverting.ts',
    from: '  requireStill(row);',
    to: '',
  },
  {
    name: 'a step has no deadline',
    seed: 24,
    file: 'core/src/rollout/deadlines.ts',
    from: 'if (deadlineMs === null || tookMs < deadlineMs) return IN_TIME;',
    to: 'if (deadlineMs === null || tookMs < 99 * deadlineMs) return IN_TIME;',
  },
  {
    name: 'a deadline is that of the last step that told of its progress',
    seed: 24,
    file: 'store/src/operations/rollout/deadlines.ts',
    from: 'if (said !== null && isOfIt && sinceMs !== null)',
    to: 'if (said !== null && isOfIt && sinceMs !== null && said.step === "")',
  },
  {
    name: 'what was only fetched is taken for given',
    seed: 8,
    file: 'store/src/operations/finish.ts',
    from: 'return { isRight: true, isGiven: false, digest, ending: said };',
    to: 'return { isRight: true, isGiven: true, digest, ending: said };',
  },
  {
    name: 'a rollout starts before its time',
    seed: 20,
    file: 'store/src/operations/rollout/starting.ts',
    from: "or([eb('rollouts.starts_ms', 'is', null), eb('rollouts.starts_ms', '<=', nowMs)]),",
    to: '',
  },
  {
    name: 'only those that failed go back',
    seed: 41,
    file: 'store/src/operations/rollout/halt.ts',
    from: 'if (sendsBack(after)) await sendAllBack(context, after);',
    to: '',
  },
  {
    name: 'agents stay in the rollout of an older choice',
    seed: 39,
    file: 'store/src/operations/rollout/of-choices.ts',
    from: 'for (const member of leaving) await leave(context, { member, nowMs });',
    to: '',
  },
  {
    name: 'an agent leaves its group with a place of it',
    seed: 46,
    file: 'store/src/operations/moving.ts',
    from: 'await requireFree(db, { instanceId, name, from });',
    to: '',
  },
  {
    name: 'an agent that was moved goes on with the choice of the group it left',
    seed: 483,
    file: 'store/src/operations/moving.ts',
    from: 'if (instance !== null) await leaveOtherChoices(context, { instance, nowMs });',
    to: '',
  },
];

export const PLANTED_ROLLOUTS: readonly Planted[] = DEFECTS.map((defect) => ({
  ...defect,
  lives: 'rollouts',
}));
