// Real cuts: a real launcher and agent under strace, killed at the n-th call of an upgrade, for every n; and faults of
// the disk while an upgrade takes its steps (docs/testing.md).
//
//   npm run cuts                                   every call of every kind, each victim
//   npm run cuts -- --kind fsync --from 12 --count 1 --victim process
//   npm run cuts -- --faults                       every fault at every step
//
// What fails prints the command that repeats it alone; the last line is `N cuts, N failed`.

import { parseArgs } from 'node:util';
import { COMPONENTS } from '@moult/core/component';
import { RealFleet } from '../test/support/real-fleet.ts';
import { cutRounds, faultRounds, type Range } from './cuts/choose-rounds.ts';
import { CUT_KINDS } from './cuts/cut-kinds.ts';
import { VICTIMS } from './cuts/cut-round.ts';
import { FAULT_STEPS } from './cuts/fault-round.ts';
import { FAULTS } from './cuts/faults.ts';
import { runRounds } from './cuts/run-rounds.ts';
import { endEverything } from './fleet/program.ts';
import { hasTracer } from './fleet/tracer.ts';

const USAGE = `usage: npm run cuts -- [--kind ${CUT_KINDS.join('|')}] [--victim ${VICTIMS.join('|')}] [--component ${COMPONENTS.join('|')}]
       npm run cuts -- --faults [--fault ${FAULTS.join('|')}] [--step ${FAULT_STEPS.join('|')}]
both:  [--from N] [--count N] [--every N] [--jobs N] [--minutes N: begin none after that] [--verbose]
`;

const { values } = parseArgs({
  options: {
    kind: { type: 'string' },
    victim: { type: 'string' },
    component: { type: 'string', default: 'agent' },
    faults: { type: 'boolean', default: false },
    fault: { type: 'string' },
    step: { type: 'string' },
    from: { type: 'string', default: '1' },
    count: { type: 'string', default: '100000' },
    every: { type: 'string', default: '1' },
    jobs: { type: 'string', default: '2' },
    minutes: { type: 'string', default: '600' },
    verbose: { type: 'boolean', default: false },
  },
});

const say = (line: string) => void process.stdout.write(`${line}\n`);
const chosen = {
  kinds: oneOf(CUT_KINDS, values.kind),
  victims: oneOf(VICTIMS, values.victim),
  components: oneOf(COMPONENTS, values.component),
  faults: oneOf(FAULTS, values.fault),
  steps: oneOf(FAULT_STEPS, values.step),
};
const [from, count, every, jobs, minutes] = [
  values.from,
  values.count,
  values.every,
  values.jobs,
  values.minutes,
].map(positive);

if (
  from === undefined ||
  count === undefined ||
  every === undefined ||
  jobs === undefined ||
  minutes === undefined ||
  Object.values(chosen).some((list) => list.length === 0)
) {
  process.stderr.write(USAGE);
  process.exitCode = 2;
} else if (!(await hasTracer())) {
  process.stderr.write('This needs strace, which is not installed: `apt-get install strace`.\n');
  process.exitCode = 2;
} else {
  const isGood = await run({ from, count, every }, { jobs, budgetMs: minutes * 60_000 });
  process.exitCode = isGood ? 0 : 1;
}

async function run(
  range: Range,
  limits: { readonly jobs: number; readonly budgetMs: number },
): Promise<boolean> {
  const stopping = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      if (!stopping.signal.aborted)
        say('what has begun comes to its end, which takes a minute or two');
      stopping.abort();
    });
  }
  const { signal } = stopping;
  say('preparing a coordinator and releases');
  const fleet = await RealFleet.open('cuts');
  try {
    const onLog = values.verbose ? (lines: readonly string[]) => lines.forEach(say) : undefined;
    const place = { fleet, range, say, onLog };
    const rounds = values.faults ? faultRounds(place, chosen) : await cutRounds(place, chosen);
    const tally = await runRounds({ rounds, ...limits, signal, say });
    if (tally.next !== null)
      say(`stopped before its end; the next would be: ${tally.next.command}`);
    say(`${tally.done} ${values.faults ? 'faults' : 'cuts'}, ${tally.failed} failed`);
    return tally.failed === 0;
  } finally {
    await fleet.close();
    await endEverything();
  }
}

/** All of them unless one is named; none: what is named is none of them. */
function oneOf<T extends string>(all: readonly T[], named: string | undefined): readonly T[] {
  return named === undefined ? all : all.filter((one) => one === named);
}

function positive(text: string): number | undefined {
  const number = Number(text);
  return Number.isSafeInteger(number) && number > 0 ? number : undefined;
}
