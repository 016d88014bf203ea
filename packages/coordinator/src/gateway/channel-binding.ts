import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';

const EXPORTER_BYTES = 32;
const EXPORTER_LABEL = 'EXPORTER-Channel-Binding';

/** The exporter value of RFC 9266, hex; empty where TLS does not end here. */
export function channelBindingOf(socket: Duplex): string {
  if (!('exportKeyingMaterial' in socket)) return '';
  const tls = socket as TLSSocket;
  return tls.exportKeyingMaterial(EXPORTER_BYTES, EXPORTER_LABEL, Buffer.alloc(0)).toString('hex');
}
