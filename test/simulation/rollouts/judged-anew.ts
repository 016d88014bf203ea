/* RO3, RO5, RO6 and RO36, judged anew: what stands against the opening of a wave, and against the end of a rollout. */
import { countOf, isTooMuch, type KnownRollout, wentThrough } from './known.ts';

interface Against {
  readonly invariant: 'RO3' | 'RO5' | 'RO6' | 'RO36';
  readonly why: string;
}

/** Empty: nothing does. */
export function againstOpening(
  rollout: KnownRollout,
  wave: number,
  nowMs: number,
): readonly Against[] {
  const { spec } = rollout;
  if (spec === null) return [];
  const against: Against[] = [];
  const add = (invariant: Against['invariant'], why: string) => against.push({ invariant, why });
  for (let before = 0; before < wave; before++) {
    for (const state of ['waiting', 'upgrading']) {
      if (countOf(rollout, state, before) > 0)
        add('RO5', `: in wave ${before + 1} some are ${state}`);
    }
    const soakedMs = nowMs - (rollout.lastWentMs.get(before) ?? 0);
    if (soakedMs < spec.soakMs)
      add('RO5', `: wave ${before + 1} has soaked ${soakedMs} of ${spec.soakMs} ms`);
  }
  if (rollout.approved.has(wave)) return against;
  if (spec.needsApproval) add('RO5', `, and nobody has approved wave ${wave + 1}`);
  const judged = wentThrough(rollout, wave - 1);
  if (judged === 0) add('RO6', `, and nobody went through wave ${wave}`);
  else if (countOf(rollout, 'done', wave - 1) / judged < spec.successShareMin)
    add('RO5', `, and too few of wave ${wave} are done`);
  if (!rollout.isUncertain && isTooMuch(rollout).is)
    add('RO6', ', and too many of too few have failed');
  return against;
}

/** Empty: nothing does. */
export function againstEnd(rollout: KnownRollout, nowMs: number): readonly Against[] {
  const against: Against[] = [];
  const left = countOf(rollout, 'waiting') + countOf(rollout, 'upgrading');
  if (left > 0) against.push({ invariant: 'RO3', why: `, and ${left} are on the way` });
  if (countOf(rollout, 'parked') > 0 && wentThrough(rollout) === 0)
    against.push({ invariant: 'RO6', why: ', and nobody went through' });
  const soakedMs = nowMs - Math.max(0, ...rollout.lastWentMs.values());
  if (rollout.spec !== null && soakedMs < rollout.spec.soakMs)
    against.push({
      invariant: 'RO36',
      why: `, and was looked at for ${soakedMs} ms after the last`,
    });
  return against;
}
