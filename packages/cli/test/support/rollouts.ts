/* A rollout as a coordinator tells it, for tests that change what matters to them. */
import type { Rollout } from '@moult/api';
import { NO_MEMBERS } from '@moult/core/rollout';
import type { Member } from '../../src/commands/rollouts/members.ts';

export const AT_MS = 1_700_000_000_000;
export const ROLLOUT_ID = '01kq3v8m6t5n9y2x';

export const counts = (some: Partial<Rollout['counts']>): Rollout['counts'] => ({
  ...NO_MEMBERS,
  ...some,
});

/** Running, in its second wave of three: 2 done, 1 upgrading, 9 waiting. */
export const ROLLOUT: Rollout = {
  id: ROLLOUT_ID,
  name: 'spring',
  component: 'agent',
  version: '1.4.0',
  select: 'group=eu',
  state: 'running',
  stateWhy: '',
  spec: {
    waves: [{ kind: 'count', count: 1 }, { kind: 'percent', percent: 20 }, { kind: 'rest' }],
    soakMs: 600_000,
    successShareMin: 0,
    needsApproval: false,
    onError: 'stop',
    failuresAllowed: { kind: 'count', max: 0 },
    pauseAfter: null,
    isForced: false,
    ...{
      rollBack: 'failed',
      rollBackTo: null,
      goesOnAfterRollBack: false,
      takesLateJoiners: false,
    },
    ...{ priority: 0, pace: 'now', isLauncherNeeded: false, needsSecondPrincipal: false },
  },
  createdMs: AT_MS,
  createdBy: 'ada',
  why: 'change 42',
  startedMs: AT_MS,
  endedMs: null,
  outcome: null,
  waitsFor: null,
  counts: counts({ done: 2, upgrading: 1, waiting: 9 }),
  failures: [],
  wave: 1,
  waves: [
    { counts: counts({ done: 1 }), lastEndMs: AT_MS, isApproved: false },
    { counts: counts({ done: 1, upgrading: 1, waiting: 1 }), lastEndMs: AT_MS, isApproved: false },
    { counts: counts({ waiting: 8 }), lastEndMs: null, isApproved: false },
  ],
  alreadyThere: 2,
  cannot: [],
  warnings: [],
};

export const ENDED: Rollout = {
  ...ROLLOUT,
  state: 'ended',
  outcome: 'ended-ok',
  endedMs: AT_MS + 90_000,
  counts: counts({ done: 12 }),
  wave: null,
};

export const HALTED: Rollout = {
  ...ROLLOUT,
  state: 'halted',
  stateWhy: '1 failed, 0 may',
  counts: counts({ done: 2, failed: 1, waiting: 9 }),
};

export const member = (agent: string, of: Partial<Member> = {}): Member => ({
  agent,
  group: 'eu',
  wave: 0,
  place: 0,
  state: 'waiting',
  holdReason: null,
  from: '1.3.0',
  commandId: null,
  startedMs: null,
  endedMs: null,
  code: null,
  message: null,
  failure: null,
  ...of,
});
