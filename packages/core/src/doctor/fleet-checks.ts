/* Agents that want a person. Each is a warning: the coordinator itself does its work. */
import type { ErrorCode } from '../errors/index.ts';
import { type DoctorCheck, type Found, failing, named, passing, warning } from './check.ts';
import type { FleetFacts, SomeAgents } from './coordinator-facts.ts';

/** Hosts are switched off for a night; who is away for longer was forgotten, or is broken. */
export const DOWN_LONG_MS = 86_400_000;

type Kind = Exclude<keyof FleetFacts, 'agents'>;

const CODES: Readonly<Record<Kind, ErrorCode>> = {
  quarantined: 'agents-quarantined',
  upgradeFailed: 'agents-upgrade-failed',
  tooOld: 'agents-too-old',
  downLong: 'agents-down',
  unvalidated: 'agents-unvalidated',
};

const NAMES: Readonly<Record<Kind, string>> = {
  quarantined: 'quarantined',
  upgradeFailed: 'upgrade-failed',
  tooOld: 'too-old',
  downLong: 'down',
  unvalidated: 'unvalidated',
};

export function fleetChecks(found: Found<FleetFacts>): readonly DoctorCheck[] {
  if (!found.isFound) return [failing('agents', found.code, found.message)];
  const fleet = found.value;
  const kinds = Object.keys(CODES) as Kind[];
  const waiting = kinds.filter((kind) => fleet[kind].count > 0);
  if (waiting.length > 0) return waiting.map((kind) => kindCheck(kind, fleet[kind]));
  return [passing('agents', `${fleet.agents}, and none of them wants a person`)];
}

function kindCheck(kind: Kind, { names, count }: SomeAgents): DoctorCheck {
  return warning(NAMES[kind], CODES[kind], named(names, count));
}
