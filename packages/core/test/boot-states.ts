import {
  type Boot,
  type BootRecord,
  type Evidence,
  firstRecord,
  type Heartbeat,
  type Life,
  NEW_RUN,
  openVerdict,
  type Slot,
  type SupervisionEvent,
  type SupervisionState,
  slotDirOf,
  type Trial,
} from '../src/boot/index.ts';

export function slotOf(version: string, digit: string): Slot {
  const digest = digit.repeat(64);
  return { version, digest, dir: slotDirOf(version, digest) };
}

export const OLD: Slot = slotOf('1.0.0', 'a');
export const NEW: Slot = slotOf('2.0.0', 'b');
export const NEXT_LAUNCHER: Slot = slotOf('2.0.0', 'c');

export const EVIDENCE: Evidence = {
  reason: 'rejected-by-coordinator',
  detail: 'the coordinator said no',
  exitCode: null,
  signal: null,
  logLines: [],
  samples: [],
};

export function trialOf(slot: Slot, more: Partial<Trial> = {}): Trial {
  return {
    slot,
    attemptId: 'c1/1',
    tries: 1,
    rebootTries: 0,
    bootId: 'boot-1',
    watchedLeftMs: 600_000,
    ...more,
  };
}

export function recordWith(
  more: { readonly agent?: Trial; readonly launcher?: Trial } = {},
): BootRecord {
  const record = firstRecord(OLD);
  const { agent, launcher } = record.components;
  return {
    ...record,
    components: {
      agent: { ...agent, trial: more.agent ?? null },
      launcher: { ...launcher, trial: more.launcher ?? null },
    },
  };
}

export function lifeWith(record: BootRecord, more: Partial<Life> = {}): Life {
  return {
    record,
    bootId: 'boot-1',
    self: { version: '1.0.0', digest: null },
    failures: 0,
    launcherLeftMs: null,
    ...more,
  };
}

export const GOOD_BEAT: Heartbeat = { reached: true, healthy: true, trouble: null, idle: true };
export const DEAF_BEAT: Heartbeat = {
  reached: false,
  healthy: false,
  trouble: 'no session',
  idle: true,
};

const TRIED = lifeWith(recordWith({ agent: trialOf(NEW) }));
export const PLAIN: Life = lifeWith(recordWith());
export const TRIAL_BOOT: Extract<Boot, { kind: 'trial' }> = {
  kind: 'trial',
  slot: NEW,
  attemptId: 'c1/1',
  verdict: openVerdict(600_000),
};

/** One of each kind, as plain as can be; the trial ones have a trial of 2.0.0 in its first try. */
export const STATES: {
  readonly [K in SupervisionState['kind']]: Extract<SupervisionState, { kind: K }>;
} = {
  idle: { kind: 'idle', life: PLAIN },
  starting: { kind: 'starting', life: TRIED, boot: TRIAL_BOOT },
  running: { kind: 'running', life: PLAIN, boot: { kind: 'committed', slot: OLD }, run: NEW_RUN },
  watching: { kind: 'watching', life: TRIED, boot: TRIAL_BOOT, run: NEW_RUN },
  stopping: {
    kind: 'stopping',
    life: TRIED,
    boot: TRIAL_BOOT,
    run: NEW_RUN,
    purpose: { kind: 'refuse', reason: 'hung', detail: 'silent' },
    isEnding: false,
  },
  probing: { kind: 'probing', life: TRIED, strikes: 0 },
  'backing-off': { kind: 'backing-off', life: { ...TRIED, failures: 1 } },
  ended: { kind: 'ended', life: PLAIN, exitCode: 0 },
};

const EXITED = { kind: 'exited', exitCode: 1, signal: null, logLines: ['last words'] } as const;

export const EVENTS: {
  readonly [K in SupervisionEvent['kind']]: Extract<SupervisionEvent, { kind: K }>;
} = {
  started: { kind: 'started' },
  spawned: { kind: 'spawned' },
  'spawn-failed': {
    kind: 'spawn-failed',
    message: 'EACCES',
    isHostTrouble: false,
    logLines: [],
  },
  heartbeat: { kind: 'heartbeat', heartbeat: GOOD_BEAT },
  ticked: { kind: 'ticked' },
  'try-asked': {
    kind: 'try-asked',
    id: 7,
    component: 'agent',
    attemptId: 'c2/1',
    slot: slotOf('3.0.0', 'd'),
    watchedMs: 600_000,
  },
  'commit-asked': { kind: 'commit-asked', id: 7, component: 'agent', attemptId: 'c1/1' },
  'refuse-asked': {
    kind: 'refuse-asked',
    id: 7,
    component: 'agent',
    attemptId: 'c1/1',
    evidence: EVIDENCE,
  },
  'roll-back-asked': {
    kind: 'roll-back-asked',
    id: 7,
    component: 'agent',
    attemptId: 'owner/1',
    evidence: EVIDENCE,
  },
  dialled: { kind: 'dialled', reached: true },
  probed: { kind: 'probed', reached: true },
  exited: EXITED,
  waited: { kind: 'waited' },
  'stop-asked': { kind: 'stop-asked' },
  'save-failed': { kind: 'save-failed', of: EXITED, message: 'disk full' },
};
