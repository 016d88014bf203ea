/* What the agent of this host keeps: its state, and what it trusts. */
import { X509Certificate } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import type { AgentStateFacts, CertificateFacts, SignedFacts } from '@moult/core/doctor';
import { CodedError } from '@moult/core/errors';
import type { Layout } from '@moult/core/layout';
import { keptExpiries } from '@moult/release/trust-client';
import { codeOf, readTextIfPresent } from '@moult/runtime/files';
import { readAgentConfig } from '../config/agent-config.ts';
import { OUTBOX_LIMITS } from '../database/index.ts';
import { readStateFacts } from '../database/state-facts.ts';

/** Null: there is no agent.db yet. Throws `file-unreadable` for one that cannot be read. */
export async function stateIn(layout: Layout): Promise<AgentStateFacts | null> {
  const path = layout.agentDatabasePath;
  if (!existsSync(path)) return null;
  // A configuration with a mistake is a check of its own; the limits are then those that nobody has changed.
  const limits = await readAgentConfig({ layout }).then(
    ({ outboxLimits }) => outboxLimits,
    () => OUTBOX_LIMITS,
  );
  const facts = readStateFacts(path);
  if (facts.trouble !== null) {
    throw new CodedError('file-unreadable', `${path}: ${facts.trouble}`);
  }
  const { upgrade, condition, noSession } = facts;
  return {
    upgrade,
    condition,
    noSession,
    outbox: {
      items: facts.outboxItems,
      bytes: facts.outboxBytes,
      oldestMs: facts.outboxOldestMs,
      ...limits,
    },
  };
}

/** Null: there is none of its own. */
export async function caIn(path: string): Promise<CertificateFacts | null> {
  const pem = await readTextIfPresent(path);
  if (pem === null) return null;
  const { validFrom, validTo } = new X509Certificate(pem);
  const [fromMs, toMs] = [Date.parse(validFrom), Date.parse(validTo)];
  return { path, fromMs, toMs, isRenewedByItself: false };
}

/** What offline keys signed. The rest is fresh with each refresh, which the pre-upgrade test tries. Null: nothing is kept. */
export async function metadataIn(layout: Layout): Promise<readonly SignedFacts[] | null> {
  const kept = await keptExpiries(layout);
  const isOffline = ({ signedBy }: SignedFacts) => signedBy === 'root' || signedBy === 'release';
  return kept === null ? null : kept.filter(isOffline);
}

/** Paths of what was damaged and kept when something new was begun. */
export async function keptAsideIn(stateDir: string): Promise<readonly string[]> {
  try {
    const names = await readdir(stateDir);
    return names
      .filter((name) => /\.unreadable-\d+$/.test(name))
      .map((name) => `${stateDir}/${name}`);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  }
}
