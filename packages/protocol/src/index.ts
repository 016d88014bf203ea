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
export { joinFrames, splitFrames } from './delimited.ts';
export {
  FRAME_BYTES_MAX,
  HANDSHAKE_BYTES_MAX,
  HANDSHAKE_MS_MAX,
  HTTPS_BODY_BYTES_MAX,
  HTTPS_BODY_FRAMES_MAX,
  HTTPS_FRAMES_PATH,
  HTTPS_POLL_MS,
  HTTPS_SESSION_PATH,
  HTTPS_SESSION_SCHEME,
  MINORS_SERVED,
  OUTPUT_ITEMS_MAX,
  PING_MS,
  PONG_MS_MAX,
  PROTOCOL_MINOR,
  SESSION_PATH,
  SUBPROTOCOL,
} from './limits.ts';
export type * from './messages.ts';
