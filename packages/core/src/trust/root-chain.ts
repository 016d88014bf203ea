/*
 * New links for a chain of roots, as far as their plain facts say. Signatures are judged by a client, which wants each link
 * signed by the keys of the one before and by its own.
 */
import { LIMIT_WARN_SHARE, sizeVerdict, TRUST_LIMITS } from './limits.ts';
import type { PolicyVerdict } from './policy.ts';

export interface RootLink {
  readonly version: number;
  readonly sizeBytes: number;
  readonly expiresMs: number;
}

export interface RootChain {
  /** Version of the root that is live. */
  readonly liveVersion: number;
  /** What shall follow it, oldest first. */
  readonly links: readonly RootLink[];
  readonly nowMs: number;
}

/** Accepted with the newest version. Only the last link must not have expired: the others are only walked over. */
export function checkRootChain(chain: RootChain): PolicyVerdict<number> {
  const { liveVersion, links, nowMs } = chain;
  const last = links.at(-1);
  if (last === undefined) return refused('there is no new root');
  if (links.length > TRUST_LIMITS.rootRotationsMax) {
    return refused(
      `${links.length} new roots are more than the ${TRUST_LIMITS.rootRotationsMax} that agents walk`,
    );
  }
  for (const [index, link] of links.entries()) {
    const wanted = liveVersion + 1 + index;
    if (link.version !== wanted) {
      return refused(`after root version ${wanted - 1} comes ${wanted}, not ${link.version}`);
    }
    if (sizeVerdict({ role: 'root', sizeBytes: link.sizeBytes }) === 'above') {
      return refused(`root version ${link.version} is larger than agents read`);
    }
  }
  // Also when the expiry cannot be read.
  if (!(last.expiresMs > nowMs)) return refused(`root version ${last.version} has expired`);
  return { kind: 'accepted', value: last.version };
}

/** The newest version that a host may have seen last and be lost now; null while everybody finds the way. */
export function lostBelow(newestVersion: number): number | null {
  const lost = newestVersion - TRUST_LIMITS.rootRotationsMax - 1;
  return lost >= 1 ? lost : null;
}

/** Whether hosts that still have the first root are near to being lost. */
export function isChainLong(newestVersion: number): boolean {
  return newestVersion - 1 >= TRUST_LIMITS.rootRotationsMax * LIMIT_WARN_SHARE;
}

function refused(why: string): { readonly kind: 'refused'; readonly why: string } {
  return { kind: 'refused', why };
}
