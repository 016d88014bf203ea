/*
 * Where the world may strike: before and after everything that leaves a process. The generator aims at these by
 * name, so that rare ones are hit as often as common ones; the report counts them.
 */
import { UPGRADE_STEPS } from '@moult/core/upgrade';

const RECORD = ['write', 'fsync', 'rename', 'sync-dir', 'saved'].map((step) => `record:${step}`);
const LINKS = ['write', 'sync-dir', 'done'].map((step) => `link:${step}`);
const ASIDE = ['rename', 'sync-dir', 'done'].map((step) => `aside:${step}`);
const STAGING = ['begin', 'write', 'fsync', 'rename', 'sync-dir', 'done'].map((s) => `stage:${s}`);
const CLEANUP = ['remove', 'sync-dir'].map((step) => `cleanup:${step}`);
const HOLDER = ['lock', 'write', 'fsync', 'rename', 'sync-dir', 'written', 'ended'].map(
  (step) => `holder:${step}`,
);
const UNIT = ['first-launcher', 'check-start', 'become', 'ready', 'exited'].map((s) => `unit:${s}`);
const SPAWN = [
  ...['spawn:before', 'spawn:after', 'agent:start'],
  ...['probe:begin', 'probe:end', 'rehearsal:begin', 'rehearsal:end', 'prepare:done'],
];

/** Writes of the agent's database; each is one transaction, so there is only before and after. */
export const STORE_WRITES = [
  'inbox.store',
  'inbox.finish',
  'outbox.acknowledge',
  'outbox.agree',
  'session.raise',
  'session.welcome',
] as const;

const STORE = STORE_WRITES.flatMap((name) => [`${name}:before`, `${name}:after`]);
const UPGRADE = ['idle', ...UPGRADE_STEPS].flatMap((kind) => [
  `save:${kind}:before`,
  `save:${kind}:after`,
]);

const PIPE = [
  ...['heartbeat', 'try', 'commit', 'refuse', 'dialled', 'rehearse', 'prepare'].map(
    (kind) => `pipe:${kind}`,
  ),
  ...['spawned', 'done', 'failed', 'dial', 'probed', 'stop', 'rehearsed'].map(
    (kind) => `pipe:${kind}`,
  ),
].flatMap((name) => [`${name}:sent`, `${name}:received`]);

const WIRE = [
  ...['hello', 'prove', 'report', 'check', 'accept', 'permission', 'output'],
  ...['challenge', 'welcome', 'command', 'hold', 'outputAck', 'granted', 'denied'],
  ...['confirm', 'reject', 'cleanup', 'goodbye'],
].flatMap((kind) => [`wire:${kind}:sent`, `wire:${kind}:received`]);

/** Transactions of a fleet's coordinator. */
export const COORDINATOR_POINTS: readonly string[] = [
  ...['openSession', 'recordReport', 'dispatch', 'recordAccepted', 'recordProgress'],
  ...['decidePermission', 'confirmAttempt', 'storeOutput', 'lapse', 'touchSeen'],
  ...[
    'issueWanted',
    'orderUpgrade',
    'orderControl',
    'chooseForMany',
    'revokeCommand',
    'skipCommand',
  ],
].flatMap((name) => [`coordinator:${name}:before`, `coordinator:${name}:after`]);

/** Those of rollouts: apart, so that what fleets draw stays what it is. */
export const ROLLOUT_POINTS: readonly string[] = [
  ...['stepRollout', 'createRollout', 'startRollout', 'pauseRollout', 'resumeRollout'],
  ...['approveRollout', 'cancelRollout', 'skipRolloutAgent', 'retryRollout', 'setGroup'],
  ...['dispatch', 'recordAccepted', 'decidePermission', 'confirmAttempt', 'storeOutput'],
].flatMap((name) => [`coordinator:${name}:before`, `coordinator:${name}:after`]);

export const POINTS: readonly string[] = [
  ...RECORD,
  ...LINKS,
  ...ASIDE,
  ...STAGING,
  ...CLEANUP,
  ...HOLDER,
  ...UNIT,
  ...SPAWN,
  ...STORE,
  ...UPGRADE,
  ...PIPE,
  ...WIRE,
];
