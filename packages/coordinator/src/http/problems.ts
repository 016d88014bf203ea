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

/** Troubles of this coordinator's own disk: their messages name its paths, which are for its log. */
const OF_OUR_DISK: readonly ErrorCode[] = [
  'database-corrupt',
  'database-locked',
  'database-unwritable',
  'disk-full',
  'file-unreadable',
  'file-unwritable',
  'repository-corrupt',
  'repository-missing',
];

const LOOK_AT_LOG = 'The log of the coordinator says where: free or repair that, then ask again.';

/** What went wrong inside is for the log, not for whoever asked. */
export function isInside(error: CodedError): boolean {
  return error.code === 'internal' || OF_OUR_DISK.includes(error.code);
}

export const PROBLEM_TYPE = 'application/problem+json';

export function problemOf(error: CodedError): Problem {
  const isOfOurDisk = OF_OUR_DISK.includes(error.code);
  const title = error.code.replaceAll('-', ' ');
  return {
    type: `urn:moult:problem:${error.code}`,
    title,
    status: OWN_STATUS[error.code] ?? HTTP_STATUS[CATALOGUE[error.code].status],
    detail: isInside(error) ? `the coordinator failed: ${title}` : error.message,
    code: error.code,
    remedy: isOfOurDisk ? LOOK_AT_LOG : error.remedy,
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
