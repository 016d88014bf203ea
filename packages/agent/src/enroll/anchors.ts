/*
 * The first contact is not blind: the token carries the hashes of CA and root. What comes over a connection that nobody
 * vouches for yet is believed only if it has them.
 */
import { createHash, X509Certificate } from 'node:crypto';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { CodedError } from '@moult/core/errors';
import { TRUST_LIMITS } from '@moult/core/trust';
import type { Clock } from '@moult/runtime/clock';
import { type HttpProxy, optionsOfWay, type WayOptions } from '@moult/runtime/way';
import { below } from '../address.ts';
import type { EnrollmentToken } from './token.ts';

export interface Anchors {
  /** PEM; null: the system's authorities vouch for the coordinator. */
  readonly caPem: string | null;
  /** The root metadata, as signed. */
  readonly root: string;
}

const ANCHORS_PATH = '/v1/trust/anchors';
/** A root, a chain of certificates, and their quoting. */
const ANSWER_BYTES_MAX = 2 * TRUST_LIMITS.rootBytesMax + 65_536;
const ANSWER_MS_MAX = 15_000;

/** Throws `coordinator-unreachable`, the `proxy-…` codes, or `enrollment-pin-mismatch`. */
export async function fetchAnchors(
  coordinator: URL,
  token: EnrollmentToken,
  over: { readonly proxy: HttpProxy | null; readonly clock: Clock; readonly signal: AbortSignal },
): Promise<Anchors> {
  const { proxy, clock, signal } = over;
  const url = below(coordinator, ANCHORS_PATH);
  const way = await optionsOfWay({ ca: null, proxy }, { url, clock, signal });
  const text = await getUnverified(url, way, signal);
  const { caPem, root } = anchorsIn(text);
  if (sha256(root) !== token.rootSha256) {
    throw mismatch(`${coordinator.origin} shows another release root than the token names`);
  }
  if (token.caSha256 === null) return { caPem: null, root };
  if (caPem === null || caSha256Of(caPem) !== token.caSha256) {
    throw mismatch(
      `${coordinator.origin} shows another certificate authority than the token names`,
    );
  }
  return { caPem, root };
}

function anchorsIn(text: string): Anchors {
  try {
    const { caPem, root } = JSON.parse(text) as Record<string, unknown>;
    if (typeof root === 'string' && (caPem === null || typeof caPem === 'string')) {
      return { caPem, root };
    }
  } catch {
    // Falls through to the same answer: whatever speaks there is no coordinator.
  }
  throw mismatch('what answers there is no coordinator');
}

function caSha256Of(pem: string): string | null {
  try {
    return sha256(new X509Certificate(pem).raw);
  } catch {
    return null;
  }
}

function sha256(bytes: string | Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function mismatch(message: string): CodedError {
  return new CodedError('enrollment-pin-mismatch', message);
}

/** The certificate is not checked: what is answered is, by its hash. */
function getUnverified(url: URL, way: WayOptions, signal: AbortSignal): Promise<string> {
  const options = { method: 'GET', timeout: ANSWER_MS_MAX, signal, ...way };
  return new Promise((resolve, reject) => {
    const fail = (cause: Error) => {
      const message = `${url.origin}: ${cause.message}`;
      reject(new CodedError('coordinator-unreachable', message, { cause }));
    };
    const answered = (answer: IncomingMessage) => {
      if (answer.statusCode !== 200) {
        answer.destroy();
        fail(new Error(`answered with HTTP ${answer.statusCode}`));
        return;
      }
      const chunks: Buffer[] = [];
      let length = 0;
      answer.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        length += chunk.length;
        if (length > ANSWER_BYTES_MAX) answer.destroy(new Error('answered with too much'));
      });
      answer.on('error', fail);
      answer.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')));
    };
    const sent =
      url.protocol === 'https:'
        ? httpsRequest(url, { ...options, rejectUnauthorized: false }, answered)
        : httpRequest(url, options, answered);
    sent.on('timeout', () => sent.destroy(new Error('no answer in time')));
    sent.on('error', fail);
    sent.end();
  });
}
