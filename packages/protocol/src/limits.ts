import type { AgentFrame, CoordinatorFrame } from './messages.ts';

/** Path and subprotocol of the agents' WebSocket. */
export const SESSION_PATH = '/v1/agent';
export const SUBPROTOCOL = 'moult.v1';

/** Paths of a session over plain HTTPS (docs/spec/session.md): one opens it, the other carries its frames. */
export const HTTPS_SESSION_PATH = '/v1/agent/https';
export const HTTPS_FRAMES_PATH = '/v1/agent/https/frames';
/** Scheme of the `authorization` header of its requests. */
export const HTTPS_SESSION_SCHEME = 'Moult-Session';

/**
 * This program's minor version of moult.v1; a coordinator serves its own and the two before. 1: control commands, the
 * agent's name in the welcome. 2: tasks.
 */
export const PROTOCOL_MINOR = 2;
export const MINORS_SERVED = 2;

/** Largest frame of all: an output batch of 512 KiB with room for its envelope, or a finish with its evidence. */
export const FRAME_BYTES_MAX = 1_048_576;

/** Before authentication: a hello and a proof are under 4 KiB; nobody needs more, or longer than 10 s. */
export const HANDSHAKE_BYTES_MAX = 65_536;
export const HANDSHAKE_MS_MAX = 10_000;

/** Small messages are small; what is larger is an attack on memory, refused before it is decoded. */
const SMALL = 16_384;
/** A report carries a dozen components with some refused slots each. */
const MEDIUM = 65_536;

export const AGENT_FRAME_BYTES_MAX: Readonly<Record<AgentFrame['kind'], number>> = {
  hello: SMALL,
  prove: SMALL,
  report: MEDIUM,
  check: SMALL,
  accept: SMALL,
  progress: SMALL,
  permission: SMALL,
  output: FRAME_BYTES_MAX,
  pong: SMALL,
  unsupported: SMALL,
};

export const COORDINATOR_FRAME_BYTES_MAX: Readonly<Record<CoordinatorFrame['kind'], number>> = {
  challenge: SMALL,
  welcome: SMALL,
  command: MEDIUM,
  hold: SMALL,
  outputAck: SMALL,
  granted: SMALL,
  denied: SMALL,
  confirm: SMALL,
  reject: SMALL,
  cleanup: SMALL,
  ping: SMALL,
  goodbye: SMALL,
  unsupported: SMALL,
};

/** One frame of the largest kind with its length, and some small ones beside it. */
export const HTTPS_BODY_BYTES_MAX: number = FRAME_BYTES_MAX + SMALL;
/** The smallest frames are a few bytes: a body full of them would hold everybody else up while it is read. */
export const HTTPS_BODY_FRAMES_MAX = 256;
/** How long a question for frames waits for one; proxies and address translators forget what is silent for longer. */
export const HTTPS_POLL_MS = 20_000;

/** Items in one output batch: more would be a flood of empty ones. */
export const OUTPUT_ITEMS_MAX = 10_000;
/** Pings: every 20 s ± 20 %; Down after 50 s without a pong (defaults). */
export const PING_MS = 20_000;
export const PONG_MS_MAX = 50_000;
