/*
 * Places that hardly any life passes by itself, each with the troubles without which nothing comes there, and with
 * what strikes there. `npm run sim -- --least 100` names what is still met too rarely.
 */
import type { FaultKind } from './faults.ts';
import { POINTS } from './points.ts';

export interface RarePlace {
  /** How often a life is about it, among the others. */
  readonly weight: number;
  /** Each from the moment on that its point is passed: at that pass alone, or at any. */
  readonly troubles: readonly (readonly [kind: FaultKind, from: string, nth?: number])[];
  readonly strikes: readonly FaultKind[];
  readonly points: readonly string[];
}

export const VERDICT_POINTS = [
  'probe:begin',
  'probe:end',
  'pipe:dial:sent',
  'pipe:dial:received',
  'pipe:dialled:sent',
  'pipe:dialled:received',
  'pipe:probed:sent',
  'pipe:stop:received',
] as const;

const CRASHES: readonly FaultKind[] = [
  ...(['kill-agent', 'kill-launcher', 'kill-both', 'power-cut', 'reboot'] as const),
  ...(['stop-launcher', 'disk-full', 'disk-error'] as const),
];
const WORDS: readonly FaultKind[] = ['revoke', 'unasked-rejection', 'connections-break'];
const REFUSING = pointsOf('save:rolling-back', 'pipe:refuse', 'wire:reject', 'pipe:failed');
const REJECTED = ['reject', 'save:switching:after'] as const;
/** A record that cannot be synced is written at each tick; on a stuck disk its launcher hears late what was asked about, and what made it moot. */
const HEARD_LATE: RarePlace['troubles'] = [
  ['coordinator-away', 'save:probation:after', 1],
  ['disk-sync-error', 'save:probation:after'],
  ['world-back', 'probe:begin'],
  ['metadata-slow', 'probe:begin'],
  ['disk-stuck', 'probe:begin'],
];

export const RARE: readonly [RarePlace, ...RarePlace[]] = [
  { weight: 8, troubles: [REJECTED], strikes: CRASHES, points: REFUSING },
  {
    weight: 2,
    troubles: [REJECTED, ['disk-full', 'pipe:refuse:sent']],
    strikes: CRASHES,
    points: pointsOf('pipe:failed', 'pipe:stop', 'save:rolling-back'),
  },
  {
    weight: 8,
    troubles: [REJECTED, ['disk-slow', 'wire:reject:received']],
    strikes: WORDS,
    points: pointsOf('save:rolling-back', 'pipe:refuse', 'record'),
  },
  {
    weight: 4,
    troubles: [['disk-slow', 'wire:confirm:sent']],
    strikes: WORDS,
    points: pointsOf('save:committing', 'pipe:commit', 'record:write'),
  },
  {
    weight: 4,
    troubles: [['disk-slow', 'save:draining:after']],
    strikes: WORDS,
    points: pointsOf('save:switching', 'pipe:try', 'record:write'),
  },
  {
    weight: 10,
    troubles: [['metadata-slow', 'wire:command:sent']],
    strikes: WORDS,
    points: pointsOf('save:preflight', 'save:fetching', 'stage:begin', 'stage:write'),
  },
  {
    weight: 6,
    troubles: [['coordinator-slow', 'save:rehearsed:after']],
    strikes: WORDS,
    points: pointsOf('save:draining', 'save:rehearsed', 'wire:permission'),
  },
  {
    weight: 5,
    troubles: [],
    strikes: WORDS,
    points: pointsOf('save:probation', 'save:reporting', 'wire:report', 'wire:output'),
  },
  {
    weight: 5,
    troubles: [
      ['outage', 'save:probation:after'],
      ['disk-slow', 'probe:begin'],
    ],
    strikes: [...CRASHES, 'connections-break'],
    points: VERDICT_POINTS,
  },
  {
    weight: 5,
    troubles: [
      ['coordinator-slow', 'spawn:after'],
      ['outage', 'agent:start'],
    ],
    strikes: [...CRASHES, 'outage', 'connections-break'],
    points: VERDICT_POINTS,
  },
  {
    weight: 4,
    troubles: [['coordinator-busy', 'save:probation:after']],
    strikes: CRASHES,
    points: pointsOf('wire:goodbye', 'pipe:probed', 'pipe:dial'),
  },
  {
    weight: 4,
    troubles: [['cut-downwards', 'save:probation:after']],
    strikes: CRASHES,
    points: pointsOf('probe', 'pipe:dial', 'pipe:dialled', 'pipe:probed'),
  },
  {
    weight: 6,
    troubles: [
      ['outage', 'save:probation:after'],
      ['world-back', 'probe:begin'],
      ['coordinator-slow', 'probe:begin'],
      ['disk-slow', 'probe:begin'],
    ],
    strikes: ['stop-launcher', 'kill-agent', 'connections-break'],
    points: pointsOf('probe', 'wire:welcome', 'pipe:commit'),
  },
  {
    weight: 6,
    troubles: [
      ['outage', 'save:probation:after'],
      ['world-back', 'pipe:dial:sent'],
      ['metadata-slow', 'pipe:dial:sent'],
    ],
    strikes: ['stop-launcher', 'disk-slow', 'connections-break', 'stall'],
    points: pointsOf('pipe:dial', 'wire:welcome', 'pipe:commit'),
  },
  {
    weight: 8,
    troubles: [
      ['no-handles', 'pipe:try:received'],
      ['disk-full', 'spawn:before'],
    ],
    strikes: [...CRASHES, 'no-handles'],
    points: pointsOf('spawn:before'),
  },
  {
    weight: 6,
    troubles: [['kill-agent', 'agent:start']],
    strikes: ['stop-launcher', 'reboot', 'disk-full'],
    points: pointsOf('spawn:after', 'agent:start'),
  },
  // The session is there all the time: whoever is asked about can be well again while the answer is on its way.
  {
    weight: 10,
    troubles: [
      ['metadata-away', 'save:probation:after'],
      ['world-back', 'probe:begin'],
      ['disk-slow', 'probe:begin'],
    ],
    strikes: ['coordinator-slow', 'stop-launcher', 'kill-agent', 'reject'],
    points: pointsOf('probe:begin', 'pipe:commit', 'wire:confirm'),
  },
  {
    weight: 10,
    troubles: [
      ['metadata-away', 'save:probation:after'],
      ['world-back', 'pipe:dial:sent'],
      ['metadata-slow', 'pipe:dial:received'],
    ],
    strikes: ['disk-slow', 'stop-launcher', 'connections-break', 'stall'],
    points: pointsOf('pipe:dial', 'pipe:commit', 'wire:confirm'),
  },
  // The previous version's probe with the new one stopped, after an hour without a world.
  {
    weight: 6,
    troubles: [['outage', 'save:probation:after']],
    strikes: [...CRASHES, 'disk-full', 'stop-launcher'],
    points: pointsOf('probe', 'pipe:probed'),
  },
  {
    weight: 6,
    troubles: [
      ['outage', 'save:probation:after', 1],
      ['world-back', 'probe:begin', 3],
    ],
    strikes: ['disk-slow', 'disk-full', 'stop-launcher', 'kill-agent', 'stall'],
    points: pointsOf('probe:begin', 'probe:end', 'spawn', 'agent:start'),
  },
  {
    weight: 2,
    troubles: [['disk-full', 'spawn:before']],
    strikes: CRASHES,
    points: pointsOf('spawn:before', 'pipe:spawned', 'unit:become'),
  },
  {
    weight: 2,
    troubles: [['disk-full', 'pipe:try:received']],
    strikes: CRASHES,
    points: pointsOf('pipe:failed', 'record:write'),
  },
  // A trial that was given up, and shows again when it is read anew: the old record was renamed back, and not synced.
  {
    weight: 8,
    troubles: [['disk-sync-error', 'pipe:try:received']],
    strikes: ['power-cut', 'power-cut', 'power-cut', 'kill-launcher'],
    points: pointsOf('inbox.finish', 'save:reporting:after', 'save:idle:after', 'record:sync-dir'),
  },
  {
    weight: 2,
    troubles: [['disk-full', 'wire:welcome:received']],
    strikes: CRASHES,
    points: pointsOf('save:probation', 'session.welcome:after'),
  },
  {
    weight: 2,
    troubles: [['coordinator-reluctant', 'inbox.store:after']],
    strikes: CRASHES,
    points: pointsOf('wire:denied', 'save:rehearsed:after'),
  },
  {
    weight: 2,
    troubles: [['revoke', 'save:staged:after']],
    strikes: CRASHES,
    points: pointsOf('wire:denied', 'inbox.finish:after'),
  },
  {
    weight: 2,
    troubles: [['power-cut-and-damage', 'save:probation:after']],
    strikes: CRASHES,
    points: pointsOf('aside'),
  },
  {
    weight: 2,
    troubles: [['coordinator-confused', 'save:rehearsed:after']],
    strikes: CRASHES,
    points: ['save:switching:after', 'save:committing:after', 'save:probation:after'],
  },
  {
    weight: 3,
    troubles: [],
    strikes: CRASHES,
    points: pointsOf('cleanup', 'wire:cleanup', 'unit', 'link'),
  },
  {
    weight: 10,
    troubles: HEARD_LATE,
    strikes: ['stop-launcher', 'kill-agent'],
    points: ['probe:begin'],
  },
  {
    weight: 8,
    troubles: HEARD_LATE,
    strikes: ['connections-break', 'disk-slow'],
    points: pointsOf('pipe:commit', 'wire:confirm'),
  },
  // A dial is answered when the metadata is there: the coordinator can have confirmed long before.
  {
    weight: 10,
    troubles: [
      ['coordinator-away', 'save:probation:after', 1],
      ['world-back', 'probe:begin'],
      ['metadata-slow', 'probe:end'],
    ],
    strikes: ['disk-stuck', 'connections-break', 'kill-agent'],
    points: pointsOf('pipe:commit', 'record:write', 'wire:welcome:received'),
  },
  // A session that was just opened is gone again, and none comes about.
  {
    weight: 6,
    troubles: [
      ['coordinator-away', 'save:probation:after', 1],
      ['world-back', 'probe:begin'],
      ['certificate-refused', 'wire:welcome:received'],
    ],
    strikes: ['connections-break', 'kill-agent'],
    points: ['save:probation:after', 'pipe:dial:received'],
  },
];

/** All points of these, and of their parts. */
function pointsOf(...names: readonly string[]): readonly string[] {
  return POINTS.filter((point) =>
    names.some((name) => point === name || point.startsWith(`${name}:`)),
  );
}
