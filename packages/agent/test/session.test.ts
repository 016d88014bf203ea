import { proofText } from '@moult/core/identity';
import { describe, expect, test } from 'vitest';
import { until } from '../../../test/support/manual-clock.ts';
import { reconnectDelayMs } from '../src/session/backoff.ts';
import { hourlyCheckOf } from '../src/timing.ts';
import { type Booted, TestHost } from './support/host.ts';

async function live(host: TestHost, sessions = 1): Promise<void> {
  await until(
    () =>
      host.coordinator.sessions.length >= sessions &&
      host.coordinator.last.frames.some(({ kind }) => kind === 'check'),
    `session ${sessions}`,
  );
}

async function stop(agent: Booted): Promise<void> {
  agent.stop();
  await agent.ended;
  expect(agent.error).toBeUndefined();
}

describe('a session', () => {
  test('H1 H9: proves who it is, asks what is wanted first of all, and reports', async () => {
    const host = new TestHost();
    const agent = host.boot();
    await live(host);
    await until(() => host.coordinator.of('report').length > 0, 'a report');
    const kinds = host.coordinator.last.frames.map(({ kind }) => kind);
    expect(kinds.slice(0, 4)).toEqual(['hello', 'prove', 'check', 'report']);
    expect(host.coordinator.of('check')).toEqual([{ isFirst: true }]);
    expect(host.coordinator.of('hello')[0]).toMatchObject({
      instanceId: 'instance-1',
      purpose: 'serve',
      version: '1.0.0',
      platform: 'linux-x64',
      counter: 1,
      ticket: '',
    });
    const signed = new TextDecoder().decode(host.coordinator.of('prove')[0]?.signature);
    expect(
      proofText({
        nonce: 'ab'.repeat(32),
        instanceId: '',
        purpose: 'serve',
        version: '',
        digest: '',
        commandNonce: '',
        channelBinding: '',
      }).slice(0, 64),
    ).toBe(signed);
    await stop(agent);
  });

  test('T14: each hello shows a higher counter and the ticket of the welcome before', async () => {
    const host = new TestHost();
    const agent = host.boot();
    await live(host);
    host.coordinator.last.drop();
    await host.clock.advance(2_000);
    await live(host, 2);
    expect(host.coordinator.of('hello').map(({ counter, ticket }) => [counter, ticket])).toEqual([
      [1, ''],
      [2, 'ticket-1'],
    ]);
    await stop(agent);
    const next = host.boot();
    await live(host, 3);
    expect(host.coordinator.of('hello').at(-1)).toMatchObject({
      counter: 3,
      ticket: 'ticket-2',
      generationSeen: 1,
      positionSeen: 1,
    });
    await stop(next);
  });

  test('a counter that was shown is used up even when no welcome came', async () => {
    const host = new TestHost();
    host.coordinator.onFrame = (frame, session) => {
      if (frame.kind !== 'prove') return false;
      session.drop();
      return true;
    };
    const agent = host.boot();
    await until(() => host.coordinator.of('prove').length === 1, 'a proof');
    host.coordinator.onFrame = () => false;
    await host.clock.advance(2_000);
    await live(host, 2);
    expect(host.coordinator.of('hello').map(({ counter }) => counter)).toEqual([1, 2]);
    await stop(agent);
  });

  test('a coordinator that is away is tried again and again, ever more slowly', async () => {
    const host = new TestHost();
    host.coordinator.isReachable = false;
    const agent = host.boot();
    await host.clock.advance(600_000);
    expect(agent.launcher.posted.at(-1)).toMatchObject({
      kind: 'heartbeat',
      reached: false,
      healthy: true,
    });
    host.coordinator.isReachable = true;
    await host.clock.advance(60_000);
    await live(host);
    expect(agent.launcher.posted.at(-1)).toMatchObject({ reached: true });
    await stop(agent);
  });

  test('a connection on which nothing comes for 50 s is given up', async () => {
    const host = new TestHost();
    const agent = host.boot();
    await live(host);
    await host.clock.advance(49_000);
    expect(host.coordinator.last.isOpen).toBe(true);
    await host.clock.advance(5_000);
    await live(host, 2);
    await stop(agent);
  });

  test('pings are answered and keep the session', async () => {
    const host = new TestHost();
    const agent = host.boot();
    await live(host);
    for (let id = 1; id <= 5; id++) {
      await host.clock.advance(20_000);
      host.coordinator.last.send({ kind: 'ping', message: { id } });
    }
    await until(() => host.coordinator.of('pong').length === 5, 'pongs');
    expect(host.coordinator.sessions).toHaveLength(1);
    await stop(agent);
  });

  test('H11: busy counts as reached, and its wish for patience is obeyed', async () => {
    const host = new TestHost();
    host.coordinator.onFrame = (frame, session) => {
      if (frame.kind === 'hello')
        session.send({ kind: 'goodbye', message: { reason: 'busy', retryAfterMs: 40_000 } });
      return true;
    };
    const agent = host.boot();
    await until(() => host.coordinator.of('hello').length === 1, 'hello');
    await host.clock.advance(6_000);
    expect(agent.launcher.posted.at(-1)).toMatchObject({ kind: 'heartbeat', reached: true });
    await host.clock.advance(30_000);
    expect(host.coordinator.sessions).toHaveLength(1);
    await host.clock.advance(6_000);
    expect(host.coordinator.sessions).toHaveLength(2);
    await stop(agent);
  });

  test('a proof that is refused is no reaching, and is not repeated in haste', async () => {
    const host = new TestHost();
    host.coordinator.onFrame = (frame, session) => {
      if (frame.kind === 'prove')
        session.send({ kind: 'goodbye', message: { reason: 'proof-failed', retryAfterMs: 0 } });
      return frame.kind === 'prove';
    };
    const agent = host.boot();
    await until(() => host.coordinator.of('prove').length === 1, 'a proof');
    await host.clock.advance(120_000);
    expect(host.coordinator.sessions).toHaveLength(1);
    expect(agent.launcher.posted.at(-1)).toMatchObject({ reached: false });
    await stop(agent);
  });

  test('a coordinator that says nothing to a hello is left', async () => {
    const host = new TestHost();
    host.coordinator.onFrame = () => true;
    const agent = host.boot();
    await host.clock.advance(25_000);
    expect(host.coordinator.sessions.length).toBeGreaterThan(1);
    await stop(agent);
  });
});

describe('the launcher', () => {
  test('hears a heartbeat at once and every 5 s', async () => {
    const host = new TestHost();
    const agent = host.boot();
    await live(host);
    const before = agent.launcher.requests('heartbeat').length;
    await host.clock.advance(50_000);
    expect(agent.launcher.requests('heartbeat').length - before).toBeGreaterThanOrEqual(10);
    await stop(agent);
  });

  test('a dial ends the wait for the next try and is answered', async () => {
    const host = new TestHost();
    host.coordinator.isReachable = false;
    const agent = host.boot();
    await host.clock.advance(300_000);
    agent.launcher.say({ kind: 'dial' });
    await host.clock.advance(45_000);
    expect(agent.launcher.requests('dialled')).toMatchObject([{ reached: false }]);
    host.coordinator.isReachable = true;
    agent.launcher.say({ kind: 'dial' });
    await until(() => agent.launcher.requests('dialled').length === 2, 'an answer');
    expect(agent.launcher.requests('dialled').at(-1)).toMatchObject({ reached: true });
    await stop(agent);
  });

  test('B11: a dial goes on trying, so that an outage of some seconds is no answer', async () => {
    const host = new TestHost();
    host.coordinator.isReachable = false;
    const agent = host.boot();
    await host.clock.advance(300_000);
    agent.launcher.say({ kind: 'dial' });
    await host.clock.advance(20_000);
    host.coordinator.isReachable = true;
    await host.clock.advance(2_000);
    await until(() => agent.launcher.requests('dialled').length === 1, 'an answer');
    expect(agent.launcher.requests('dialled')).toMatchObject([{ reached: true }]);
    await stop(agent);
  });

  test('B11: a dial that comes while a connection hangs is tried behind it, not a minute later', async () => {
    const host = new TestHost();
    let connects = 0;
    host.adjust = (ports) => ({
      ...ports,
      transport: {
        connect: async (signal) => {
          connects += 1;
          // A connection that was accepted and is never answered, however long one waits.
          if (connects === 1) await ports.clock.sleep(Number.MAX_SAFE_INTEGER, signal);
          return await ports.transport.connect(signal);
        },
      },
    });
    const agent = host.boot();
    await host.clock.advance(1_000);
    agent.launcher.say({ kind: 'dial' });
    await host.clock.advance(20_000);
    await until(() => agent.launcher.requests('dialled').length === 1, 'an answer');
    expect(agent.launcher.requests('dialled')).toMatchObject([{ reached: true }]);
    await stop(agent);
  });

  test('its stop ends the agent with 0, and so does its end', async () => {
    for (const say of [
      (agent: Booted) => agent.launcher.say({ kind: 'stop', graceMs: 1 }),
      (agent: Booted) => agent.launcher.end(),
    ]) {
      const host = new TestHost();
      const agent = host.boot();
      await live(host);
      say(agent);
      await agent.ended;
      expect(agent.exit).toBe(0);
    }
  });

  test('that says nothing is no launcher: the agent ends with a coded error', async () => {
    const host = new TestHost();
    const agent = host.boot(null);
    await host.clock.advance(10_000);
    await agent.ended;
    expect(agent.error).toMatchObject({ code: 'launcher-silent' });
  });
});

describe('the hourly check', () => {
  test('H1: is once an hour at an offset that the instance gives', async () => {
    const host = new TestHost();
    const agent = host.boot();
    await live(host);
    expect(host.schedules.map(({ expression }) => expression)).toEqual([
      hourlyCheckOf('instance-1'),
    ]);
    host.schedules[0]?.work();
    await until(() => host.coordinator.of('check').length === 2, 'a check');
    expect(host.coordinator.of('check')).toEqual([{ isFirst: true }, { isFirst: false }]);
    await stop(agent);
  });

  test('offsets of a fleet are spread over the hour', () => {
    const minutes = new Set<string>();
    for (let index = 0; index < 2_000; index++) {
      const expression = hourlyCheckOf(`instance-${index}`);
      expect(expression).toMatch(/^[0-5]?\d [0-5]?\d \* \* \* \*$/);
      minutes.add(expression.split(' ')[1] ?? '');
    }
    expect(minutes.size).toBe(60);
  });
});

describe('reconnecting', () => {
  const ending = { reason: null, retryAfterMs: 0 } as const;

  test('backs off from 1 s to 60 s with full jitter', () => {
    const longest = [0, 1, 2, 6, 50].map((failures) =>
      reconnectDelayMs({ failures, ending, fraction: 1 }),
    );
    expect(longest).toEqual([1_000, 2_000, 4_000, 60_000, 60_000]);
    expect(reconnectDelayMs({ failures: 50, ending, fraction: 0 })).toBe(0);
  });

  test('asks seldom where only a person can help, and soon where the coordinator merely stops', () => {
    const slow = reconnectDelayMs({
      failures: 0,
      ending: { ...ending, reason: 'not-enrolled' },
      fraction: 0,
    });
    const soon = reconnectDelayMs({
      failures: 9,
      ending: { ...ending, reason: 'shutting-down' },
      fraction: 1,
    });
    expect([slow, soon]).toEqual([150_000, 1_000]);
  });
});
