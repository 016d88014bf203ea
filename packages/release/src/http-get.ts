import type { IncomingMessage } from 'node:http';
import { CodedError } from '@moult/core/errors';
import type { Clock } from '@moult/runtime/clock';
import { optionsOfWay, type Way } from '@moult/runtime/way';
import { withDeadline } from './deadline.ts';
import { checkedUrl } from './http-address.ts';

export interface SmallGet {
  readonly url: string;
  /** An answer beyond this is dropped unread: `trust-too-large`. */
  readonly bytesMax: number;
  readonly way: Way;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal | undefined;
}

export interface SmallAnswer {
  readonly status: number;
  readonly body: Buffer;
}

/** Gets a small file without following redirects. Throws `trust-unreachable`, `trust-too-large`, `fetch-insecure`, `proxy-…`. */
export async function getSmall(request: SmallGet): Promise<SmallAnswer> {
  const url = checkedUrl(request.url);
  const { get } =
    url.protocol === 'https:' ? await import('node:https') : await import('node:http');
  const expired = () =>
    new CodedError('trust-unreachable', `${url.origin} does not answer in time`);
  return withDeadline(
    { clock: request.clock, ms: request.timeoutMs, signal: request.signal, expired },
    async (signal) => {
      const way = await optionsOfWay(request.way, { url, clock: request.clock, signal });
      // A connection of its own: with a proxy it is there already, and an agent would make another.
      const agent = way.createConnection === undefined ? { agent: false as const } : {};
      return await new Promise<SmallAnswer>((resolve, reject) => {
        const fail = (cause: unknown) => reject(getError(url, cause));
        get(url, { signal, ...agent, ...way }, (answer) => {
          readBody(answer, request.bytesMax).then(
            (body) => resolve({ status: answer.statusCode ?? 0, body }),
            fail,
          );
        }).on('error', fail);
      });
    },
  );
}

async function readBody(answer: IncomingMessage, bytesMax: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of answer) {
    length += chunk.length;
    if (length > bytesMax) {
      answer.destroy();
      throw new CodedError('trust-too-large', `the answer has more than ${bytesMax} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function getError(url: URL, cause: unknown): CodedError {
  if (cause instanceof CodedError) return cause;
  const why = cause instanceof Error ? cause.message : String(cause);
  return new CodedError('trust-unreachable', `cannot get ${url.href}: ${why}`, { cause });
}
