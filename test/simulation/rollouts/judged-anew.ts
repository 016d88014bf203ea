/* What stands against the opening of a wave, the end of a rollout, the going on of an agent and its giving up, judged anew. */
import {
  countOf,
  GOES_BACK,
  isTooMuch,
  type KnownCommand,
  type KnownMember,
  type KnownRollout,
  wentThrough,
} from './known.ts';
import type { LightAgent } from './light-agent.ts';

interface Against {
  readonly invariant: 'RO2' | 'RO3' | 'RO5' | 'RO6' | 'RO10' | 'RO31' | 'RO33' | 'RO36';
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

/** RO2, RO10, RO31: null: it may. */
export function againstGoingOn(rollout: KnownRollout, member: KnownMember): Against | null {
  const { name, state } = rollout;
  // What is to go back goes, whatever became of its rollout (R8).
  if (GOES_BACK.has(member.state) || state === 'running') return null;
  // RO52: whom a host has begun with goes on there.
  if (rollout.outcome === 'superseded') return null;
  if (state === 'ended') {
    const isBad = !rollout.isUncertain && isTooMuch(rollout).halts;
    return isBad ? { invariant: 'RO31', why: `${name} has ended with too many failures` } : null;
  }
  return { invariant: state === 'cancelled' ? 'RO10' : 'RO2', why: `${name} is ${state}` };
}

/** No step has less, by docs/defaults.md. */
const DEADLINE_MS_MIN = 600_000;
/** What an agent says is under way so long. */
const KNOWN_MS = 120_000;

/** RO33: why a deadline cannot have passed; null: it may have. */
export function againstDeadline(
  { id, sentMs }: KnownCommand,
  { agent, nowMs }: { readonly agent: LightAgent | undefined; readonly nowMs: number },
): Against | null {
  if (sentMs !== null && nowMs - sentMs < DEADLINE_MS_MIN)
    return { invariant: 'RO33', why: `it has gone on for ${nowMs - sentMs} ms` };
  const isWaiting = agent?.commandId === id && agent.isLive && agent.upgrade.step === 'rehearsed';
  return isWaiting && agent.upgrade.inStepMs > KNOWN_MS
    ? { invariant: 'RO33', why: 'it waits for our word' }
    : null;
}
