/* Rollouts before they run: drafts, plans that go stale, approvals, times to start. */
import { DEFAULT_SPEC, type RolloutSpec } from '@moult/core/rollout';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Store } from '../src/index.ts';
import type { Engine } from './conformance.ts';
import { Fleet } from './support/rollout-fleet.ts';
import { D2, NOW, order, publish, report } from './support/rows.ts';

const REST: RolloutSpec['waves'] = [{ kind: 'rest' }];
const LATER = NOW + 3_600_000;

export function rolloutPlanningConformance(engine: Engine): void {
  describe(`rollouts before their start on ${engine.name}`, () => {
    let store: Store;
    let dispose: () => Promise<void>;
    beforeEach(async () => {
      const opened = await engine.open();
      store = opened.store;
      dispose = () => opened.dispose();
      await publish(store);
    });
    afterEach(() => dispose());

    drafts(() => store);
    staleness(() => store);
    approvals(() => store);
    times(() => store);
  });
}

function spec(set: Partial<RolloutSpec> = {}): RolloutSpec {
  return { ...DEFAULT_SPEC, component: 'agent', version: '2.0.0', waves: REST, ...set };
}

function asked(fleet: Fleet, ...names: readonly string[]) {
  return names.map((name) => ({ instanceId: fleet.id(name), isConnected: true }));
}

const draft = (store: Store, set: Partial<RolloutSpec> = {}) =>
  store.write('draftRollout', {
    ...{ ...order, spec: spec(set), name: 'spring', selector: 'group=eu', agents: null },
  });

/** Of it, by whom: who asks is `ann` unless said. */
const of = (rollout: string, principal: string = order.principal) => ({
  ...order,
  rollout,
  principal,
});

interface Found {
  readonly rollout: string;
  readonly agents: ReturnType<typeof asked>;
  readonly nowMs: number;
}

/** As a coordinator does that was not interrupted. */
async function finishPlan(store: Store, found: Found) {
  const { revision } = await isAt(store, found.rollout);
  return await store.write('finishPlan', { ...found, revision });
}

async function startDue(store: Store, found: Found) {
  const { revision } = await isAt(store, found.rollout);
  return await store.write('startDueRollout', { ...found, revision });
}

async function isAt(store: Store, rollout: string) {
  return (await store.read('rolloutView', rollout)).row;
}

async function kindsOf(store: Store): Promise<readonly string[]> {
  const page = { agent: null, before: null, after: null, limit: 100 };
  const entries = await store.read('historyPage', page);
  return entries
    .map(({ kind }) => kind)
    .filter((kind) => kind.startsWith('rollout-'))
    .reverse();
}

function drafts(opened: () => Store): void {
  test('R4: a draft is planned when it is ordered, by whoever looks, and history says each step', async () => {
    const store = opened();
    const fleet = await Fleet.of(store, { eu: ['a', 'b'] });
    const { id } = await draft(store);
    expect(await isAt(store, id)).toMatchObject({ state: 'draft', selector: 'group=eu' });
    await store.write('orderPlan', of('spring'));
    expect(await store.read('unsettledRollouts', { nowMs: NOW })).toEqual({
      ...{ planning: [id], due: [] },
    });
    const finish = { rollout: id, agents: asked(fleet, 'a', 'b'), nowMs: NOW };
    const { row, plan } = await finishPlan(store, finish);
    expect(row).toMatchObject({ state: 'pending', planned_ms: NOW });
    expect(plan?.members).toHaveLength(2);
    expect((await finishPlan(store, finish)).plan).toBeNull();
    expect(await store.read('unsettledRollouts', { nowMs: NOW })).toMatchObject({ planning: [] });
    expect(await kindsOf(store)).toEqual(['rollout-draft', 'rollout-planning', 'rollout-pending']);
    const view = await store.read('rolloutView', id);
    expect(view.waves).toMatchObject([{ waiting: 2 }]);
  });

  test('R4: where nobody would go it is a draft again, and says why', async () => {
    const store = opened();
    await Fleet.of(store, { eu: ['a'] });
    const { id } = await draft(store);
    await store.write('orderPlan', of(id));
    const { trouble } = await finishPlan(store, { rollout: id, agents: [], nowMs: NOW });
    expect(trouble).toMatchObject({ code: 'rollout-empty' });
    expect(await isAt(store, id)).toMatchObject({
      ...{ state: 'draft', state_why: expect.stringContaining('nobody would be upgraded') },
    });
    const start = store.write('startRollout', of(id));
    await expect(start).rejects.toMatchObject({ code: 'rollout-state' });
  });

  test('R4: an edit takes the plan away, and keeps what it does not name', async () => {
    const store = opened();
    const fleet = await Fleet.of(store, { eu: ['a', 'b'] });
    const made = await fleet.make({ waves: REST, soakMs: 5 });
    const edit = { ...of(made.id, 'bob'), spec: { pauseAfter: 1 }, name: 'autumn', why: '' };
    const edited = await store.write('editRollout', { ...edit, isPlanned: true });
    expect(edited).toMatchObject({
      ...{ state: 'planning', name: 'autumn', edited_by: 'bob', why: order.why },
      ...{ already_there: 0, planned_ms: null, agents: '["a","b"]' },
    });
    expect(JSON.parse(edited.spec)).toMatchObject({ soakMs: 5, pauseAfter: 1 });
    expect((await store.read('rolloutView', made.id)).waves).toEqual([]);
    const again = store.write('editRollout', { ...edit, isPlanned: false });
    await expect(again).rejects.toMatchObject({ code: 'rollout-state' });
    await finishPlan(store, { rollout: made.id, agents: asked(fleet, 'a'), nowMs: NOW });
    const wrong = { ...of('autumn'), isPlanned: false };
    for (const [set, code] of [
      [{ version: '9.9.9' }, 'desired-version-invalid'],
      [{ rollBackTo: '9.9.9' }, 'desired-version-invalid'],
      [{ successShareMin: 2 }, 'rollout-spec-invalid'],
    ] as const)
      await expect(store.write('editRollout', { ...wrong, spec: set })).rejects.toMatchObject({
        code,
      });
    await store.write('startRollout', of('autumn'));
    const late = store.write('editRollout', { ...wrong, spec: {} });
    await expect(late).rejects.toMatchObject({
      ...{ code: 'rollout-state', message: 'autumn is running: that cannot be done with it' },
    });
  });

  test('the same key makes no second rollout', async () => {
    const store = opened();
    const fleet = await Fleet.of(store, { eu: ['a'] });
    const make = { ...order, spec: spec(), name: null, selector: null, key: 'k1' };
    const agents = asked(fleet, 'a');
    const first = await store.write('createRollout', { ...make, agents });
    // Nobody is left to go by then.
    const second = await store.write('createRollout', { ...make, agents: [] });
    expect(second.id).toBe(first.id);
    const other = await store.write('createRollout', { ...make, agents, key: 'k2' });
    expect(other.name).toBe('agent-2.0.0-2');
  });

  test('H14: where a launcher is needed those without cannot, and where none has one it is refused', async () => {
    const store = opened();
    const fleet = await Fleet.of(store, { eu: ['a', 'b'] });
    await report(store, fleet.id('b'), [], { marks: ['no launcher'] });
    const plan = (names: readonly string[], set: Partial<RolloutSpec>) =>
      store.read('rolloutPlan', {
        selector: null,
        spec: spec(set),
        agents: asked(fleet, ...names),
      });
    expect((await plan(['a', 'b'], {})).warnings).toEqual([{ code: 'no-launcher', agents: ['b'] }]);
    const some = await plan(['a', 'b'], { isLauncherNeeded: true });
    expect(some.cannot).toMatchObject([{ candidate: { agentName: 'b' }, reason: 'no-launcher' }]);
    await expect(plan(['b'], { isLauncherNeeded: true })).rejects.toMatchObject({
      code: 'no-launcher-selected',
      message: 'b has no launcher',
    });
  });

  test('a release without a way back is warned of', async () => {
    const store = opened();
    const fleet = await Fleet.of(store, { eu: ['a'] });
    const name = { ...order, component: 'agent', version: '3.0.0' } as const;
    const built = { platform: 'linux-x64', digest: '3'.repeat(64), minimumLauncher: null };
    const sizes = { manifestBytes: 1, bytes: 1, files: 1 };
    await store.write('recordImport', { ...name, ...built, ...sizes, isIrreversible: true });
    await store.write('recordPublish', name);
    const set = spec({ version: '3.0.0' });
    const of3 = { spec: set, selector: null, agents: asked(fleet, 'a') };
    const { warnings } = await store.read('rolloutPlan', of3);
    expect(warnings).toEqual([{ code: 'irreversible', agents: ['a'] }]);
  });
}

function staleness(opened: () => Store): void {
  test('RO41: a plan that went stale is not started, and the difference is said', async () => {
    const store = opened();
    const fleet = await Fleet.of(store, { eu: ['a', 'b', 'c'] });
    const made = await fleet.make({ waves: REST }, ['a', 'b']);
    await report(store, fleet.id('a'), [], {
      components: [
        {
          component: 'agent',
          current: { version: '2.0.0', digest: D2 },
          ...{ previous: null, refused: [], trialAttemptId: '' },
          changes: { files: [], count: 0 },
        },
      ],
    });
    const now = { ...of(made.id), agents: asked(fleet, 'a', 'c') };
    await expect(store.write('startRollout', now)).rejects.toMatchObject({
      code: 'rollout-plan-stale',
      message:
        'since agent-2.0.0 was planned it has changed who goes: 1 runs it already: a; 1 is gone: b; 1 is new: c',
    });
    expect(await isAt(store, made.id)).toMatchObject({ state: 'pending' });
    await store.write('orderPlan', of(made.id));
    const finish = { rollout: made.id, agents: asked(fleet, 'a', 'c'), nowMs: NOW };
    const { difference } = await finishPlan(store, finish);
    expect(difference).toEqual({ alreadyThere: ['a'], cannot: [], gone: ['b'], added: ['c'] });
    expect(await store.write('startRollout', now)).toMatchObject({ state: 'running' });
  });

  test('RO41: it starts as it was planned where somebody says so', async () => {
    const store = opened();
    const fleet = await Fleet.of(store, { eu: ['a', 'b'] });
    const made = await fleet.make({ waves: REST }, ['a']);
    expect(await store.write('startRollout', of(made.id))).toMatchObject({ state: 'running' });
    fleet.rollout = made.id;
    await fleet.step();
    expect(await fleet.states()).toEqual({ a: 'upgrading' });
  });
}

function approvals(opened: () => Store): void {
  test('RO42: another principal approves what starts, and an edit takes that away', async () => {
    const store = opened();
    const fleet = await Fleet.of(store, { eu: ['a'] });
    const { id } = await fleet.make({ waves: REST, needsSecondPrincipal: true });
    const start = () => store.write('startRollout', of(id));
    await expect(start()).rejects.toMatchObject({
      ...{ code: 'rollout-not-approved', message: expect.stringContaining('awaiting-approval') },
    });
    const own = store.write('approveRollout', of(id, 'ann'));
    await expect(own).rejects.toMatchObject({ code: 'second-principal-needed' });
    await store.write('approveRollout', of(id, 'bob'));
    expect(await isAt(store, id)).toMatchObject({ approved_by: 'bob', approved_ms: NOW });
    const edit = { ...of(id, 'bob'), spec: { soakMs: 1 }, isPlanned: true };
    await store.write('editRollout', edit);
    await finishPlan(store, { rollout: id, agents: asked(fleet, 'a'), nowMs: NOW });
    await expect(start()).rejects.toMatchObject({ code: 'rollout-not-approved' });
    const editor = store.write('approveRollout', of(id, 'bob'));
    await expect(editor).rejects.toMatchObject({
      message: 'bob edited agent-2.0.0: another principal approves it',
    });
    await store.write('approveRollout', of(id, 'eve'));
    expect(await start()).toMatchObject({ state: 'running' });
  });

  test('RO42: planned anew with another result it waits for another approval', async () => {
    const store = opened();
    const fleet = await Fleet.of(store, { eu: ['a', 'b'] });
    const { id } = await fleet.make({ waves: REST, needsSecondPrincipal: true }, ['a']);
    await store.write('approveRollout', of(id, 'bob'));
    const again = async (...names: readonly string[]) => {
      await store.write('orderPlan', of(id));
      const finish = { rollout: id, agents: asked(fleet, ...names), nowMs: NOW };
      return (await finishPlan(store, finish)).row.approved_by;
    };
    expect(await again('a')).toBe('bob');
    expect(await again('a', 'b')).toBeNull();
  });

  test('RO42: what settings ask for is not edited away, and not by the fleet’s policy of agents of two groups', async () => {
    const store = opened();
    const fleet = await Fleet.of(store, { eu: ['a'], us: ['b'], asia: ['c', 'd'] });
    const key = 'rollout.second-principal';
    await store.write('changeSetting', { ...order, group: 'eu', key, value: 'yes' });
    const made = await fleet.make({ waves: REST, needsSecondPrincipal: true }, ['a']);
    const spec = { needsSecondPrincipal: false };
    await store.write('editRollout', { ...of(made.id), spec, isPlanned: true });
    await finishPlan(store, { rollout: made.id, agents: asked(fleet, 'a'), nowMs: NOW });
    const both = await fleet.make({ waves: REST }, ['a', 'b']);
    for (const id of [made.id, both.id]) {
      const start = store.write('startRollout', of(id));
      await expect(start).rejects.toMatchObject({ code: 'rollout-not-approved' });
      expect(await store.read('rolloutView', id)).toMatchObject({ needsSecondPrincipal: true });
    }
    await store.write('approveRollout', of(both.id, 'bob'));
    expect(await store.write('startRollout', of(both.id))).toMatchObject({ state: 'running' });
    // A group's own word comes before the fleet's, where it is for nobody else.
    const others = await fleet.make({ waves: REST }, ['c']);
    await store.write('changeSetting', { ...order, group: null, key, value: 'yes' });
    const start = () => store.write('startRollout', of(others.id));
    await expect(start()).rejects.toMatchObject({ code: 'rollout-not-approved' });
    await store.write('changeSetting', { ...order, group: 'asia', key, value: 'no' });
    expect(await start()).toMatchObject({ state: 'running' });
  });

  test('what needs no approval has none', async () => {
    const store = opened();
    const fleet = await Fleet.of(store, { eu: ['a'] });
    const { id } = await fleet.make({ waves: REST });
    await expect(store.write('approveRollout', of(id, 'bob'))).rejects.toMatchObject({
      ...{ code: 'rollout-state', message: 'agent-2.0.0 needs no approval to be started' },
    });
  });
}

function times(opened: () => Store): void {
  const due = (store: Store, nowMs: number) => store.read('unsettledRollouts', { nowMs });

  test('RO43: at its time it is planned anew and starts by itself', async () => {
    const store = opened();
    const fleet = await Fleet.of(store, { eu: ['a', 'b'] });
    const { id } = await fleet.make({ waves: REST }, ['a']);
    const past = store.write('setRolloutStart', { ...of(id), startsMs: NOW });
    await expect(past).rejects.toMatchObject({ code: 'rollout-start-past' });
    await store.write('setRolloutStart', { ...of(id, 'bob'), startsMs: LATER });
    expect((await due(store, LATER - 1)).due).toEqual([]);
    const early = { rollout: id, agents: asked(fleet, 'a', 'b'), nowMs: LATER - 1 };
    expect(await startDue(store, early)).toBe(false);
    expect((await due(store, LATER)).due).toEqual([id]);
    expect(await startDue(store, { ...early, nowMs: LATER })).toBe(true);
    expect(await isAt(store, id)).toMatchObject({
      ...{ state: 'running', started_by: 'bob', started_ms: LATER },
    });
    expect((await kindsOf(store)).slice(-2)).toEqual(['rollout-planned-anew', 'rollout-running']);
    expect((await store.read('rolloutView', id)).waves).toMatchObject([{ waiting: 2 }]);
  });

  test('RO42, RO43: what waits for an approval that settings asked for is looked at again once they do not', async () => {
    const store = opened();
    const fleet = await Fleet.of(store, { eu: ['a'] });
    const { id } = await fleet.make({ waves: REST });
    await store.write('setRolloutStart', { ...of(id), startsMs: LATER });
    const setting = { ...order, group: 'eu', key: 'rollout.second-principal' };
    await store.write('changeSetting', { ...setting, value: 'yes' });
    const start = { rollout: id, agents: asked(fleet, 'a'), nowMs: LATER };
    expect(await startDue(store, start)).toBe(false);
    expect(await isAt(store, id)).toMatchObject({ waits_reason: 'awaiting-approval' });
    await store.write('changeSetting', { ...setting, value: null });
    expect((await due(store, LATER)).due).toEqual([id]);
    expect(await startDue(store, start)).toBe(true);
  });

  test('RO42, RO43: with another plan than was approved it waits for another approval', async () => {
    const store = opened();
    const fleet = await Fleet.of(store, { eu: ['a', 'b'] });
    const { id } = await fleet.make({ waves: REST, needsSecondPrincipal: true }, ['a']);
    await store.write('approveRollout', of(id, 'bob'));
    await store.write('setRolloutStart', { ...of(id), startsMs: LATER });
    const start = { rollout: id, agents: asked(fleet, 'a', 'b'), nowMs: LATER };
    expect(await startDue(store, start)).toBe(false);
    expect(await isAt(store, id)).toMatchObject({
      ...{ state: 'pending', waits_reason: 'awaiting-approval', approved_by: null },
    });
    expect((await due(store, LATER + 86_400_000)).due).toEqual([]);
    await store.write('approveRollout', of(id, 'bob'));
    expect((await due(store, LATER)).due).toEqual([id]);
    expect(await startDue(store, start)).toBe(true);
  });

  test('RO43: agents that were found for it before an edit are neither planned nor started', async () => {
    const store = opened();
    const fleet = await Fleet.of(store, { eu: ['a'], us: ['b'] });
    const { id } = await fleet.make({ waves: REST }, ['a']);
    await store.write('setRolloutStart', { ...of(id), startsMs: LATER });
    const found = async (name: string) => {
      const { revision } = await isAt(store, id);
      return { rollout: id, agents: asked(fleet, name), revision, nowMs: LATER };
    };
    const before = await found('a');
    const edit = { ...of(id), spec: {}, agents: ['b'], isPlanned: true };
    const planning = await store.write('editRollout', edit);
    expect(await store.write('finishPlan', before)).toMatchObject({ row: planning, plan: null });
    await store.write('finishPlan', await found('b'));
    expect(await store.write('startDueRollout', before)).toBe(false);
    fleet.rollout = id;
    expect(await fleet.states()).toEqual({ b: 'waiting' });
    expect(await isAt(store, id)).toMatchObject({ state: 'pending', waits_reason: null });
    expect(await store.write('startDueRollout', await found('b'))).toBe(true);
  });

  test('RO43: what stands against it is said, and looked at again', async () => {
    const store = opened();
    const fleet = await Fleet.of(store, { eu: ['a'] });
    const { id } = await fleet.make({ waves: REST }, ['a']);
    await store.write('setRolloutStart', { ...of(id), startsMs: LATER });
    const start = (nowMs: number, ...names: readonly string[]) =>
      startDue(store, { rollout: id, agents: asked(fleet, ...names), nowMs });
    await start(LATER);
    expect(await isAt(store, id)).toMatchObject({ state: 'pending', waits_reason: 'plan-empty' });
    expect((await due(store, LATER + 1)).due).toEqual([]);
    const other = await fleet.make({ waves: REST }, ['a']);
    await store.write('startRollout', of(other.id));
    const again = LATER + 60_000;
    expect((await due(store, again)).due).toEqual([id]);
    await start(again, 'a');
    expect(await isAt(store, id)).toMatchObject({ waits_reason: 'agent-in-rollout' });
    expect((await kindsOf(store)).filter((kind) => kind === 'rollout-start-held')).toHaveLength(2);
    await store.write('cancelRollout', of(other.id));
    expect(await start(again + 60_000, 'a')).toBe(true);
  });
}
