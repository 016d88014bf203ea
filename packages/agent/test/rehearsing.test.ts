/* The rehearsal as the agent that runs sees it. What is started there: rehearsal.test.ts. */
import { EXIT, type LauncherPipeMessage } from '@moult/core/boot';
import { describe, expect, test } from 'vitest';
import { settle, until } from '../../../test/support/manual-clock.ts';
import { bootLive, ended, endOf, grantsAll, order, takeBack } from './support/driving.ts';
import { type Booted, NEW, TestHost } from './support/host.ts';

type Answer = Partial<Extract<LauncherPipeMessage, { kind: 'rehearsed' }>>;

/** A release that knows rehearsals; answers are used one after another, the last one for good. */
async function rehearsing(
  host: TestHost,
  ...answers: readonly (Answer | LauncherPipeMessage['kind'])[]
): Promise<Booted> {
  host.release(NEW, { rehearses: true });
  const agent = await bootLive(host);
  grantsAll(host);
  let count = 0;
  agent.launcher.answer = (message) => {
    const { id } = message;
    if (message.kind !== 'rehearse') return { kind: 'done', id };
    const answer = answers[Math.min(count, answers.length - 1)];
    count += 1;
    if (answer === undefined) return null;
    if (answer === 'unsupported') return { kind: 'unsupported', id, what: 'rehearse' };
    if (answer === 'failed') {
      return { kind: 'failed', id, code: 'rehearsal-not-started', message: 'no memory' };
    }
    const passed = { kind: 'rehearsed', id, outcome: 'passed', detail: '' } as const;
    return typeof answer === 'string' ? passed : { ...passed, ...answer };
  };
  order(host);
  return agent;
}

const NOT_REACHED: Answer = { outcome: 'not-reached', detail: 'coordinator: nobody' };

describe('H3', () => {
  test('PF2: the staged version is rehearsed before anybody is asked for permission', async () => {
    const host = new TestHost();
    const agent = await rehearsing(host, {});
    await ended(agent);
    expect(agent.exit).toBe(EXIT.bootRecorded);
    expect(
      agent.launcher.posted.map(({ kind }) => kind).filter((kind) => kind !== 'heartbeat'),
    ).toEqual(['rehearse', 'prepare', 'try']);
    expect(agent.launcher.requests('rehearse')).toMatchObject([{ slot: NEW }]);
  });

  test('B20: one that cannot be prepared is started when its time has come', async () => {
    const host = new TestHost();
    const agent = await rehearsing(host, {});
    const { answer } = agent.launcher;
    agent.launcher.answer = (message) => {
      if (message.kind !== 'prepare') return answer(message);
      const code = 'next-not-prepared';
      return { kind: 'failed', id: message.id, code, message: 'no memory' };
    };
    await ended(agent);
    expect(agent.launcher.requests('prepare')).toMatchObject([{ slot: NEW }]);
    expect(agent.launcher.requests('try')).toHaveLength(1);
  });

  test('PF8: one that would not serve ends the attempt with what it said, and nothing was asked or refused', async () => {
    const host = new TestHost();
    const detail = 'configuration: config-invalid: no';
    const agent = await rehearsing(host, { outcome: 'failed', detail });
    const finish = await endOf(host);
    expect(finish).toMatchObject({
      ...{ outcome: 'failed', code: 'rehearsal-failed', message: `1.1.0: ${detail}` },
      rehearsal: 'failed',
    });
    expect(host.coordinator.of('permission')).toEqual([]);
    expect(agent.launcher.requests('try')).toEqual([]);
    expect(agent.exit).toBeUndefined();
  });

  test('PF8: of one that crashes the message is the error, and what it printed is evidence', async () => {
    const host = new TestHost();
    const detail = 'it ended with exit code 1 by itself\nError: built to crash\n    at x.cjs:1:1';
    await rehearsing(host, { outcome: 'failed', detail });
    const message = '1.1.0: it ended with exit code 1 by itself: Error: built to crash';
    expect(await endOf(host)).toMatchObject({
      message,
      evidence: {
        ...{ reason: 'rehearsal-failed', detail: message, exitCode: -1 },
        logLines: ['Error: built to crash', '    at x.cjs:1:1'],
      },
    });
  });

  test('PF4: not reached, it is started once more; a second time beside a session that holds, it has failed', async () => {
    const host = new TestHost();
    const agent = await rehearsing(host, NOT_REACHED);
    expect(await endOf(host)).toMatchObject({ code: 'rehearsal-failed' });
    expect(agent.launcher.requests('rehearse')).toHaveLength(2);
  });

  test('PF4: not reached and then reached, it passes', async () => {
    const host = new TestHost();
    const agent = await rehearsing(host, NOT_REACHED, {});
    await ended(agent);
    expect(agent.launcher.requests('try')).toHaveLength(1);
  });

  test('PF4: where the session breaks meanwhile nothing is decided; it is rehearsed again when there is one', async () => {
    const host = new TestHost();
    host.release(NEW, { rehearses: true });
    const agent = await bootLive(host);
    grantsAll(host);
    agent.launcher.answer = (message) => {
      if (message.kind !== 'rehearse') return { kind: 'done', id: message.id };
      const isFirst = agent.launcher.requests('rehearse').length === 1;
      if (isFirst) host.coordinator.last.drop();
      const outcome = isFirst ? 'not-reached' : 'passed';
      return { kind: 'rehearsed', id: message.id, outcome, detail: 'coordinator: nobody' };
    };
    order(host);
    await until(() => agent.launcher.requests('rehearse').length === 1, 'a rehearsal');
    await settle();
    // Sooner than on the schedule of work that waits for the world.
    await host.clock.advance(5_000);
    await ended(agent);
    expect(agent.launcher.requests('rehearse')).toHaveLength(2);
    expect(agent.launcher.requests('try')).toHaveLength(1);
  });

  test('PF5: a host that could not start it says nothing about it: tried again after a minute', async () => {
    const host = new TestHost();
    const agent = await rehearsing(host, 'failed', {});
    await until(() => agent.launcher.requests('rehearse').length === 1, 'a rehearsal');
    await settle();
    await host.clock.advance(59_000);
    expect(agent.launcher.requests('rehearse')).toHaveLength(1);
    await host.clock.advance(2_000);
    await ended(agent);
    expect(agent.launcher.requests('try')).toHaveLength(1);
  });

  test('PF7 B23: a launcher, or a version, from before rehearsals is upgraded without', async () => {
    const host = new TestHost();
    const agent = await rehearsing(host, 'unsupported');
    await ended(agent);
    expect(agent.launcher.requests('try')).toHaveLength(1);
    const other = new TestHost();
    const old = await bootLive(other);
    grantsAll(other);
    order(other);
    await ended(old);
    expect(old.launcher.requests('rehearse')).toEqual([]);
  });

  test('PF7: switched off, nothing is started', async () => {
    const host = new TestHost();
    host.isPreflightOff = true;
    const agent = await rehearsing(host, { outcome: 'failed', detail: 'no' });
    await ended(agent);
    expect(agent.launcher.requests('rehearse')).toEqual([]);
  });

  test('U20: an order that is taken back ends the wait for the rehearsal', async () => {
    const host = new TestHost();
    const agent = await rehearsing(host);
    await until(() => agent.launcher.requests('rehearse').length === 1, 'a rehearsal');
    takeBack(host);
    expect(await endOf(host)).toMatchObject({ outcome: 'denied' });
  });
});
