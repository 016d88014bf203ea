/* A webhook as the target of a forward: one POST of lines, taken when it is answered with 2xx. Redirects are not followed. */
import { readFile } from 'node:fs/promises';
import { CodedError } from '@moult/core/errors';
import type { Clock } from '@moult/runtime/clock';
import type { ForwardSink, ResumeFacts } from './forwarder.ts';
import type { ForwardSettings } from './settings.ts';

/** For the whole of a request: half a MiB to somebody who is there. */
const ANSWER_MS_MAX = 30_000;

type Webhook = Extract<ForwardSettings, { kind: 'webhook' }>;

export class ForwardWebhook implements ForwardSink {
  readonly target: string;
  readonly #webhook: Webhook;
  readonly #clock: Clock;

  constructor(options: { readonly webhook: Webhook; readonly clock: Clock }) {
    const { origin, pathname } = options.webhook.url;
    // A query may have a secret: targets are shown.
    this.target = `webhook:${origin}${pathname}`;
    this.#webhook = options.webhook;
    this.#clock = options.clock;
  }

  async resume({ storedPosition }: ResumeFacts): Promise<number> {
    return storedPosition;
  }

  async deliver(lines: string, signal: AbortSignal): Promise<void> {
    const headers = await this.#headers();
    const over = new AbortController();
    const late = new AbortController();
    void this.#clock.sleep(ANSWER_MS_MAX, over.signal).then(
      () => late.abort(new Error(`no answer within ${ANSWER_MS_MAX / 1_000} s`)),
      () => undefined,
    );
    let status: number;
    try {
      const answer = await fetch(this.#webhook.url, {
        method: 'POST',
        headers,
        body: lines,
        redirect: 'manual',
        signal: AbortSignal.any([signal, late.signal]),
      });
      status = answer.status;
      await answer.body?.cancel();
    } catch (cause) {
      throw new CodedError('forward-failed', `${this.target}: ${textOf(cause)}`, { cause });
    } finally {
      over.abort();
    }
    if (status >= 200 && status <= 299) return;
    throw new CodedError('forward-failed', `${this.target} answered ${status}`);
  }

  /** The secret is read each time: it may be replaced while the coordinator runs. */
  async #headers(): Promise<Record<string, string>> {
    const common = { 'content-type': 'application/x-ndjson', 'user-agent': 'moult' };
    const { header } = this.#webhook;
    if (header === null) return common;
    try {
      return { ...common, [header.name]: (await readFile(header.secretPath, 'utf8')).trim() };
    } catch (cause) {
      const text = `forward.secretFile: ${textOf(cause)}`;
      throw new CodedError('forward-failed', text, { cause });
    }
  }
}

/** What fetch fails with says nothing; its cause does. */
function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}
