import { expect, test } from 'vitest';
import {
  HOST_TROUBLES_MAX,
  SUPERVISION,
  type SupervisionEvent,
  type SupervisionState,
  stepSupervision,
} from '../src/boot/index.ts';
import { EVENTS, lifeWith, NEW, OLD, recordWith, STATES } from './boot-states.ts';

/* What each cell does to the plain state of its row: next state, whether the record is saved, orders. */
const SAME = 'same';
const REJECT = 'reject';
const TOO_LATE = 'same send:failed';
const EXPECTED: {
  readonly [S in SupervisionState['kind']]: { readonly [E in SupervisionEvent['kind']]: string };
} = {
  idle: {
    started: 'starting spawn',
    spawned: REJECT,
    'spawn-failed': REJECT,
    heartbeat: SAME,
    ticked: SAME,
    'try-asked': TOO_LATE,
    'commit-asked': TOO_LATE,
    'refuse-asked': TOO_LATE,
    'roll-back-asked': TOO_LATE,
    dialled: SAME,
    probed: REJECT,
    exited: REJECT,
    waited: REJECT,
    'stop-asked': 'ended',
    'save-failed': 'starting spawn',
  },
  starting: {
    started: REJECT,
    spawned: 'watching send:spawned',
    'spawn-failed': 'backing-off wait',
    heartbeat: SAME,
    ticked: SAME,
    'try-asked': TOO_LATE,
    'commit-asked': TOO_LATE,
    'refuse-asked': TOO_LATE,
    'roll-back-asked': TOO_LATE,
    dialled: SAME,
    probed: SAME,
    exited: REJECT,
    waited: REJECT,
    'stop-asked': 'stopping',
    'save-failed': 'starting spawn',
  },
  running: {
    started: REJECT,
    spawned: REJECT,
    'spawn-failed': REJECT,
    heartbeat: 'running',
    ticked: 'running',
    'try-asked': 'running saved send:done',
    'commit-asked': TOO_LATE,
    'refuse-asked': TOO_LATE,
    'roll-back-asked': TOO_LATE,
    dialled: SAME,
    probed: SAME,
    exited: 'backing-off wait',
    waited: SAME,
    'stop-asked': 'stopping end-agent',
    'save-failed': 'backing-off wait',
  },
  watching: {
    started: REJECT,
    spawned: REJECT,
    'spawn-failed': REJECT,
    heartbeat: 'watching',
    ticked: 'watching',
    'try-asked': TOO_LATE,
    'commit-asked': 'running saved send:done',
    'refuse-asked': 'stopping saved send:done end-agent',
    'roll-back-asked': TOO_LATE,
    dialled: SAME,
    probed: SAME,
    exited: 'backing-off wait',
    waited: SAME,
    'stop-asked': 'stopping end-agent',
    'save-failed': 'backing-off wait',
  },
  stopping: {
    started: REJECT,
    spawned: 'same end-agent',
    'spawn-failed': 'starting saved spawn',
    heartbeat: SAME,
    ticked: SAME,
    'try-asked': TOO_LATE,
    'commit-asked': TOO_LATE,
    'refuse-asked': TOO_LATE,
    'roll-back-asked': TOO_LATE,
    dialled: SAME,
    probed: SAME,
    exited: 'starting saved spawn',
    waited: SAME,
    'stop-asked': 'stopping',
    'save-failed': 'starting spawn',
  },
  probing: {
    started: REJECT,
    spawned: REJECT,
    'spawn-failed': REJECT,
    heartbeat: SAME,
    ticked: 'probing',
    'try-asked': TOO_LATE,
    'commit-asked': TOO_LATE,
    'refuse-asked': TOO_LATE,
    'roll-back-asked': TOO_LATE,
    dialled: SAME,
    probed: 'starting saved spawn',
    exited: SAME,
    waited: SAME,
    'stop-asked': 'ended',
    'save-failed': 'starting spawn',
  },
  'backing-off': {
    started: REJECT,
    spawned: REJECT,
    'spawn-failed': REJECT,
    heartbeat: SAME,
    ticked: 'backing-off',
    'try-asked': TOO_LATE,
    'commit-asked': TOO_LATE,
    'refuse-asked': TOO_LATE,
    'roll-back-asked': TOO_LATE,
    dialled: SAME,
    probed: SAME,
    exited: SAME,
    waited: 'starting saved spawn',
    'stop-asked': 'ended',
    'save-failed': 'starting spawn',
  },
  ended: {
    started: REJECT,
    spawned: SAME,
    'spawn-failed': SAME,
    heartbeat: SAME,
    ticked: SAME,
    'try-asked': TOO_LATE,
    'commit-asked': TOO_LATE,
    'refuse-asked': TOO_LATE,
    'roll-back-asked': TOO_LATE,
    dialled: SAME,
    probed: SAME,
    exited: SAME,
    waited: SAME,
    'stop-asked': SAME,
    'save-failed': SAME,
  },
};

const CELLS = Object.entries(EXPECTED).flatMap(([state, row]) =>
  Object.entries(row).map(([event, expected]) => ({ state, event, expected })),
);

test.for(CELLS)('$state, $event: $expected', ({ state, event, expected }) => {
  // The table's keys are the kinds.
  const before = STATES[state as SupervisionState['kind']];
  const happened = EVENTS[event as SupervisionEvent['kind']];
  if (expected === REJECT) {
    expect(() => stepSupervision(before, happened)).toThrow(`${event} in ${state}`);
    return;
  }
  const step = stepSupervision(before, happened);
  const saved = step.state.life.record === before.life.record ? [] : ['saved'];
  const orders = step.orders.map((order) =>
    order.kind === 'send' ? `send:${order.message.kind}` : order.kind,
  );
  expect([step.state === before ? SAME : step.state.kind, ...saved, ...orders].join(' ')).toBe(
    expected,
  );
});

test('the expectations cover the whole table', () => {
  expect(CELLS).toHaveLength(
    Object.values(SUPERVISION).reduce((sum, row) => sum + Object.keys(row).length, 0),
  );
});

test('a new trial and a commit begin a new count of failures: what the version before did is not theirs', () => {
  for (const [kind, event] of [
    ['running', 'try-asked'],
    ['watching', 'commit-asked'],
  ] as const) {
    const before = STATES[kind];
    const failing = { ...before, life: { ...before.life, failures: 6 } };
    expect(stepSupervision(failing, EVENTS[event]).state.life.failures).toBe(0);
  }
});

test('B5: a host that can start no program just now costs a version no try, for two minutes of backoff', () => {
  const noHandles = { ...EVENTS['spawn-failed'], isHostTrouble: true };
  let state: SupervisionState = STATES.starting;
  let waitedMs = 0;
  for (let failure = 0; failure < HOST_TROUBLES_MAX; failure++) {
    const step = stepSupervision(state, noHandles);
    expect(step.state.life.record.components.agent.trial?.tries).toBe(0);
    waitedMs += step.orders.reduce((sum, order) => sum + ('ms' in order ? order.ms : 0), 0);
    state = stepSupervision(step.state, EVENTS.waited).state;
    expect(state).toMatchObject({ kind: 'starting', boot: { kind: 'trial', slot: NEW } });
  }
  expect(waitedMs).toBeGreaterThanOrEqual(120_000);
  const blamed = stepSupervision(state, noHandles).state;
  expect(blamed.life.record.components.agent.trial?.tries).toBe(1);
});

test('B5: the version before is not booted because the host can start no program just now', () => {
  const committed: SupervisionState = {
    ...STATES.starting,
    boot: { kind: 'committed', slot: OLD },
  };
  const record = recordWith();
  const { previous: _none, ...agent } = record.components.agent;
  const life = lifeWith({
    ...record,
    components: { ...record.components, agent: { ...agent, previous: NEW } },
  });
  const state = { ...committed, life };
  expect(stepSupervision(state, EVENTS['spawn-failed']).state).toMatchObject({
    boot: { kind: 'previous' },
  });
  const noHandles = { ...EVENTS['spawn-failed'], isHostTrouble: true };
  expect(stepSupervision(state, noHandles).state.kind).toBe('backing-off');
});
