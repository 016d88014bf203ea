import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export type Handler = (
  body: unknown,
  query: URLSearchParams,
) => { readonly status: number; readonly value: unknown };

/** A real HTTP server with answers of our own, by `METHOD /path`. */
export class FakeCoordinator {
  readonly #server: Server;
  /** What was asked, in order. */
  readonly asked: string[] = [];
  readonly bodies: unknown[] = [];

  constructor(handlers: Readonly<Record<string, Handler>>) {
    this.#server = createServer((request, response) => {
      let text = '';
      request.on('data', (chunk) => {
        text += String(chunk);
      });
      request.on('end', () => {
        const route = `${request.method} ${request.url?.replace(/\?.*/, '')}`;
        this.asked.push(route);
        const body: unknown = text === '' ? null : JSON.parse(text);
        this.bodies.push(body);
        const query = new URL(request.url ?? '/', 'http://fake').searchParams;
        const { status, value } = handlers[route]?.(body, query) ?? notFound(route);
        response
          .writeHead(status, { 'content-type': 'application/json' })
          .end(JSON.stringify(value));
      });
    });
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

export async function startCoordinator(
  handlers: Readonly<Record<string, Handler>>,
): Promise<FakeCoordinator> {
  const coordinator = new FakeCoordinator(handlers);
  await coordinator.start();
  return coordinator;
}

export function problemOf(status: number, code: string, detail: string): ReturnType<Handler> {
  const value = {
    type: `urn:moult:${code}`,
    title: code,
    status,
    detail,
    code,
    remedy: 'Do it otherwise.',
  };
  return { status, value };
}

function notFound(route: string): ReturnType<Handler> {
  return problemOf(404, 'not-found', `nothing at ${route}`);
}
