/*
 * The connection over which an agent enrolls. Its exporter value (RFC 9266) goes into the request: a coordinator that
 * sees the same value knows that TLS ends with it, and from then on demands that every session is bound to its own.
 */
import { once } from 'node:events';
import { Agent } from 'node:https';
import { connect, type TLSSocket } from 'node:tls';
import { CodedError } from '@moult/core/errors';
import type { Clock } from '@moult/runtime/clock';
import { optionsOfWay, serverNameOf, targetOf, type Way } from '@moult/runtime/way';

export interface BoundConnection {
  /** Hex; empty: the connection is not TLS. */
  readonly channelBinding: string;
  /** Makes requests over this very connection; null: any will do. */
  readonly agent: Agent | null;
  close(): void;
}

const EXPORTER_BYTES = 32;
const EXPORTER_LABEL = 'EXPORTER-Channel-Binding';
const CONNECT_MS_MAX = 10_000;

export async function openBoundConnection(options: {
  readonly coordinator: URL;
  readonly way: Way;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}): Promise<BoundConnection> {
  const { coordinator, way, clock, signal } = options;
  if (coordinator.protocol !== 'https:') {
    return { channelBinding: '', agent: null, close: () => undefined };
  }
  const { host, port } = targetOf(coordinator);
  const { ca, createConnection } = await optionsOfWay(way, { url: coordinator, clock, signal });
  const common = { minVersion: 'TLSv1.3', timeout: CONNECT_MS_MAX } as const;
  const socket =
    createConnection === undefined
      ? connect({
          ...common,
          host,
          port,
          ...serverNameOf(host),
          ...(ca === undefined ? {} : { ca }),
        })
      : createConnection(common);
  const late = () => socket.destroy(new Error('no answer in time'));
  socket.once('timeout', late);
  await secured(socket, { coordinator, signal });
  // From here on the request's own limits hold.
  socket.off('timeout', late);
  const binding = socket.exportKeyingMaterial(EXPORTER_BYTES, EXPORTER_LABEL, Buffer.alloc(0));
  const agent = new Agent({ keepAlive: false, maxSockets: 1 });
  agent.createConnection = () => socket;
  return { channelBinding: binding.toString('hex'), agent, close: () => socket.destroy() };
}

async function secured(
  socket: TLSSocket,
  options: { readonly coordinator: URL; readonly signal: AbortSignal },
): Promise<void> {
  try {
    await once(socket, 'secureConnect', { signal: options.signal });
  } catch (cause) {
    socket.destroy();
    options.signal.throwIfAborted();
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CodedError('coordinator-unreachable', `${options.coordinator.origin}: ${why}`, {
      cause,
    });
  }
}
