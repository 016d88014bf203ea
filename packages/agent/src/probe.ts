/*
 * `--probe`: can this version, with its own code, reach the coordinator and refresh the metadata of releases? Asked by
 * the launcher of the version on trial and of the one before, to tell a broken agent from a broken world. Reads
 * configuration and key only: the state belongs to whoever serves.
 */
import { PROBE_EXIT } from '@moult/core/boot';
import { CodedError, codedErrorFrom } from '@moult/core/errors';
import type { SessionPurpose } from '@moult/core/identity';
import type { Clock } from '@moult/runtime/clock';
import type { Logger } from '@moult/runtime/logger';
import type { Self, Transport, Trust } from './ports.ts';
import { isAnswer } from './session/backoff.ts';
import { shakeHands } from './session/handshake.ts';
import { pause } from './waiting.ts';

export const PROBE_MS_MAX = 30_000;

export interface ProbePorts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly self: Self;
  /** In the order in which they are tried: whoever is reached over any of them is reached (P10). */
  readonly transports: readonly Transport[];
  readonly trust: Trust;
  readonly own: { readonly version: string; readonly digest: string };
}

/** Resolves to an exit code of PROBE_EXIT within PROBE_MS_MAX; never rejects. */
export async function probe(ports: ProbePorts, stop: AbortSignal): Promise<number> {
  const done = new AbortController();
  const signal = AbortSignal.any([done.signal, stop]);
  const isLate = pause(ports.clock, PROBE_MS_MAX, signal).then(() => false);
  try {
    const reached = await Promise.race([isReached(ports, signal), isLate]);
    return reached ? PROBE_EXIT.reached : PROBE_EXIT.notReached;
  } finally {
    done.abort(new Error('the probe is over'));
  }
}

async function isReached(ports: ProbePorts, signal: AbortSignal): Promise<boolean> {
  const { log, trust } = ports;
  try {
    await reachCoordinator({ ...ports, purpose: 'probe' }, signal);
    await trust.refresh(signal);
    log.info('probe: reached');
    return true;
  } catch (caught) {
    const { code, message } = codedErrorFrom(caught);
    log.warn('probe: failed', { code, message });
    return false;
  }
}

export interface ReachPorts extends Pick<ProbePorts, 'clock' | 'log' | 'self' | 'own'> {
  readonly transports: readonly Transport[];
  readonly purpose: Exclude<SessionPurpose, 'serve'>;
}

export interface Reached {
  /** Of this host, ahead of the coordinator, in ms; null: it answered, and would not say. */
  readonly clockAheadMs: number | null;
}

/** Over any of the transports. Rejects with `coordinator-unreachable` and what each of them met, or the signal's reason. */
export async function reachCoordinator(ports: ReachPorts, signal: AbortSignal): Promise<Reached> {
  const met: string[] = [];
  for (const transport of ports.transports) {
    const why = await trySession({ ...ports, transport }, signal).catch((caught: unknown) => {
      signal.throwIfAborted();
      return codedErrorFrom(caught).message;
    });
    if (typeof why !== 'string') return why;
    ports.log.warn(`${ports.purpose}: no session`, { why });
    met.push(why);
  }
  throw new CodedError('coordinator-unreachable', met.join('; '));
}

/** Welcomed, or answered otherwise by a coordinator that knows us. Else why not. */
async function trySession(
  ports: ReachPorts & { readonly transport: Transport },
  signal: AbortSignal,
): Promise<string | Reached> {
  const { clock, self, transport, own, purpose } = ports;
  const connection = await transport.connect(signal);
  try {
    const result = await shakeHands({
      connection,
      self,
      clock,
      signal,
      facts: {
        ...own,
        purpose,
        commandNonce: '',
        launcherVersion: '',
        launcherDigest: '',
        counter: 0,
        ticket: '',
        generationSeen: 0,
        positionSeen: 0,
      },
    });
    if (result.kind === 'welcomed') return { clockAheadMs: result.clockAheadMs };
    return isAnswer(result.ending.reason) ? { clockAheadMs: null } : result.detail;
  } finally {
    connection.close();
  }
}
