/* Whatever goes wrong between us and a coordinator, as one coded error that says what to do next. */
import { CATALOGUE, CodedError, type ErrorCode } from '@moult/core/errors';
import { type Problem, problem } from './schemas.ts';

/** The coordinator answered, and said no. */
export class ApiError extends CodedError {
  override readonly name: string = 'ApiError';
  readonly httpStatus: number;
  /** As the coordinator named it; a newer one may know codes that `code` cannot hold. */
  readonly problemCode: string;

  constructor(answered: Problem) {
    const { code } = answered;
    const known: ErrorCode = Object.hasOwn(CATALOGUE, code)
      ? (code as ErrorCode)
      : 'coordinator-refused';
    super(known, answered.detail, answered.remedy === '' ? {} : { remedy: answered.remedy });
    this.httpStatus = answered.status;
    this.problemCode = code;
  }
}

export function answerError(
  answer: { readonly statusCode: number; readonly body: string },
  base: URL,
): CodedError {
  const parsed = problem.safeParse(parsedOrNull(answer.body));
  if (parsed.success) return new ApiError(parsed.data);
  return new CodedError(
    'response-invalid',
    `${base.origin} answered with HTTP ${answer.statusCode}`,
  );
}

/** TLS failures that mean "not the one you think", by Node's codes. */
const UNTRUSTED = /^(ERR_TLS_|CERT_|SELF_SIGNED_|DEPTH_ZERO_|UNABLE_TO_)/;

export function transportError(caught: unknown, base: URL): CodedError {
  const code = networkCodeOf(caught);
  const what = `${base.origin}${code === null ? '' : ` (${code})`}`;
  if (code !== null && UNTRUSTED.test(code)) {
    return new CodedError('coordinator-untrusted', `the certificate is not trusted: ${what}`, {
      cause: caught,
    });
  }
  if (isTimeout(caught)) {
    return new CodedError('coordinator-silent', `no answer from ${what}`, { cause: caught });
  }
  return new CodedError('coordinator-unreachable', `cannot reach ${what}`, { cause: caught });
}

function isTimeout(caught: unknown): boolean {
  return caught instanceof Error && caught.name === 'TimeoutError';
}

function networkCodeOf(caught: unknown): string | null {
  if (typeof caught !== 'object' || caught === null || !('code' in caught)) return null;
  return typeof caught.code === 'string' ? caught.code : null;
}

function parsedOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
