/*
 * Enrollment: a token in, an identity out. Order: key durable → anchors checked against the token → asked over verified
 * TLS → root, CA and, last, agent.yaml written durably. Whoever is interrupted repeats it: the same key may ask again.
 */
import { createClient, type ResponseOf } from '@moult/api/client';
import type { Component } from '@moult/core/component';
import { CodedError } from '@moult/core/errors';
import type { Layout } from '@moult/core/layout';
import type { Version } from '@moult/core/versions';
import { systemClock } from '@moult/runtime/clock';
import { makeDirectoryDurably, readTextIfPresent, writeFileDurably } from '@moult/runtime/files';
import type { Way } from '@moult/runtime/way';
import { baseUrlOf, coordinatorUrl } from '../address.ts';
import { openBoundConnection } from '../bound-connection.ts';
import { readAgentValues } from '../config/agent-config.ts';
import { ownPlatform } from '../host/self.ts';
import { ensureIdentityKey } from '../identity-key.ts';
import { fetchAnchors } from './anchors.ts';
import { keepProxy, proxiedBy } from './keep-proxy.ts';
import { decodeEnrollmentToken } from './token.ts';

export { type FirstInstallation, installFirst } from './install-first.ts';
export { type Installed, readInstalled } from './installed.ts';
export { type Pinned, pinAnew } from './pin.ts';
export { decodeEnrollmentToken, type EnrollmentToken, encodeEnrollmentToken } from './token.ts';

export interface EnrollOptions {
  readonly coordinator: string;
  /** Text of the enrollment token. */
  readonly token: string;
  /** The agent's name. */
  readonly name: string;
  readonly layout: Layout;
  /** As in agent.yaml, and written there; what that has already counts where nothing is given. */
  readonly proxy?: string | null;
  readonly proxyPasswordFile?: string | null;
  readonly signal: AbortSignal;
}

export interface Enrolled {
  readonly instanceId: string;
  readonly name: string;
  readonly group: string;
  readonly isValidated: boolean;
  /** What to install first. */
  readonly desired: readonly { readonly component: Component; readonly version: Version }[];
}

type Enrollment = ResponseOf<'enroll'>;

/** Throws `enrollment-…`, `coordinator-…`, `proxy-…`, `enrolled-elsewhere`, or what the coordinator answered. */
export async function enroll(options: EnrollOptions): Promise<Enrolled> {
  const { layout, signal } = options;
  const coordinator = coordinatorUrl(options.coordinator);
  const token = decodeEnrollmentToken(options.token);
  await requireSameCoordinator(layout, coordinator);
  await makeDirectoryDurably(layout.stateDir, 0o700);
  await makeDirectoryDurably(layout.configDir, 0o755);
  const proxied = await proxiedBy(options);
  const key = await ensureIdentityKey(layout.identityKeyPath);
  const { proxy } = proxied;
  const anchors = await fetchAnchors(coordinator, token, { proxy, clock: systemClock, signal });
  // An owner's ca.pem vouches where the token names none: a site's own authority, in front of any coordinator.
  const ca = anchors.caPem ?? (await readTextIfPresent(layout.caPath));
  const { publicKey } = key;
  const enrolled = await ask(options, { coordinator, way: { ca, proxy }, publicKey });
  if (enrolled.rootSha256 !== token.rootSha256) {
    throw new CodedError('enrollment-pin-mismatch', 'the coordinator changed its release root');
  }
  await writeFileDurably(layout.pinnedRootPath, anchors.root, { mode: 0o644 });
  if (anchors.caPem !== null) await writeFileDurably(layout.caPath, anchors.caPem, { mode: 0o644 });
  await writeConfig(layout, {
    coordinator: baseUrlOf(coordinator),
    name: enrolled.name,
    instance: enrolled.instanceId,
    bindsChannel: enrolled.bindsChannel,
    ...(await keepProxy(layout, proxied)),
  });
  const { instanceId, name, group, isValidated, desired } = enrolled;
  return { instanceId, name, group, isValidated, desired };
}

async function ask(
  options: EnrollOptions,
  contact: { readonly coordinator: URL; readonly way: Way; readonly publicKey: string },
): Promise<Enrollment> {
  const { coordinator, way, publicKey } = contact;
  const { signal } = options;
  const connection = await openBoundConnection({ coordinator, way, clock: systemClock, signal });
  try {
    const client = createClient({
      url: baseUrlOf(coordinator),
      token: null,
      caPem: way.ca,
      agent: connection.agent,
    });
    return await client.enroll({
      body: {
        token: options.token.trim(),
        publicKey,
        name: options.name,
        platform: ownPlatform(),
        channelBinding: connection.channelBinding,
      },
      signal,
    });
  } finally {
    connection.close();
  }
}

/** Another coordinator's host is not taken over without somebody saying so. */
async function requireSameCoordinator(layout: Layout, coordinator: URL): Promise<void> {
  const known = (await readAgentValues({ layout, environment: () => null })).coordinator;
  if (known === null || coordinatorUrl(known).origin === coordinator.origin) return;
  throw new CodedError(
    'enrolled-elsewhere',
    `${layout.agentConfigPath} belongs to ${known}, not to ${coordinator.origin}`,
  );
}

/** Last of all: a configuration that names an instance says that enrollment is complete. Other keys are kept. */
async function writeConfig(
  layout: Layout,
  /** Null takes a key away. */
  values: Readonly<Record<string, string | boolean | null>>,
): Promise<void> {
  const kept = await linesWithout(layout, Object.keys(values));
  // JSON is YAML: what it quotes needs no other quoting.
  const lines = Object.entries(values)
    .filter(([, value]) => value !== null)
    .map(([key, value]) => `${key}: ${JSON.stringify(value)}`);
  const text = `${[...kept, ...lines].join('\n')}\n`;
  await writeFileDurably(layout.agentConfigPath, text, { mode: 0o644 });
}

async function linesWithout(layout: Layout, keys: readonly string[]): Promise<readonly string[]> {
  const text = (await readTextIfPresent(layout.agentConfigPath)) ?? '';
  return text.split('\n').filter((line) => {
    const key = /^([A-Za-z]+):/.exec(line)?.[1];
    return line !== '' && (key === undefined || !keys.includes(key));
  });
}

/** Takes out of agent.yaml what is of one instance: a copy of this host is another one. */
export async function forgetInstance(layout: Layout): Promise<void> {
  const kept = await linesWithout(layout, ['name', 'instance', 'bindsChannel']);
  await writeFileDurably(layout.agentConfigPath, `${kept.join('\n')}\n`, { mode: 0o644 });
}
