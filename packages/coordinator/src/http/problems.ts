/* Every failure of a request as problem+json (RFC 9457), with our code and the next step; never a stack trace. */

import type { Problem } from '@moult/api';
import {
  CATALOGUE,
  CodedError,
  codedErrorFrom,
  type ErrorCode,
  HTTP_STATUS,
} from '@moult/core/errors';
import type { z } from 'zod';

/** Where HTTP has a status of its own and gRPC has none. */
const OWN_STATUS: Partial<Readonly<Record<ErrorCode, number>>> = {
  'method-not-allowed': 405,
  'request-too-large': 413,
  // Lost on the way here, not here.
  'pack-truncated': 400,
  'pack-hash-mismatch': 400,
};

export const PROBLEM_TYPE = 'application/problem+json';

export function problemOf(error: CodedError): Problem {
  const isInternal = error.code === 'internal';
  return {
    type: `urn:moult:problem:${error.code}`,
    title: error.code.replaceAll('-', ' '),
    status: OWN_STATUS[error.code] ?? HTTP_STATUS[CATALOGUE[error.code].status],
    // What went wrong inside is for the log, not for whoever asked.
    detail: isInternal ? 'the coordinator failed' : error.message,
    code: error.code,
    remedy: error.remedy,
  };
}

/** Whatever was thrown while a request was handled. */
export function requestError(caught: unknown): CodedError {
  if (caught instanceof CodedError) return caught;
  const status = statusOf(caught);
  const text = caught instanceof Error ? caught.message : String(caught);
  if (status === 413)
    return new CodedError('request-too-large', 'the body is too large', { cause: caught });
  if (status !== null && status >= 400 && status < 500) {
    return new CodedError('request-invalid', text, { cause: caught });
  }
  return codedErrorFrom(caught);
}

/** Names the field: `body.version: not a version`. */
export function invalidRequest(part: 'params' | 'query' | 'body', error: z.ZodError): CodedError {
  const [issue] = error.issues;
  const path = [part, ...(issue?.path ?? [])].map(String).join('.');
  return new CodedError('request-invalid', `${path}: ${issue?.message ?? 'not valid'}`);
}

function statusOf(caught: unknown): number | null {
  if (typeof caught !== 'object' || caught === null || !('statusCode' in caught)) return null;
  return typeof caught.statusCode === 'number' ? caught.statusCode : null;
}
