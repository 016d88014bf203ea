/* A rollout as a coordinator tells it, for tests that change what matters to them. */
import type { HistoryEntry, Rollout } from '@moult/api';
import { NO_MEMBERS } from '@moult/core/rollout';
import type { Member } from '../../src/commands/rollouts/members.ts';
import type { Given } from '../../src/commands/rollouts/report-rows.ts';
import type { Report } from '../../src/commands/rollouts/report-text.ts';

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
  ...{ origin: 'person', plannedMs: AT_MS, startsMs: null, editedBy: null },
  ...{ approvedBy: null, approvedMs: null, splitOf: null, startsAfter: null, reverts: null },
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
  platform: 'linux-x64',
  tries: 0,
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
  step: null,
  ...of,
});

export const act = (kind: string, of: Partial<HistoryEntry> = {}): HistoryEntry => ({
  ...{ position: 7, atMs: AT_MS, kind, agent: null, component: 'agent', commandId: null },
  ...{ attempt: null, principal: 'ada', why: '', detail: {} },
  ...of,
});

export const REPORT: Report = {
  rollout: ROLLOUT,
  platforms: [{ platform: 'linux-x64', counts: ROLLOUT.counts }],
  groups: [{ group: 'eu', counts: ROLLOUT.counts }],
  ...{ commands: 3, bytesFetched: 3_145_728 },
  ...{ upgrading: [], lately: [], acts: [act('rollout-running', { why: 'change 42' })] },
};

/** A command that ended after 6.2 s. */
export const given = (of: Member, set: Partial<Given> = {}): Given => ({
  ...{ commandId: of.commandId ?? ROLLOUT_ID, agent: of.agent, group: of.group },
  ...{ platform: of.platform, wave: of.wave, place: of.place, from: of.from, to: '1.4.0' },
  ...{ state: 'succeeded', outcome: 'succeeded', code: null, message: null },
  ...{ orderedMs: AT_MS, orderedBy: 'ada', startedMs: AT_MS + 100, endedMs: AT_MS + 6_200 },
  ...{ bytesFetched: 1_048_576, gapMs: 310 },
  ...set,
});
