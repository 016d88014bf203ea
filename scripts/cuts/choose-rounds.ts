/* Which cuts and faults a run consists of, each with its title and the command that repeats it. */
import type { Component } from '@moult/core/component';
import type { RealFleet } from '../../test/support/real-fleet.ts';
import type { CutKind } from './cut-kinds.ts';
import { type Cut, countCalls, runCut, type Victim } from './cut-round.ts';
import { type FaultCase, type FaultStep, runFault } from './fault-round.ts';
import type { Fault } from './faults.ts';
import type { Round } from './run-rounds.ts';

/** `count` numbers from `from` on, each `every`-th. */
export interface Range {
  readonly from: number;
  readonly count: number;
  readonly every: number;
}

export interface Place {
  readonly fleet: RealFleet;
  readonly range: Range;
  readonly say: (line: string) => void;
  /** Told all that a host said, when its round is over. */
  readonly onLog: ((lines: readonly string[]) => void) | undefined;
}

/** Counts the calls of an undisturbed upgrade first. */
export async function cutRounds(
  place: Place,
  chosen: {
    readonly kinds: readonly CutKind[];
    readonly victims: readonly Victim[];
    readonly components: readonly Component[];
  },
): Promise<readonly Round[]> {
  const { fleet, range, say } = place;
  const { kinds, victims, components } = chosen;
  const rounds: Round[] = [];
  for (const component of components) {
    const counts = await countCalls(fleet, { kinds, component });
    const texts = kinds.map((kind) => `${counts[kind]} ${kind}`);
    say(`one undisturbed upgrade of the ${component}: ${texts.join(', ')}`);
    for (const kind of kinds) {
      for (const number of chosenOf(range, counts[kind])) {
        for (const victim of victims) {
          rounds.push(cutRound(place, { kind, number, victim, component }, counts[kind]));
        }
      }
    }
  }
  return rounds;
}

function cutRound(place: Place, cut: Cut, of: number): Round {
  const { fleet, onLog } = place;
  const { kind, number, victim, component } = cut;
  return {
    title: `${component}: ${kind} ${number} of ${of}, ${victim}`,
    command: `npm run cuts -- --component ${component} --kind ${kind} --from ${number} --count 1 --victim ${victim}`,
    run: async () => {
      const name = `${component}-${kind}-${number}-${victim}`;
      const { at, late, retried } = await runCut(fleet, cut, { name, onLog });
      if (at === null) return 'not cut: this upgrade made fewer calls';
      return [
        `cut at ${at}`,
        ...(late === 0 ? [] : [`${late} calls too late`]),
        ...(retried.length === 0 ? [] : [`tried again after ${retried.join(', ')}`]),
      ].join(', ');
    },
  };
}

export function faultRounds(
  place: Place,
  chosen: { readonly faults: readonly Fault[]; readonly steps: readonly FaultStep[] },
): readonly Round[] {
  const { faults, steps } = chosen;
  // Each step with another fault first, so that a run that ends early has seen all of both.
  const cases = faults.flatMap((_, turn) =>
    steps.flatMap((step, index) => {
      const fault = faults[(index + turn) % faults.length];
      return fault === undefined ? [] : [{ fault, step }];
    }),
  );
  return chosenOf(place.range, cases.length).flatMap((number) => {
    const found = cases[number - 1];
    return found === undefined ? [] : [faultRound(place, found, number)];
  });
}

function faultRound(place: Place, what: FaultCase, number: number): Round {
  const { fleet, onLog } = place;
  const { fault, step } = what;
  return {
    title: `${fault} at ${step}`,
    command: `npm run cuts -- --faults --fault ${fault} --step ${step}`,
    run: async () => {
      // Not its own: what names the fault in a text must not be the name of the host.
      const name = `faulty-${number}`;
      const { outcome, said } = await runFault(fleet, what, { name, onLog });
      return [outcome, ...said.map((line) => `\n      ${line}`)].join('');
    },
  };
}

/** Of the numbers from 1 to `last`. */
function chosenOf({ from, count, every }: Range, last: number): readonly number[] {
  const all = Array.from({ length: last }, (_, index) => index + 1);
  return all.filter((n) => n >= from && (n - from) % every === 0).slice(0, count);
}
