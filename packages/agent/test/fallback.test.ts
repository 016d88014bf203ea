/* S5: over what an agent tries to reach its coordinator. */
import { PROBE_EXIT } from '@moult/core/boot';
import { CodedError } from '@moult/core/errors';
import { CLOSE_REASONS, type CloseReasonName, type CoordinatorFrame } from '@moult/protocol';
import { silentLogger } from '@moult/runtime/logger';
import { beforeEach, describe, expect, test } from 'vitest';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import type { Connection, Received, Transport } from '../src/ports.ts';
import { probe } from '../src/probe.ts';
import {
  type CarrierKind,
  type CarrierOutcome,
  carriersToTry,
  NO_PAST,
  outcomeOf,
  pastAfter,
} from '../src/session/fallback.ts';
import { FallbackTransport } from '../src/session/fallback-transport.ts';
import { FakeCoordinator } from './support/fake-coordinator.ts';

const after = (...ends: readonly (readonly [CarrierKind, CarrierOutcome])[]) =>
  ends.reduce(
    (past, [carrier, outcome]) => pastAfter(past, { carrier, outcome, nowMs: 0 }),
    NO_PAST,
  );

describe('what to try', () => {
  const FAILED = ['web-socket', 'failed'] as const;

  test('begins with the WebSocket, and takes HTTPS when that failed three times running', () => {
    expect(carriersToTry(NO_PAST, 0)).toEqual(['web-socket']);
    expect(carriersToTry(after(FAILED, FAILED), 0)).toEqual(['web-socket']);
    expect(carriersToTry(after(FAILED, FAILED, FAILED), 0)).toEqual(['https']);
  });

  test.each(['good', 'answered'] as const)('counts anew after one that was %s', (outcome) => {
    const past = after(FAILED, FAILED, ['web-socket', outcome], FAILED, FAILED);
    expect(carriersToTry(past, 0)).toEqual(['web-socket']);
  });

  test('does not count what would fail over anything', () => {
    const past = after(FAILED, FAILED, ['web-socket', 'absent'], ['web-socket', 'absent']);
    expect(carriersToTry(past, 0)).toEqual(['web-socket']);
    expect(
      carriersToTry(pastAfter(past, { carrier: 'web-socket', outcome: 'failed', nowMs: 0 }), 0),
    ).toEqual(['https']);
  });

  test('is the WebSocket first again after a minute, or when HTTPS is no better', () => {
    const past = after(FAILED, FAILED, FAILED);
    expect(carriersToTry(past, 59_999)).toEqual(['https']);
    expect(carriersToTry(past, 60_000)).toEqual(['web-socket', 'https']);
    for (const outcome of ['failed', 'absent'] as const) {
      const worse = after(FAILED, FAILED, FAILED, ['https', outcome]);
      expect(carriersToTry(worse, 1)).toEqual(['web-socket', 'https']);
    }
    for (const outcome of ['good', 'answered'] as const) {
      const better = after(FAILED, FAILED, FAILED, ['https', 'failed'], ['https', outcome]);
      expect(carriersToTry(better, 1)).toEqual(['https']);
    }
  });
});

describe('a session', () => {
  test('that lived ten seconds was good, however it ended', () => {
    expect(outcomeOf({ livedMs: 10_000, reason: null })).toBe('good');
    expect(outcomeOf({ livedMs: 10_000, reason: 'invalid-frame' })).toBe('good');
    expect(outcomeOf({ livedMs: 9_999, reason: null })).toBe('failed');
    expect(outcomeOf({ livedMs: null, reason: null })).toBe('failed');
  });

  test('that ended sooner by what the coordinator would say over anything was answered', () => {
    const answered = (Object.keys(CLOSE_REASONS) as CloseReasonName[]).filter(
      (reason) => outcomeOf({ livedMs: null, reason }) === 'answered',
    );
    expect(answered).toEqual([
      'shutting-down',
      'busy',
      'replaced',
      'not-enrolled',
      'proof-failed',
      'quarantined',
      'protocol-unsupported',
      'internal-error',
      'decommissioned',
    ]);
  });
});

describe('a probe', () => {
  const probeOver = (transports: readonly Transport[]) => {
    return probe(
      {
        transports,
        clock: new ManualClock(),
        log: silentLogger,
        self: {
          instanceId: 'instance-1',
          agentName: 'web-1',
          platform: 'linux-x64',
          bootId: 'boot-1',
          facts: [],
          labels: {},
          bindsChannel: false,
          sign: () => new Uint8Array(64),
        },
        trust: {
          refresh: async () => undefined,
          release: () => Promise.reject(new Error('a probe asks for no release')),
        },
        own: { version: '1.0.0', digest: '' },
      },
      new AbortController().signal,
    );
  };

  test('reaches over HTTPS what it does not reach over the WebSocket, and nothing else', async () => {
    const [refused, silent, https] = [1, 2, 3].map(() => new FakeCoordinator());
    if (refused === undefined || silent === undefined || https === undefined) return;
    refused.isReachable = false;
    silent.onFrame = (_frame, session) => {
      session.drop();
      return true;
    };
    expect(await probeOver([refused, https])).toBe(PROBE_EXIT.reached);
    expect(await probeOver([silent, https])).toBe(PROBE_EXIT.reached);
    expect(await probeOver([https, refused])).toBe(PROBE_EXIT.reached);
    expect(await probeOver([refused, silent])).toBe(PROBE_EXIT.notReached);
  });
});

/** Connects, or fails with this; each connection is what the test says. */
class FakeTransport implements Transport {
  failure: Error | null = null;
  hangs = false;
  connections: FakeConnection[] = [];

  async connect(signal: AbortSignal): Promise<Connection> {
    if (this.hangs) await new FakeConnection().next(signal);
    if (this.failure !== null) throw this.failure;
    const connection = new FakeConnection();
    this.connections.push(connection);
    return connection;
  }
}

class FakeConnection implements Connection {
  isOpen = true;
  readonly received: Received[] = [];
  send(): void {}
  channelBinding(): string {
    return 'ab';
  }
  close(): void {
    this.isOpen = false;
  }
  arrived(): Received | null {
    return this.received.shift() ?? null;
  }
  next(signal: AbortSignal): Promise<Received> {
    const first = this.received.shift();
    if (first !== undefined) return Promise.resolve(first);
    return new Promise((_, reject) => {
      if (signal.aborted) reject(signal.reason);
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    });
  }
}

describe('the transport of a serving agent', () => {
  const broken = new CodedError('coordinator-unreachable', 'Unexpected server response: 403');
  const absent = new CodedError('coordinator-unreachable', 'nobody there', {
    cause: Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }),
  });
  const WELCOME = { kind: 'frame', frame: { kind: 'welcome' } as CoordinatorFrame } as const;
  const never = new AbortController().signal;
  let clock: ManualClock;
  let webSocket: FakeTransport;
  let https: FakeTransport;
  let transport: FallbackTransport;
  beforeEach(() => {
    clock = new ManualClock();
    webSocket = new FakeTransport();
    https = new FakeTransport();
    transport = new FallbackTransport({
      transports: { 'web-socket': webSocket, https },
      clock,
      log: silentLogger,
    });
  });

  async function failThrice(): Promise<void> {
    webSocket.failure = broken;
    for (let time = 0; time < 3; time++) {
      await expect(transport.connect(never)).rejects.toBe(broken);
    }
  }

  /** A session that is welcomed, lives so long, and ends by this. */
  async function live(ms: number, end: Received): Promise<void> {
    const connection = await transport.connect(never);
    const made = [...webSocket.connections, ...https.connections].filter(({ isOpen }) => isOpen);
    made.at(-1)?.received.push(WELCOME, end);
    await connection.next(never);
    await clock.advance(ms);
    await connection.next(never);
    connection.close();
  }

  const CUT: Received = { kind: 'closed', code: 1006, detail: 'cut' };

  test('P10: goes over HTTPS when the WebSocket failed three times running', async () => {
    await failThrice();
    const connection = await transport.connect(never);
    expect(https.connections).toHaveLength(1);
    expect(connection.channelBinding()).toBe('ab');
    connection.close();
    expect(https.connections[0]?.isOpen).toBe(false);
  });

  test('goes over HTTPS when sessions are welcomed and live only seconds', async () => {
    for (let time = 0; time < 3; time++) await live(5_000, CUT);
    expect([webSocket.connections.length, https.connections.length]).toEqual([3, 0]);
    await transport.connect(never);
    expect([webSocket.connections.length, https.connections.length]).toEqual([3, 1]);
  });

  test('stays with the WebSocket when the coordinator says why, or is not there', async () => {
    const said = { kind: 'goodbye', message: { reason: 'busy', retryAfterMs: 1 } } as const;
    for (let time = 0; time < 4; time++) await live(0, { kind: 'frame', frame: said });
    for (let time = 0; time < 4; time++) {
      await live(0, { kind: 'closed', code: CLOSE_REASONS.quarantined.code, detail: '' });
    }
    webSocket.failure = absent;
    for (let time = 0; time < 4; time++) {
      await expect(transport.connect(never)).rejects.toBe(absent);
    }
    expect(https.connections).toEqual([]);
  });

  test('tries the WebSocket each minute, and leaves HTTPS when it opens', async () => {
    await failThrice();
    const connection = await transport.connect(never);
    await clock.advance(200_000);
    expect(https.connections[0]?.isOpen).toBe(true);
    webSocket.failure = null;
    const next = connection.next(never);
    await clock.advance(60_000);
    expect(await next).toMatchObject({ kind: 'closed', detail: 'the WebSocket opens again' });
    connection.close();
    // The try itself asked for nothing, and was ended.
    expect(webSocket.connections.map(({ isOpen }) => isOpen)).toEqual([false]);
    await transport.connect(never);
    expect([webSocket.connections.length, https.connections.length]).toEqual([2, 1]);
  });

  test('comes back to HTTPS at once when a WebSocket that opens lives only seconds again', async () => {
    await failThrice();
    const connection = await transport.connect(never);
    webSocket.failure = null;
    const next = connection.next(never);
    await clock.advance(60_000);
    await next;
    connection.close();
    await live(1_000, CUT);
    await transport.connect(never);
    expect(https.connections).toHaveLength(2);
  });

  test('asks nobody any more when it is closed', async () => {
    await failThrice();
    (await transport.connect(never)).close();
    webSocket.failure = null;
    await clock.advance(600_000);
    expect(webSocket.connections).toEqual([]);
    expect(clock.sleeping).toBe(0);
  });

  test('gives HTTPS its turn when the WebSocket hangs, also when HTTPS failed before', async () => {
    webSocket.hangs = true;
    for (let time = 0; time < 3; time++) {
      await expect(transport.connect(AbortSignal.abort('given up'))).rejects.toBe('given up');
    }
    https.failure = broken;
    await expect(transport.connect(never)).rejects.toBe(broken);
    https.failure = null;
    const connecting = transport.connect(never);
    await clock.advance(7_000);
    (await connecting).close();
    expect(https.connections).toHaveLength(1);
  });

  test('says what both failed of when neither connects', async () => {
    await failThrice();
    https.failure = new CodedError('coordinator-unreachable', 'HTTP 502');
    await expect(transport.connect(never)).rejects.toMatchObject({ message: 'HTTP 502' });
    await expect(transport.connect(never)).rejects.toMatchObject({
      message: 'Unexpected server response: 403; HTTP 502',
    });
  });
});
