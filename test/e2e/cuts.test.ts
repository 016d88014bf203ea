/*
 * A few of the cuts and faults of `npm run cuts` (docs/testing.md), chosen so that the places that matter are among
 * them: the fetched blob, the finished slot, the trial in the boot record, the first start of the new version, its commit; of a launcher also what the first
 * launcher writes, and the links that are looked at when the record is lost.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Cut, runCut } from '../../scripts/cuts/cut-round.ts';
import { type FaultCase, runFault } from '../../scripts/cuts/fault-round.ts';
import { hasTracer } from '../../scripts/fleet/tracer.ts';
import { PREPARE_MS, RealFleet } from '../support/real-fleet.ts';

const canTrace = await hasTracer();
const ROUND_MS = 240_000;

interface NamedCut extends Omit<Cut, 'component'> {
  readonly when: string;
}

const AGENT_CUTS: readonly NamedCut[] = [
  {
    when: 'the finished slot got its name',
    ...{ kind: 'rename', of: /versions\/agent\/[^/]+$/, number: 1, victim: 'both' },
  },
  {
    when: 'the trial stood in the boot record',
    ...{ kind: 'rename', of: /boot\.json$/, number: 1, victim: 'process' },
  },
  { when: 'the rehearsal was executed', kind: 'exec', number: 1, victim: 'process' },
  { when: 'the next process was executed', kind: 'exec', number: 2, victim: 'process' },
  {
    when: 'the commit stood in the boot record',
    ...{ kind: 'rename', of: /boot\.json$/, number: 3, victim: 'both' },
  },
];

const LAUNCHER_CUTS: readonly NamedCut[] = [
  {
    when: 'its trial stood in the boot record',
    ...{ kind: 'rename', of: /boot\.json$/, number: 1, victim: 'both' },
  },
  {
    when: 'the first launcher had counted its try',
    ...{ kind: 'rename', of: /boot\.json$/, number: 2, victim: 'process' },
  },
  {
    when: 'its commit stood in the boot record',
    ...{ kind: 'rename', of: /boot\.json$/, number: 3, victim: 'process' },
  },
  {
    when: 'the link showed it',
    ...{ kind: 'rename', of: /versions\/launcher-current$/, number: 1, victim: 'both' },
  },
];

const CUTS: readonly (Cut & NamedCut)[] = [
  ...AGENT_CUTS.map((cut) => ({ ...cut, component: 'agent' as const })),
  ...LAUNCHER_CUTS.map((cut) => ({ ...cut, component: 'launcher' as const })),
];

const FAULTS: readonly FaultCase[] = [
  { fault: 'io-error', step: 'switching' },
  { fault: 'no-space', step: 'probation' },
];

let fleet: RealFleet;

describe.skipIf(!canTrace)('under strace, which this machine must have', () => {
  beforeAll(async () => {
    fleet = await RealFleet.open('cuts');
  }, PREPARE_MS);

  afterAll(async () => {
    expect(await fleet?.close()).toEqual([]);
  });

  describe.concurrent('side by side', () => {
    for (const [index, { when, ...cut }] of CUTS.entries()) {
      const { component, victim } = cut;
      const who = victim === 'both' ? 'everything on the host' : 'whoever did it';
      test(`H11 H12: T9 U17 B3: kill -9 of ${who} right after ${when}: the upgrade of the ${component} ends well, and so does the next`, {
        timeout: ROUND_MS,
      }, async () => {
        const { at, late } = await runCut(fleet, cut, { name: `cut-${index}` });
        expect(at).not.toBeNull();
        expect(late).toBe(0);
      });
    }

    for (const [index, { fault, step }] of FAULTS.entries()) {
      test(`H11: T24 U17 B4: ${fault} from ${step} on is said by name, and once it is mended the host upgrades`, {
        timeout: ROUND_MS,
      }, async () => {
        // Not called after the fault: what names the fault in a text must not be the name of the host.
        const name = `faulty-${index}`;
        const { said } = await runFault(fleet, { fault, step }, { name });
        expect(said).not.toEqual([]);
      });
    }
  });
});
