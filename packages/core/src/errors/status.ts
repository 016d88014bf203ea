/** The sixteen canonical status codes of gRPC, and the HTTP status that each becomes (google.rpc.Code). */
export const HTTP_STATUS = {
  cancelled: 499,
  unknown: 500,
  'invalid-argument': 400,
  'deadline-exceeded': 504,
  'not-found': 404,
  'already-exists': 409,
  'permission-denied': 403,
  'resource-exhausted': 429,
  'failed-precondition': 412,
  aborted: 409,
  'out-of-range': 400,
  unimplemented: 501,
  internal: 500,
  unavailable: 503,
  'data-loss': 500,
  unauthenticated: 401,
} as const;

export type Status = keyof typeof HTTP_STATUS;
