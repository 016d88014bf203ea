import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { CodedError } from '@moult/core/errors';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ApiError, type Client, createClient } from '../src/client.ts';

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

type Answer = (response: ServerResponse) => void;

/** A real server that answers what the test says and keeps what it was asked. */
let server: Server;
let answer: Answer;
let seen: Seen[];
let client: Client;

const ME = { principal: 'admin', role: 'admin', coordinatorVersion: '1.0.0' };

beforeEach(async () => {
  seen = [];
  answer = json(200, ME);
  server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += String(chunk);
    });
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      seen.push({ method, url, headers, body });
      answer(response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  client = createClient({ url: urlOf(server), token: 'secret', caPem: null });
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

describe('the typed client', () => {
  it('asks the route with its token and gives the answer as it came, new fields too', async () => {
    answer = json(200, { ...ME, addedLater: 1 });
    expect(await client.whoAmI()).toEqual({ ...ME, addedLater: 1 });
    expect(seen[0]?.url).toBe('/v1/whoami');
    expect(seen[0]?.headers.authorization).toBe('Bearer secret');
  });

  it('escapes parameters as one segment and leaves absent query fields out', async () => {
    answer = json(404, problem({ status: 404, code: 'not-found' }));
    await expect(client.getAgent({ params: { name: '../tokens?x' } })).rejects.toThrow(ApiError);
    expect(seen[0]?.url).toBe('/v1/agents/..%2Ftokens%3Fx');
    answer = json(200, { agents: [], next: null });
    await client.listAgents({ query: { group: 'web', after: undefined } });
    expect(seen[1]?.url).toBe('/v1/agents?group=web');
  });

  it('turns a problem into a coded error with the coordinator’s own next step', async () => {
    answer = json(409, problem({ status: 409, code: 'release-exists', remedy: 'Choose 1.1.0.' }));
    const error = await failureOf(client.listReleases());
    expect(error).toMatchObject({
      code: 'release-exists',
      remedy: 'Choose 1.1.0.',
      httpStatus: 409,
    });
    expect(error.message).toBe('it is so');
  });

  it('keeps a code that it does not know as text', async () => {
    answer = json(412, problem({ status: 412, code: 'invented-next-year' }));
    const error = await failureOf(client.listReleases());
    expect(error).toMatchObject({ code: 'coordinator-refused', problemCode: 'invented-next-year' });
  });

  it('says that an answer which is not as agreed is none', async () => {
    answer = json(200, { principal: 7 });
    expect(await failureOf(client.whoAmI())).toMatchObject({ code: 'response-invalid' });
    answer = (response) => response.end('<html>');
    expect(await failureOf(client.whoAmI())).toMatchObject({ code: 'response-invalid' });
  });

  it('asks again only for reads', async () => {
    answer = json(503, problem({ status: 503, code: 'trust-unreachable' }));
    expect(await failureOf(client.whoAmI())).toMatchObject({ code: 'trust-unreachable' });
    expect(seen.length).toBe(3);
    seen.length = 0;
    await failureOf(client.upgradeAgent({ params: { name: 'a' }, body: {} }));
    expect(seen.length).toBe(1);
  });

  it('streams a pack with its length', async () => {
    answer = json(201, {
      component: 'agent',
      version: '1.0.0',
      platform: 'linux-x64',
      digest: 'a'.repeat(64),
      bytes: 5,
      isNew: true,
    });
    const imported = await client.importPack({
      body: { stream: Readable.from([Buffer.from('bytes')]), lengthBytes: 5 },
    });
    expect(imported.isNew).toBe(true);
    expect(seen[0]).toMatchObject({ body: 'bytes', method: 'POST' });
    expect(seen[0]?.headers).toMatchObject({
      'content-type': 'application/octet-stream',
      'content-length': '5',
    });
  });

  it('names an address where nobody listens', async () => {
    const url = urlOf(server);
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    const error = await failureOf(createClient({ url, token: null, caPem: null }).whoAmI());
    expect(error.code).toBe('coordinator-unreachable');
    expect(error.message).toContain(url);
  });

  it('sends no token over plain http beyond loopback', () => {
    const make = () => createClient({ url: 'http://example.org', token: 'secret', caPem: null });
    expect(make).toThrow(CodedError);
    expect(make).toThrow(/neither https nor on loopback/);
  });

  it('follows no redirection, which could carry the token elsewhere', async () => {
    answer = (response) => {
      response.writeHead(302, { location: `${urlOf(server)}/elsewhere` }).end();
    };
    expect(await failureOf(client.whoAmI())).toMatchObject({ code: 'response-invalid' });
    expect(seen.map(({ url }) => url)).toEqual(['/v1/whoami']);
  });

  it('ends with the reason of an aborted signal', async () => {
    const stop = new AbortController();
    stop.abort(new Error('enough'));
    await expect(client.whoAmI({ signal: stop.signal })).rejects.toThrow('enough');
  });
});

function json(status: number, value: unknown): Answer {
  return (response) => {
    const type = status < 400 ? 'application/json' : 'application/problem+json';
    response.writeHead(status, { 'content-type': type }).end(JSON.stringify(value));
  };
}

function problem(fields: {
  readonly status: number;
  readonly code: string;
  readonly remedy?: string;
}) {
  return { type: 'about:blank', title: 'no', detail: 'it is so', remedy: '', ...fields };
}

function urlOf(listening: Server): string {
  return `http://127.0.0.1:${(listening.address() as AddressInfo).port}`;
}

async function failureOf(work: Promise<unknown>): Promise<CodedError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof CodedError) return error;
    throw error;
  }
  throw new Error('it succeeded');
}
