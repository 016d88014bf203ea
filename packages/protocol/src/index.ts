export {
  CLOSE_REASONS,
  type CloseReason,
  type CloseReasonName,
  closeReasonOf,
  type RetryAdvice,
} from './close-reasons.ts';
export {
  type Decoded,
  decodeAgentFrame,
  decodeCoordinatorFrame,
  encodeAgentFrame,
  encodeCoordinatorFrame,
} from './codec.ts';
export {
  FRAME_BYTES_MAX,
  HANDSHAKE_BYTES_MAX,
  HANDSHAKE_MS_MAX,
  MINORS_SERVED,
  PING_MS,
  PONG_MS_MAX,
  PROTOCOL_MINOR,
  SESSION_PATH,
  SUBPROTOCOL,
} from './limits.ts';
export type * from './messages.ts';
