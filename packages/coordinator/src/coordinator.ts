/*
 * A coordinator made of its parts, over a store, a clock and chance that are given: `serve` gives the real ones,
 * tests and simulations their own. It owns sessions, queue and HTTP server, and no files but through its parts.
 */
import type { AddressInfo } from 'node:net';
import { CodedError } from '@moult/core/errors';
import type { BlobStore } from '@moult/release/blob-store';
import type { Clock } from '@moult/runtime/clock';
import { codeOf } from '@moult/runtime/files';
import type { Logger } from '@moult/runtime/logger';
import type { Random } from '@moult/runtime/random';
import type { Store } from '@moult/store';
import type { FastifyInstance } from 'fastify';
import { beginRun } from './begin-run.ts';
import type { Carrier } from './gateway/carrier.ts';
import { Gateway } from './gateway/gateway.ts';
import { addHttpsRoutes } from './gateway/https-routes.ts';
import { HttpsSessions } from './gateway/https-sessions.ts';
import { Sessions } from './gateway/sessions.ts';
import { createUpgradeListener } from './gateway/web-socket.ts';
import { Authentication } from './http/authentication.ts';
import { Connections } from './http/connections.ts';
import type { Handlers } from './http/handler.ts';
import { agentHandlers } from './http/handlers/agents.ts';
import { choiceHandlers } from './http/handlers/choices.ts';
import { commandHandlers } from './http/handlers/commands.ts';
import { controlHandlers } from './http/handlers/controls.ts';
import { coordinatorHandlers } from './http/handlers/coordinator.ts';
import { enrollmentHandlers } from './http/handlers/enrollment.ts';
import { groupLabelHandlers } from './http/handlers/groups-and-labels.ts';
import { manyHandlers } from './http/handlers/many.ts';
import { outputHandlers } from './http/handlers/output.ts';
import { principalHandlers } from './http/handlers/principals.ts';
import { releaseHandlers } from './http/handlers/releases.ts';
import { rolloutReportHandlers } from './http/handlers/rollout-reports.ts';
import { rolloutHandlers } from './http/handlers/rollouts.ts';
import { settingHandlers } from './http/handlers/settings.ts';
import { taskHandlers } from './http/handlers/tasks.ts';
import { createHttpServer, type TlsFiles } from './http/server.ts';
import { OutputFlow } from './output/output-flow.ts';
import type { OutputSettings } from './output/settings.ts';
import { Dispatcher } from './queue/dispatcher.ts';
import { LiveFrames } from './queue/live-frames.ts';
import { Why } from './queue/why.ts';
import { Selection } from './registry/selection.ts';
import { Releases } from './releases.ts';
import { Following } from './rollouts/following.ts';
import { Planning } from './rollouts/planning.ts';
import { Rollouts } from './rollouts/rollouts.ts';
import { readTrustAnchors } from './trust-anchors.ts';

/** For answers that are under way at a stop; well within the time that the process itself has. */
const STOP_MS_MAX = 5_000;

export interface CoordinatorOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** This program's version. */
  readonly version: string;
  readonly output: OutputSettings;
  readonly blobStore: BlobStore;
  readonly repositoryDir: string;
  /** Holds the online keys. */
  readonly keysDir: string;
  /** Null: plain HTTP. */
  readonly tls: TlsFiles | null;
  /** The CA that agents pin; null: none of our own. */
  readonly caPem: string | null;
}

export interface Coordinator {
  /** Throws `port-in-use`, `listen-failed`. */
  listen(address: {
    readonly host: string;
    readonly port: number;
  }): Promise<{ readonly port: number }>;
  /** Begins a session over a carrier that needs no socket of this server. */
  openSession(carrier: Carrier): void;
  /** Lets go what was kept for long enough. */
  trim(): Promise<void>;
  /** Signs metadata anew where it is due. */
  renew(): Promise<void>;
  /** New certificates for new connections. */
  setTls(tls: TlsFiles): void;
  /** Resolves when everything that was touched is decided. */
  settled(): Promise<void>;
  readonly sessionCount: number;
  /** Goodbye to the agents, answers to what is under way, then the writes. The store stays open. Idempotent. */
  stop(): Promise<void>;
}

export async function createCoordinator(options: CoordinatorOptions): Promise<Coordinator> {
  const { store, clock, log } = options;
  const sessions = new Sessions();
  const selection = new Selection({ store, sessions });
  const rollouts = new Rollouts({
    ...{ ...options, sessions, selection },
    onIssued: (ids) => {
      for (const id of ids) dispatcher.touch(id);
    },
  });
  const dispatcher = new Dispatcher({
    ...{ ...options, sessions },
    onFreed: (group) => rollouts.touch(group),
    onLookedAt: (id) => rollouts.lookAt(id),
  });
  const planning = new Planning({ ...options, sessions, selection, rollouts });
  const following = new Following({ ...options, sessions, dispatcher, rollouts });
  const why = new Why({ store, sessions, selection });
  const output = new OutputFlow(options);
  const live = new LiveFrames({ ...options, dispatcher, why, waiters: output.waiters });
  const releases = new Releases(options);
  // Agents have seen metadata that is lost: above it at once, not within the hour.
  const gateway = new Gateway({
    ...options,
    ...{ sessions, live },
    onNoticed: () => releases.renew(),
    onLost: (instanceId) => rollouts.lost(instanceId),
  });
  const authentication = new Authentication({ store, clock });
  const handlers = handlersOf({
    ...options,
    ...{ sessions, dispatcher, selection, why, output, releases, authentication },
    ...{ rollouts, planning },
  });
  let isStopping = false;
  const app = createHttpServer({
    ...options,
    handlers,
    authentication,
    wheel: gateway.wheel,
    isReady: async () => !isStopping && (await isStoreReady(store, log)),
  });
  addHttpsRoutes(app, {
    sessions: new HttpsSessions(gateway),
    failed: (address, error) => authentication.failed(address, error),
  });
  const connections = new Connections(app.server);
  app.server.on('upgrade', createUpgradeListener({ sessions: gateway, turns: gateway.turns, log }));
  await beginRun(options);
  await releases.start();
  await dispatcher.start();
  await rollouts.start();
  for (const one of [planning, following, gateway]) one.start();
  await output.start();
  const stop = async (): Promise<void> => {
    isStopping = true;
    await output.stop();
    await gateway.stop();
    await closeServer(app, { clock, connections });
    await live.settled();
    for (const one of [following, planning, rollouts, dispatcher]) await one.stop();
    await releases.settled();
  };
  let stopping: Promise<void> | null = null;
  return {
    listen: (address) => listen(app, address),
    openSession: (carrier) => void gateway.open(carrier),
    trim: () => output.trim(),
    renew: () => releases.renew(),
    setTls: (tls) => setTls(app, tls),
    settled: async () => {
      await live.settled();
      await rollouts.settled();
      await dispatcher.settled();
    },
    get sessionCount() {
      return sessions.count;
    },
    stop: () => {
      stopping ??= stop();
      return stopping;
    },
  };
}

function setTls({ server }: FastifyInstance, tls: TlsFiles): void {
  if ('setSecureContext' in server && typeof server.setSecureContext === 'function') {
    server.setSecureContext({ ...tls, minVersion: 'TLSv1.3' });
  }
}

interface Parts extends Omit<CoordinatorOptions, 'output'> {
  readonly sessions: Sessions;
  readonly dispatcher: Dispatcher;
  readonly selection: Selection;
  readonly why: Why;
  readonly output: OutputFlow;
  readonly releases: Releases;
  readonly rollouts: Rollouts;
  readonly planning: Planning;
  readonly authentication: Authentication;
}

function handlersOf(parts: Parts): Handlers {
  const { store } = parts;
  return {
    ...agentHandlers(parts),
    ...manyHandlers(parts),
    ...groupLabelHandlers(parts),
    ...choiceHandlers(parts),
    ...commandHandlers({ store }),
    ...controlHandlers(parts),
    ...coordinatorHandlers(parts),
    ...enrollmentHandlers({ ...parts, anchors: () => readTrustAnchors(parts) }),
    ...outputHandlers({ ...parts, waiters: parts.output.waiters }),
    ...rolloutHandlers(parts),
    ...principalHandlers(parts),
    ...rolloutReportHandlers(parts),
    ...releaseHandlers(parts),
    ...settingHandlers(parts),
    ...taskHandlers(parts),
  };
}

/** Who has not left by then is cut off: one silent connection must not hold up the stop. */
async function closeServer(
  app: FastifyInstance,
  of: { readonly clock: Clock; readonly connections: Connections },
): Promise<void> {
  const closed = new AbortController();
  void of.clock.sleep(STOP_MS_MAX, closed.signal).then(
    () => of.connections.cut(),
    () => undefined,
  );
  await app.close();
  closed.abort();
}

async function isStoreReady(store: Store, log: Logger): Promise<boolean> {
  try {
    await store.read('storeLife', null);
    return true;
  } catch (error) {
    log.error('the store does not answer', { err: error });
    return false;
  }
}

async function listen(
  app: FastifyInstance,
  address: { readonly host: string; readonly port: number },
): Promise<{ readonly port: number }> {
  const { host, port } = address;
  try {
    await app.listen({ host, port });
  } catch (cause) {
    const code = codeOf(cause) === 'EADDRINUSE' ? 'port-in-use' : 'listen-failed';
    const text = cause instanceof Error ? cause.message : String(cause);
    throw new CodedError(code, `cannot listen on ${host}:${port}: ${text}`, { cause });
  }
  const bound = app.server.address() as AddressInfo | null;
  return { port: bound?.port ?? port };
}
