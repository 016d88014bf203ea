import type { Evidence, Slot } from '@moult/core/boot';
import { type Course, namedFailure, type Outcome, wordsOfFailure } from '@moult/core/upgrade';
import type { EvidenceMessage, FinishMessage, SlotMessage } from '@moult/protocol';

/** The report of an attempt's end, as the coordinator gets it. */
export function finishOf(course: Course, outcome: Outcome, current: Slot | null): FinishMessage {
  const { order, from } = course;
  return {
    commandId: order.commandId,
    attempt: order.attempt,
    component: order.component,
    outcome: outcome.kind,
    ...wordsOf(outcome),
    from: slotMessage(from),
    current: slotMessage(current),
    steps: course.steps.map(({ step, startedMs }) => ({ step, startedMs })),
    bytesFetched: course.bytesFetched,
    bytesTotal: course.bytesTotal,
    rehearsal: course.rehearsal,
    wantedVersion: order.version,
  };
}

/** The end of a command that took no steps: it was done at once, or not at all. */
export function plainFinish(
  of: { readonly commandId: string; readonly attempt: number },
  ended: Pick<FinishMessage, 'outcome'> &
    Partial<Pick<FinishMessage, 'code' | 'message' | 'component' | 'wantedVersion'>>,
): FinishMessage {
  return {
    commandId: of.commandId,
    attempt: of.attempt,
    component: '',
    code: '',
    message: '',
    evidence: null,
    from: null,
    current: null,
    steps: [],
    bytesFetched: 0,
    bytesTotal: 0,
    rehearsal: 'not-done',
    wantedVersion: '',
    ...ended,
  };
}

function wordsOf(outcome: Outcome): Pick<FinishMessage, 'code' | 'message' | 'evidence'> {
  switch (outcome.kind) {
    case 'succeeded':
    case 'already-there':
    case 'staged':
      return { code: '', message: '', evidence: null };
    case 'failed':
      return failureWords(outcome);
    case 'denied':
      return { code: '', message: outcome.reason, evidence: null };
    case 'rolled-back':
      return {
        code: outcome.evidence.reason,
        message: outcome.evidence.detail,
        evidence: evidenceMessage(outcome.evidence),
      };
  }
}

function failureWords({
  code,
  message: text,
}: Extract<Outcome, { readonly kind: 'failed' }>): Pick<
  FinishMessage,
  'code' | 'message' | 'evidence'
> {
  const { message, logLines } = wordsOfFailure(text);
  const named = namedFailure({ code, message });
  if (logLines.length === 0) return { ...named, evidence: null };
  const evidence = {
    reason: code,
    detail: message,
    exitCode: -1,
    signal: '',
    logLines,
    samples: [],
  };
  return { ...named, evidence };
}

function evidenceMessage(evidence: Evidence): EvidenceMessage {
  return {
    reason: evidence.reason,
    detail: evidence.detail,
    exitCode: evidence.exitCode ?? -1,
    signal: evidence.signal ?? '',
    logLines: evidence.logLines,
    samples: evidence.samples,
  };
}

export function slotMessage(slot: Slot | null): SlotMessage | null {
  return slot === null ? null : { version: slot.version, digest: slot.digest };
}
