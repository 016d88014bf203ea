/*
 * Reading what comes over the pipe, on either end: one JSON object a line. Rubbish and unknown kinds are values,
 * never exceptions: a version that speaks nonsense is on trial, its launcher is not.
 */
import { isComponent } from '../component.ts';
import {
  EVIDENCE_LIMITS,
  type Evidence,
  type HealthSample,
  type RefusalReason,
} from './evidence.ts';
import { keptLogLines } from './log-lines.ts';
import type { AgentPipeMessage } from './pipe.ts';
import { isSlot } from './recovery.ts';

export type PipeReading =
  | { readonly kind: 'message'; readonly message: AgentPipeMessage }
  /** To be answered with `unsupported`, by its id if it has one. */
  | { readonly kind: 'unknown'; readonly id: number | null; readonly what: string }
  | { readonly kind: 'rubbish' };

/** Probation as a manifest may state it at most (1 h); what an agent asks for is cut to it. */
const PROBATION_MS_MAX = 3_600_000;
const ATTEMPT_ID_LENGTH_MAX = 200;
const TEXT_LENGTH_MAX = 2_000;

export function readAgentLine(line: string): PipeReading {
  const raw = parsed(line);
  if (raw === null || typeof raw['kind'] !== 'string') return { kind: 'rubbish' };
  const message = messageOf(raw);
  if (message !== null) return { kind: 'message', message };
  return { kind: 'unknown', id: idOf(raw), what: raw['kind'].slice(0, 100) };
}

function messageOf(raw: Readonly<Record<string, unknown>>): AgentPipeMessage | null {
  if (raw['kind'] === 'heartbeat') {
    const trouble =
      typeof raw['trouble'] === 'string' ? raw['trouble'].slice(0, TEXT_LENGTH_MAX) : null;
    return {
      kind: 'heartbeat',
      reached: raw['reached'] === true,
      healthy: raw['healthy'] === true,
      trouble,
      idle: raw['idle'] === true,
    };
  }
  if (raw['kind'] === 'prepared') return { kind: 'prepared' };
  const id = idOf(raw);
  if (id === null) return null;
  if (raw['kind'] === 'dialled') return { kind: 'dialled', id, reached: raw['reached'] === true };
  if (raw['kind'] === 'rehearse' || raw['kind'] === 'prepare')
    return isSlot(raw['slot']) ? { kind: raw['kind'], id, slot: raw['slot'] } : null;
  const { component, attemptId } = raw as { component?: unknown; attemptId?: unknown };
  if (typeof component !== 'string' || !isComponent(component)) return null;
  if (typeof attemptId !== 'string' || attemptId.length > ATTEMPT_ID_LENGTH_MAX) return null;
  switch (raw['kind']) {
    case 'try': {
      const probationMs = raw['probationMs'];
      if (!isSlot(raw['slot']) || typeof probationMs !== 'number' || !(probationMs > 0))
        return null;
      const { version, digest, dir } = raw['slot'];
      return {
        kind: 'try',
        id,
        component,
        slot: { version, digest, dir },
        attemptId,
        probationMs: Math.min(Math.ceil(probationMs), PROBATION_MS_MAX),
      };
    }
    case 'commit':
      return { kind: 'commit', id, component, attemptId };
    case 'refuse':
    case 'roll-back': {
      const evidence = readEvidence(raw['evidence']);
      return { kind: raw['kind'], id, component, attemptId, evidence };
    }
    default:
      return null;
  }
}

const REASONS: Readonly<Record<RefusalReason, true>> = {
  crashed: true,
  hung: true,
  'not-started': true,
  'own-checks-failed': true,
  'cannot-reach-coordinator': true,
  'cannot-upgrade-again': true,
  'rejected-by-coordinator': true,
  'reboots-exhausted': true,
  'rolled-back-by-owner': true,
};

/** Cuts evidence to its limits. What is missing or strange becomes empty: a refusal never fails for want of words. */
export function readEvidence(raw: unknown): Evidence {
  const fields = (typeof raw === 'object' && raw !== null ? raw : {}) as Readonly<
    Record<string, unknown>
  >;
  const { reason, detail, exitCode, signal, logLines, samples } = fields as Record<
    keyof Evidence,
    unknown
  >;
  return {
    reason:
      typeof reason === 'string' && Object.hasOwn(REASONS, reason)
        ? (reason as RefusalReason)
        : 'own-checks-failed',
    detail: typeof detail === 'string' ? detail.slice(0, TEXT_LENGTH_MAX) : '',
    exitCode: typeof exitCode === 'number' && Number.isSafeInteger(exitCode) ? exitCode : null,
    signal: typeof signal === 'string' ? signal.slice(0, 20) : null,
    logLines: keptLogLines(
      (Array.isArray(logLines) ? logLines : []).filter(
        (line): line is string => typeof line === 'string',
      ),
    ),
    samples: (Array.isArray(samples) ? samples : [])
      .filter(isSample)
      .slice(-EVIDENCE_LIMITS.samplesMax),
  };
}

function isSample(raw: unknown): raw is HealthSample {
  if (typeof raw !== 'object' || raw === null) return false;
  const { afterMs, reached, healthy } = raw as Record<keyof HealthSample, unknown>;
  return (
    typeof afterMs === 'number' && typeof reached === 'boolean' && typeof healthy === 'boolean'
  );
}

function idOf(raw: Readonly<Record<string, unknown>>): number | null {
  const id = raw['id'];
  return typeof id === 'number' && Number.isSafeInteger(id) ? id : null;
}

function parsed(line: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Readonly<Record<string, unknown>>)
      : null;
  } catch {
    return null;
  }
}
