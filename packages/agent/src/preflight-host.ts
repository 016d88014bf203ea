/*
 * `moult agent preflight`: what an upgrade of this host would be held up by, looked at by whoever may read its configuration
 * and key, while its agent works or is stopped. Nothing of the host is changed: what is learnt of metadata goes into a copy that is
 * thrown away.
 */
import { copyFile, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readBootRecord } from '@moult/core/boot';
import { codedErrorFrom } from '@moult/core/errors';
import type { Layout } from '@moult/core/layout';
import { type Check, type CheckName, outcomeOf } from '@moult/core/preflight';
import type { BootView } from '@moult/core/upgrade';
import { readTextIfPresent } from '@moult/runtime/files';
import { silentLogger } from '@moult/runtime/logger';
import { composeHost, type HostParts } from './compose.ts';
import { readAgentConfig } from './config/agent-config.ts';
import { lookAtDisk } from './host/disk-facts.ts';
import { requireOwnership } from './host/ownership.ts';
import { createSlots } from './host/slots.ts';
import type { TrustedRelease } from './ports.ts';
import { reachCoordinator } from './probe.ts';
import { checksOf } from './upgrade/preflight.ts';

export interface PreflightHostOptions {
  readonly layout: Layout;
  /** Of the agent; null: none in particular. */
  readonly version: string | null;
  /** Of this program, for the session that it opens. */
  readonly own: string;
  readonly stop: AbortSignal;
}

export async function preflightHost(options: PreflightHostOptions): Promise<readonly Check[]> {
  const trustDir = await mkdtemp(join(tmpdir(), 'moult-preflight-'));
  try {
    // Older metadata than the agent has seen must look older here, too.
    const kept = 'trusted.json';
    await copyFile(join(options.layout.trustDir, kept), join(trustDir, kept)).catch(
      () => undefined,
    );
    return await checksOn(options, trustDir);
  } finally {
    await rm(trustDir, { recursive: true, force: true });
  }
}

async function checksOn(
  options: PreflightHostOptions,
  trustDir: string,
): Promise<readonly Check[]> {
  const { layout, version, own, stop } = options;
  const checks: Check[] = [];
  const tried = async <T>(name: CheckName, work: () => Promise<readonly [T, string]>) => {
    try {
      const [result, detail] = await work();
      checks.push(outcomeOf(name, null, detail));
      return result;
    } catch (caught) {
      stop.throwIfAborted();
      const { code, message } = codedErrorFrom(caught);
      checks.push(outcomeOf(name, code, message));
      return null;
    }
  };
  const host = await tried('configuration', async () => {
    const config = await readAgentConfig({ layout });
    return [await composeHost({ layout, config, trustDir }), layout.agentConfigPath];
  });
  if (host === null) return checks;
  // Whoever asks may be another user than the agent, whose the state is.
  const { uid: agentUid } = await stat(layout.stateDir);
  await tried('permissions', async () => {
    await requireOwnership(layout, agentUid);
    return [null, 'nobody else can write what it runs from, or read its key'];
  });
  const reached = await tried('coordinator', () => reach(host, { own, signal: stop }));
  const release = await tried('release', () => trusted(host, { version, signal: stop }));
  const { launcherVersion, view } = await bootOf(layout);
  return [
    ...checks,
    ...(await checksOf(
      {
        view,
        launcherVersion,
        slots: createSlots({ layout, ...host, log: silentLogger }),
        trust: host.trust,
        disk: lookAtDisk(layout, agentUid),
        clockAheadMs: reached?.clockAheadMs ?? null,
        signal: stop,
      },
      release,
    )),
  ];
}

async function reach(host: HostParts, of: { readonly own: string; readonly signal: AbortSignal }) {
  const { 'web-socket': webSocket, https } = host.transports;
  const own = { version: of.own, digest: '' };
  const ports = { ...host, transports: [webSocket, https], own, log: silentLogger };
  const reached = await reachCoordinator({ ...ports, purpose: 'probe' }, of.signal);
  return [reached, `${host.baseUrl} answers`] as const;
}

async function trusted(
  host: HostParts,
  of: { readonly version: string | null; readonly signal: AbortSignal },
): Promise<readonly [TrustedRelease | null, string]> {
  if (of.version === null) {
    await host.trust.refresh(of.signal);
    return [null, 'the metadata of releases is fresh'];
  }
  const release = await host.trust.release({ component: 'agent', version: of.version }, of.signal);
  return [release, `${of.version} is signed, for ${release.manifest.platform}`];
}

async function bootOf(
  layout: Layout,
): Promise<{ readonly launcherVersion: string; readonly view: BootView }> {
  const reading = readBootRecord(await readTextIfPresent(layout.bootRecordPath));
  const none = { committed: null, previous: null, trialAttemptId: null, refused: [] };
  if (reading.kind !== 'read')
    return { launcherVersion: '', view: { agent: none, launcher: none } };
  const { agent, launcher } = reading.record.components;
  return {
    launcherVersion: launcher.committed?.version ?? '',
    view: {
      agent: { ...agent, trialAttemptId: agent.trial?.attemptId ?? null },
      launcher: { ...launcher, trialAttemptId: launcher.trial?.attemptId ?? null },
    },
  };
}
