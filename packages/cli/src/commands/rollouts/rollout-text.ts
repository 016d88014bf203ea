/* A rollout in words: where it stands, what it waits for, its waves. */
import type { Rollout } from '@moult/api';
import { FAILURE_KINDS, isFailureKind, percentText, waveText } from '@moult/core/rollout';
import { formatDuration, formatTime } from '../../terminal/format.ts';
import { holdText } from '../../terminal/hold-text.ts';
import { fieldLines, tableLines } from '../../terminal/table.ts';
import { barText, countsText, overIn, sizeOf } from './bar.ts';
import { cannotLines, warningLines } from './plan-text.ts';

const BAR_WIDTH = 20;

type Fields = readonly (readonly [string, string])[];

export function statusLines(rollout: Rollout, nowMs: number): readonly string[] {
  const { waves, cannot, warnings } = rollout;
  return [
    ...fieldLines(fieldsOf(rollout, nowMs)),
    ...(waves.length === 0 ? [] : ['', ...waveLines(rollout)]),
    ...(cannot.length + warnings.length === 0 ? [] : ['']),
    ...cannotLines(cannot),
    // What there was to know before the start is history after the end.
    ...(rollout.endedMs === null ? warningLines(warnings) : []),
  ];
}

function fieldsOf(rollout: Rollout, nowMs: number): Fields {
  const { name, id, component, version, select, why, counts, alreadyThere } = rollout;
  const waits = waitText(rollout, nowMs);
  const size = sizeOf(counts);
  return [
    ['rollout', `${name} (${id})`],
    ['brings', `${component} ${version}`],
    ['for', select ?? 'agents by name'],
    ['state', stateText(rollout)],
    ...(waits === null ? [] : [['waits for', waits] as const]),
    ['agents', `${overIn(counts)} of ${size} over: ${countsText(counts)}`],
    ...(rollout.failures.length === 0 ? [] : [['failed', failuresByKind(rollout)] as const]),
    ...(alreadyThere === 0 ? [] : [['already there', String(alreadyThere)] as const]),
    ['goes on', specText(rollout.spec)],
    ['made', `${formatTime(rollout.createdMs)} by ${rollout.createdBy}`],
    ...beforeStartFields(rollout),
    ...(why === '' ? [] : [['why', why] as const]),
    ...(rollout.startedMs === null ? [] : [['started', startedText(rollout, nowMs)] as const]),
    ...(rollout.endedMs === null ? [] : [['ended', formatTime(rollout.endedMs)] as const]),
  ];
}

/** `2 trial (the new version ran, and was not kept), 1 fetch (…)`. */
function failuresByKind({ failures }: Rollout): string {
  return failures
    .map(({ kind, count }) => {
      // A newer coordinator may know more kinds.
      const text = isFailureKind(kind) ? ` (${FAILURE_KINDS[kind]})` : '';
      return `${count} ${kind.replaceAll('-', ' ')}${text}`;
    })
    .join(', ');
}

/** What there is to say of it beside its making. */
function beforeStartFields(rollout: Rollout): Fields {
  const { editedBy, approvedBy, approvedMs, startsMs, startedMs } = rollout;
  const { splitOf, startsAfter, reverts } = rollout;
  return [
    ...(editedBy === null ? [] : [['edited', `by ${editedBy}`] as const]),
    ...(approvedBy === null
      ? []
      : [['approved', `${formatTime(approvedMs)} by ${approvedBy}`] as const]),
    ...(startsMs === null || startedMs !== null ? [] : [['starts', formatTime(startsMs)] as const]),
    ...(splitOf === null ? [] : [['split from', splitOf] as const]),
    ...(startsAfter === null ? [] : [['follows', startsAfter] as const]),
    ...(reverts === null ? [] : [['takes back', reverts] as const]),
  ];
}

/** `halted: 2 failed, 0 may`, `ended-not-ok`. */
export function stateText(rollout: Pick<Rollout, 'state' | 'stateWhy' | 'outcome'>): string {
  const { state, stateWhy, outcome } = rollout;
  const word = state === 'ended' && outcome !== null ? outcome : state;
  return stateWhy === '' ? word : `${word}: ${stateWhy}`;
}

/** Null: nothing keeps it from going on. */
export function waitText({ waitsFor }: Pick<Rollout, 'waitsFor'>, nowMs: number): string | null {
  if (waitsFor === null) return null;
  const { reason, untilMs } = waitsFor;
  const text = reason === 'upgrading' ? 'agents that are upgrading' : holdText(reason);
  return `${text}${untilText(untilMs, nowMs)}`;
}

/** `, 3 min 0 s more, until 2026-11-27 10:00:00`; empty where time alone does not end it. */
export function untilText(untilMs: number | null, nowMs: number): string {
  if (untilMs === null) return '';
  // How long first: a screen may cut the end.
  const left = untilMs > nowMs ? `, ${formatDuration(untilMs - nowMs)} more` : '';
  return `${left}, until ${formatTime(untilMs)}`;
}

function startedText({ startedMs, endedMs }: Rollout, nowMs: number): string {
  const took = Math.max(0, (endedMs ?? nowMs) - (startedMs ?? nowMs));
  return `${formatTime(startedMs)}, ${endedMs === null ? 'for' : 'took'} ${formatDuration(took)}`;
}

/** `waves 1, 10%, rest; soak 10 min 0 s; halts at the first failure`. */
export function specText(spec: Rollout['spec']): string {
  if (spec === null) return 'nobody knows: what was stored cannot be read';
  return [
    `waves ${spec.waves.map(waveText).join(', ')}`,
    ...(spec.soakMs === 0 ? [] : [`soak ${formatDuration(spec.soakMs)}`]),
    ...(spec.successShareMin === 0 ? [] : [`${percentText(spec.successShareMin)} must succeed`]),
    ...(spec.needsApproval ? ['a person approves each wave'] : []),
    failuresText(spec),
    ...(spec.pauseAfter === null ? [] : [`test mode: pauses after ${spec.pauseAfter}`]),
    ...rollBackTexts(spec),
    ...(spec.isForced ? ['forced'] : []),
    ...(spec.pace === 'now' ? [] : [spec.pace]),
    ...(spec.takesLateJoiners ? ['takes late joiners'] : []),
    ...(spec.priority === 0 ? [] : [`priority ${spec.priority}`]),
    ...(spec.isLauncherNeeded ? ['only with a launcher'] : []),
    ...(spec.needsSecondPrincipal ? ['a second principal approves its start'] : []),
  ].join('; ');
}

/** Only what is not as it is unless said. */
function rollBackTexts(spec: NonNullable<Rollout['spec']>): readonly string[] {
  const { rollBack, rollBackTo, goesOnAfterRollBack } = spec;
  return [
    ...(rollBack === 'none' ? ['nobody goes back'] : []),
    ...(rollBack === 'all' ? ['all go back once it halts'] : []),
    ...(rollBackTo === null ? [] : [`back to ${rollBackTo}`]),
    ...(goesOnAfterRollBack ? ['goes on after a rollback'] : []),
  ];
}

function failuresText(spec: NonNullable<Rollout['spec']>): string {
  const { failuresAllowed: allowed, onError } = spec;
  if (onError === 'continue') return 'continues whatever fails';
  if (allowed.kind === 'count')
    return allowed.max === 0
      ? 'halts at the first failure'
      : `halts at more than ${allowed.max} failures`;
  const sample =
    allowed.minimumSample === 1 ? '' : `, once ${allowed.minimumSample} agents are over`;
  return `halts at more than ${percentText(allowed.max)} failures${sample}`;
}

function waveLines({ waves, wave: current, endedMs }: Rollout): readonly string[] {
  const rows = waves.map(({ counts }, index) => ({ counts, index }));
  return tableLines(
    [
      {
        title: 'WAVE',
        cell: ({ index }) => `${index + 1}${index === current && endedMs === null ? ' *' : ''}`,
      },
      { title: '', cell: ({ counts }) => barText(counts, BAR_WIDTH) },
      {
        title: 'OVER',
        cell: ({ counts }) => `${overIn(counts)}/${sizeOf(counts)}`,
        align: 'right',
      },
      { title: 'AGENTS', cell: ({ counts }) => countsText(counts) },
    ],
    rows,
  );
}
