/*
 * Pins the newest root, and CA, on a host that is enrolled: for one that slept through more roots than it may walk. It is
 * as much a matter of trust as enrollment, and comes by the same way: a token that somebody made carries the hashes. Identity,
 * queues and slots stay.
 */
import type { Layout } from '@moult/core/layout';
import { systemClock } from '@moult/runtime/clock';
import { writeFileDurably } from '@moult/runtime/files';
import { baseUrlOf } from '../address.ts';
import { readAgentConfig } from '../config/agent-config.ts';
import { proxyOf } from '../host/way.ts';
import { fetchAnchors } from './anchors.ts';
import { decodeEnrollmentToken } from './token.ts';

export interface Pinned {
  readonly coordinator: string;
  readonly rootSha256: string;
}

/** Throws `not-enrolled`, `enrollment-token-invalid`, `enrollment-pin-mismatch`, `coordinator-unreachable`, the `proxy-…` codes. */
export async function pinAnew(options: {
  readonly layout: Layout;
  /** Text of an enrollment token. It is not used up: the coordinator is not shown it. */
  readonly token: string;
  readonly signal: AbortSignal;
}): Promise<Pinned> {
  const { layout, signal } = options;
  const config = await readAgentConfig({ layout, environment: () => null });
  const token = decodeEnrollmentToken(options.token);
  const anchors = await fetchAnchors(config.coordinator, token, {
    proxy: config.proxy === null ? null : await proxyOf(config.proxy),
    clock: systemClock,
    signal,
  });
  // What an agent learnt since is about the root before: with the new one in place it begins with that.
  await writeFileDurably(layout.pinnedRootPath, anchors.root, { mode: 0o644 });
  if (anchors.caPem !== null) await writeFileDurably(layout.caPath, anchors.caPem, { mode: 0o644 });
  return { coordinator: baseUrlOf(config.coordinator), rootSha256: token.rootSha256 };
}
