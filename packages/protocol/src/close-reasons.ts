/** How soon a session that ended may be tried again: at once with jitter, by backoff, or only after a person acted. */
export type RetryAdvice = 'soon' | 'backoff' | 'slow';

export interface CloseReason {
  /** WebSocket close code, 4000–4999. */
  readonly code: number;
  readonly retry: RetryAdvice;
  readonly text: string;
}

/** Every reason for which a coordinator ends a session. `goodbye` names it before the close, where there is time. */
export const CLOSE_REASONS = {
  'shutting-down': { code: 4000, retry: 'soon', text: 'the coordinator is stopping' },
  busy: { code: 4001, retry: 'backoff', text: 'the coordinator takes no more sessions now' },
  replaced: { code: 4002, retry: 'backoff', text: 'a newer session of this instance took over' },
  'handshake-timeout': { code: 4003, retry: 'backoff', text: 'no hello or proof in time' },
  'invalid-frame': { code: 4004, retry: 'backoff', text: 'a frame could not be read' },
  'frame-too-large': {
    code: 4005,
    retry: 'backoff',
    text: 'a frame was larger than its kind may be',
  },
  'unexpected-frame': { code: 4006, retry: 'backoff', text: 'a frame came where it may not' },
  'not-enrolled': { code: 4007, retry: 'slow', text: 'no such instance is enrolled here' },
  'proof-failed': {
    code: 4008,
    retry: 'slow',
    text: 'the signature does not fit the enrolled key',
  },
  quarantined: { code: 4009, retry: 'slow', text: 'two hosts show this identity' },
  'protocol-unsupported': { code: 4010, retry: 'slow', text: 'the protocol version is not served' },
  'no-pong': { code: 4011, retry: 'soon', text: 'pings went unanswered' },
  'too-slow': { code: 4012, retry: 'backoff', text: 'frames were not taken off the wire in time' },
  'internal-error': { code: 4013, retry: 'backoff', text: 'the coordinator failed; see its log' },
  decommissioned: { code: 4014, retry: 'slow', text: 'an operator removed this agent' },
} as const;

export type CloseReasonName = keyof typeof CLOSE_REASONS;

export function closeReasonOf(code: number): CloseReasonName | null {
  const found = Object.entries(CLOSE_REASONS).find(([, reason]) => reason.code === code);
  return found === undefined ? null : (found[0] as CloseReasonName);
}
