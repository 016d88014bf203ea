/* P11: the owner of a host goes back to the version before by hand. What the launcher makes of it: launcher/test/roll-back.test.ts. */
import { writeFileSync } from 'node:fs';
import { type Evidence, EXIT, type LauncherPipeMessage } from '@moult/core/boot';
import { describe, expect, test } from 'vitest';
import { settle, until } from '../../../test/support/manual-clock.ts';
import { committedSinceMs } from '../src/database/committed-since.ts';
import { bootLive, ended, endOf, grantsAll, order } from './support/driving.ts';
import { type Booted, components, NEW, OLD, slotOf, TestHost } from './support/host.ts';
import { listTasks, runTask, said, shell, when } from './support/tasks.ts';

const WORD = { ask: 'rollback', by: 'root', why: 'it is loud', isForced: false } as const;
const FORCED = { ...WORD, isForced: true } as const;
const NEXT = slotOf('1.2.0', 'd');
const EMPTY = { committed: null, previous: null, trialAttemptId: null, refused: [] };
const upgraded = components({ agent: { ...EMPTY, committed: NEW, previous: OLD } });
const DETAIL = 'root: it is loud';

type Rehearsed = Partial<Extract<LauncherPipeMessage, { readonly kind: 'rehearsed' }>>;

/** A host on which 1.1.0 was committed a moment ago, or as it says, and 1.0.0 would serve, or as it says. */
async function onNew(
  host: TestHost,
  more: {
    readonly sinceMs?: number | null;
    readonly rehearsed?: Rehearsed;
    readonly rehearses?: boolean;
  } = {},
): Promise<Booted> {
  const { sinceMs = host.clock.nowMs(), rehearsed = {}, rehearses = true } = more;
  host.release(OLD, { rehearses });
  const store = host.store();
  const row = { digest: NEW.digest, atMs: sinceMs };
  store.meta.write('committed-since', JSON.stringify(row));
  store.close();
  const agent = await bootLive(host, { slot: NEW, components: upgraded });
  agent.launcher.answer = ({ kind, id }) =>
    kind === 'rehearse'
      ? { kind: 'rehearsed', id, outcome: 'passed', detail: '', ...rehearsed }
      : { kind: 'done', id };
  return agent;
}

const asked = (agent: Booted) =>
  agent.launcher.posted.map(({ kind }) => kind).filter((kind) => kind !== 'heartbeat');

/** It gives whoever asked a moment to hear of it. */
async function left(host: TestHost, agent: Booted): Promise<void> {
  await host.clock.advance(200);
  await ended(agent);
  expect(agent.exit).toBe(EXIT.bootRecorded);
}

/** What is reported is coalesced. */
async function atStep(host: TestHost, step: string): Promise<void> {
  for (let turn = 0; turn < 20; turn++) {
    if (host.coordinator.of('report').at(-1)?.upgrade?.step === step) return;
    await host.clock.advance(200);
  }
  throw new Error(`it never was ${step}`);
}

async function stopped(agent: Booted): Promise<void> {
  agent.stop();
  await ended(agent);
}

describe('P11: the owner of a host goes back by hand', () => {
  test('the version before is rehearsed, the boot record goes back to it, and the process makes way once that is said', async () => {
    const host = new TestHost();
    const agent = await onNew(host);
    const back = await host.askOwner(WORD);
    expect(back).toEqual({ component: 'agent', from: '1.1.0', to: '1.0.0' });
    expect(agent.exit).toBeUndefined();
    await left(host, agent);
    expect(asked(agent)).toEqual(['rehearse', 'roll-back']);
    expect(agent.launcher.requests('rehearse')).toMatchObject([{ slot: OLD }]);
    expect(agent.launcher.requests('roll-back')).toMatchObject([
      {
        component: 'agent',
        attemptId: `owner/${host.clock.nowMs() - 200}`,
        evidence: { reason: 'rolled-back-by-owner', detail: DETAIL },
      },
    ]);
  });

  test('without a coordinator too, and where nobody could tell it that an upgrade has ended', async () => {
    const host = new TestHost();
    const agent = await onNew(host, { rehearsed: { outcome: 'not-reached', detail: 'away' } });
    host.coordinator.acknowledges = false;
    grantsAll(host);
    order(host, { version: '1.1.0' });
    await atStep(host, 'reporting');
    host.coordinator.last.drop();
    await host.askOwner(WORD);
    await left(host, agent);
  });

  test('tasks that run are waited for, none starts meanwhile, and what they wrote stays in the outbox', async () => {
    const host = new TestHost();
    const go = `${host.dir}/go`;
    listTasks(host, {
      long: shell(`echo begun; while [ ! -e ${go} ]; do sleep 0.05; done; echo over`),
    });
    const agent = await onNew(host);
    runTask(host, 'long');
    await when(() => said(host).length > 0);
    const rolled = host.askOwner(WORD);
    await when(() => asked(agent).includes('rehearse'));
    await settle();
    host.coordinator.acknowledges = false;
    runTask(host, 'long', { commandId: 'second' });
    await settle();
    expect(asked(agent)).not.toContain('roll-back');
    writeFileSync(go, '');
    await when(() => asked(agent).includes('roll-back'));
    await rolled;
    await left(host, agent);
    const store = host.store();
    expect(store.inbox.waiting()).toMatchObject([{ commandId: 'second' }]);
    expect(store.taskRuns.list()).toEqual([]);
    expect(store.outbox.hasLeftover()).toBe(true);
    store.close();
    expect(said(host).filter(({ run }) => run === 'second/1')).toEqual([]);
  });

  test('whoever asks and goes away while it waits has asked nothing; a second one is told that the first waits', async () => {
    const host = new TestHost();
    const go = `${host.dir}/go`;
    listTasks(host, { long: shell(`while [ ! -e ${go} ]; do sleep 0.05; done`) });
    const agent = await onNew(host);
    runTask(host, 'long');
    await when(() => said(host).length > 0);
    const gone = new AbortController();
    const first = host.askOwner(WORD, gone.signal);
    await when(() => asked(agent).includes('rehearse'));
    await expect(host.askOwner(WORD)).rejects.toMatchObject({ code: 'upgrade-under-way' });
    gone.abort(new Error('it has gone'));
    await expect(first).rejects.toThrow('it has gone');
    writeFileSync(go, '');
    runTask(host, 'long', { commandId: 'second' });
    await when(() => said(host).some(({ run, outcome }) => run === 'second/1' && outcome !== ''));
    expect(asked(agent)).not.toContain('roll-back');
    await stopped(agent);
  });

  test.for([
    ['a rehearsal that failed', { rehearsed: { outcome: 'failed', detail: 'tasks: line 3' } }],
    ['a version from before rehearsals', { rehearses: false }],
    ['an unknown time', { sinceMs: null }],
    ['more than seven days', { sinceMs: -7 * 86_400_000 }],
  ] as const)('%s: only by force', async ([, more]) => {
    const host = new TestHost();
    const agent = await onNew(host, {
      ...more,
      ...('sinceMs' in more && more.sinceMs !== null
        ? { sinceMs: host.clock.nowMs() + more.sinceMs - 1 }
        : {}),
    });
    const code = 'sinceMs' in more ? 'rollback-too-late' : 'rollback-unproved';
    await expect(host.askOwner(WORD)).rejects.toMatchObject({ code });
    expect(asked(agent)).not.toContain('roll-back');
    await host.askOwner(FORCED);
    await left(host, agent);
  });

  test('a damaged slot, and state that it could not read: never', async () => {
    const host = new TestHost();
    host.release(NEW, { irreversible: true });
    const agent = await onNew(host);
    await expect(host.askOwner(FORCED)).rejects.toMatchObject({ code: 'state-too-new' });
    host.release(NEW);
    host.release(OLD, { rehearses: true, stateSchema: 0 });
    await expect(host.askOwner(FORCED)).rejects.toMatchObject({ code: 'state-too-new' });
    host.loseFallback();
    await expect(host.askOwner(FORCED)).rejects.toMatchObject({
      code: 'slot-corrupt',
      message: '1.0.0 was changed by hand: bin/node (changed)',
    });
    expect(asked(agent)).not.toContain('roll-back');
    await stopped(agent);
  });

  test('a launcher that cannot, or does not: it says so, and work goes on', async () => {
    const host = new TestHost();
    listTasks(host, { quick: shell('true') });
    const agent = await onNew(host);
    const { answer } = agent.launcher;
    agent.launcher.answer = (message) =>
      message.kind === 'roll-back'
        ? { kind: 'unsupported', id: message.id, what: 'roll-back' }
        : answer(message);
    await expect(host.askOwner(WORD)).rejects.toMatchObject({
      code: 'launcher-too-old',
      remedy: expect.stringContaining('--component launcher'),
    });
    agent.launcher.answer = (message) =>
      message.kind === 'roll-back'
        ? { kind: 'failed', id: message.id, code: 'boot-record-unwritable', message: 'ENOSPC' }
        : answer(message);
    await expect(host.askOwner(WORD)).rejects.toMatchObject({ code: 'boot-record-unwritable' });
    runTask(host, 'quick');
    await when(() => said(host).some(({ run, outcome }) => run === 'quick/1' && outcome !== ''));
    expect(agent.exit).toBeUndefined();
    await stopped(agent);
  });

  test('a launcher that does not answer may have done it: the process makes way for what the record says', async () => {
    const host = new TestHost();
    const agent = await onNew(host);
    const { answer } = agent.launcher;
    agent.launcher.answer = (message) => (message.kind === 'roll-back' ? null : answer(message));
    const rolled = host.askOwner(WORD).catch((error: unknown) => error);
    await until(() => asked(agent).includes('roll-back'), 'the request');
    await host.clock.advance(31_000);
    expect(await rolled).toMatchObject({ code: 'launcher-silent' });
    await ended(agent);
    expect(agent.exit).toBe(EXIT.bootRecorded);
  });
});

describe('P11: beside an upgrade', () => {
  test('one that is prepared is in the way, by its step; by force it is given up, and the host goes back', async () => {
    const host = new TestHost();
    host.release(NEXT);
    const agent = await onNew(host);
    order(host, { version: NEXT.version });
    await atStep(host, 'rehearsed');
    await expect(host.askOwner(WORD)).rejects.toMatchObject({
      code: 'upgrade-under-way',
      message: 'agent 1.2.0 is rehearsed',
    });
    await host.askOwner(FORCED);
    expect(await endOf(host)).toMatchObject({
      outcome: 'denied',
      message: `rolled back by hand: ${DETAIL}`,
    });
    await left(host, agent);
    expect(asked(agent)).toContain('roll-back');
  });

  test('a version on trial is refused in the owner’s words, whatever its age', async () => {
    const host = new TestHost();
    const first = await bootLive(host);
    grantsAll(host);
    order(host);
    await ended(first);
    const agent = await bootLive(host, {
      slot: NEW,
      components: components({
        agent: { ...EMPTY, committed: OLD, trialAttemptId: 'command-1/1' },
      }),
    });
    await atStep(host, 'probation');
    const back = await host.askOwner(WORD);
    expect(back).toEqual({ component: 'agent', from: '1.1.0', to: '1.0.0' });
    await ended(agent);
    expect(agent.exit).toBe(EXIT.bootRecorded);
    expect(agent.launcher.requests('refuse')).toMatchObject([
      {
        attemptId: 'command-1/1',
        evidence: { reason: 'rolled-back-by-owner', detail: DETAIL },
      },
    ]);
    expect(asked(agent)).not.toContain('rehearse');
  });
});

describe('P11: what is known of it afterwards', () => {
  test('the version before tells who went back and why, until what was left has come back', async () => {
    const host = new TestHost();
    const evidence: Evidence = {
      reason: 'rolled-back-by-owner',
      detail: DETAIL,
      exitCode: null,
      signal: null,
      logLines: [],
      samples: [],
    };
    const refusal = { version: '1.1.0', digest: NEW.digest, attemptId: 'owner/1', evidence };
    const agent = await bootLive(host, {
      components: components({
        agent: { ...EMPTY, committed: OLD, previous: NEW, refused: [refusal] },
      }),
    });
    await until(() => host.coordinator.of('report').length > 0, 'a report');
    const [part, launcher] = host.coordinator.of('report').at(-1)?.components ?? [];
    expect(part).toMatchObject({
      refused: [{ version: '1.1.0' }],
      rolledBack: { from: { version: '1.1.0' }, attemptId: 'owner/1', said: DETAIL },
    });
    expect(launcher?.rolledBack).toBeNull();
    await stopped(agent);
  });

  test('since when a version is committed is known from its commit on, or from when it was first seen so', async () => {
    const host = new TestHost();
    const sinceMs = (slot = NEW) => {
      const store = host.store();
      try {
        return committedSinceMs(store.meta, slot);
      } finally {
        store.close();
      }
    };
    const known = async (committed: typeof NEW) => {
      const agent = await bootLive(host, {
        slot: committed,
        components: components({ agent: { ...EMPTY, committed } }),
      });
      await stopped(agent);
    };
    await known(OLD);
    expect(sinceMs(OLD)).toBeNull();
    await host.clock.advance(5_000);
    await known(NEW);
    const seenMs = host.clock.nowMs();
    expect(sinceMs()).toBe(seenMs);
    await host.clock.advance(5_000);
    await known(NEW);
    expect([sinceMs(), sinceMs(OLD)]).toEqual([seenMs, null]);
  });
});
