import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openBlobStore } from '@moult/release/blob-store';
import { initKeys } from '@moult/release/keys';
import { systemClock } from '@moult/runtime/clock';
import { type Logger, silentLogger } from '@moult/runtime/logger';
import { systemRandom } from '@moult/runtime/random';
import { openSqliteStore, type Store } from '@moult/store';
import { storeWorkerPath } from '../../../../test/support/store-worker.ts';
import { COORDINATOR_KEYS, pathsOf } from '../../src/config.ts';
import {
  type Coordinator,
  type CoordinatorOptions,
  createCoordinator,
} from '../../src/coordinator.ts';
import { type InitResult, initCoordinator } from '../../src/init.ts';
import { FakeClock } from './fake-clock.ts';
import { DIGEST_1, DIGEST_2, TestAgent } from './test-agent.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  readonly body: any;
}

interface Template {
  readonly dir: string;
  readonly init: InitResult;
}

/** Made once for a file of tests: keys, certificates and every step of the schema take longer than most tests. */
let template: Promise<Template> | null = null;

async function makeTemplate(): Promise<Template> {
  const dir = await mkdtemp(join(tmpdir(), 'moult-coordinator-'));
  const trustDir = join(dir, 'trust');
  await initKeys({ dir: trustDir, clock: systemClock });
  return { dir, init: await initCoordinator({ ...initOptions(dir), trustDir }) };
}

async function copyOf(made: Template, dir: string): Promise<InitResult> {
  await cp(made.dir, dir, { recursive: true, verbatimSymlinks: true });
  const stateDir = COORDINATOR_KEYS.state.default;
  return { ...made.init, paths: pathsOf({ root: dir, configPath: null, stateDir }) };
}

/** A coordinator in this process: real store, real sockets, time that the test moves. */
export class Fixture {
  readonly dir: string;
  readonly clock: FakeClock;
  readonly store: Store;
  readonly init: InitResult;
  /** What was logged as warnings, oldest first. */
  readonly warnings: readonly object[];
  coordinator: Coordinator;
  url = '';
  readonly #options: CoordinatorOptions;
  readonly #agents: TestAgent[] = [];

  private constructor(of: {
    readonly dir: string;
    readonly clock: FakeClock;
    readonly store: Store;
    readonly init: InitResult;
    readonly coordinator: Coordinator;
    readonly options: CoordinatorOptions;
    readonly warnings: readonly object[];
  }) {
    this.dir = of.dir;
    this.clock = of.clock;
    this.store = of.store;
    this.init = of.init;
    this.coordinator = of.coordinator;
    this.#options = of.options;
    this.warnings = of.warnings;
  }

  static async make(): Promise<Fixture> {
    const dir = await mkdtemp(join(tmpdir(), 'moult-coordinator-'));
    const clock = new FakeClock(systemClock.nowMs());
    template ??= makeTemplate();
    const init = await copyOf(await template, dir);
    const store = await openSqliteStore({
      path: init.paths.databasePath,
      workerPath: storeWorkerPath(),
    });
    const warnings: object[] = [];
    const log: Logger = {
      ...silentLogger,
      warn: (text, fields) => warnings.push({ text, ...fields }),
      child: () => log,
    };
    const options: CoordinatorOptions = {
      store,
      clock,
      random: systemRandom,
      log,
      version: '9.9.9',
      output: {
        keepMs: 30 * 86_400_000,
        keepBytes: 1_073_741_824,
        keepRunsMs: 400 * 86_400_000,
        forwards: [],
      },
      blobStore: await openBlobStore(init.paths.blobsDir),
      repositoryDir: init.paths.repositoryDir,
      keysDir: init.paths.keysDir,
      tls: null,
      caPem: null,
    };
    const coordinator = await createCoordinator(options);
    const fixture = new Fixture({ dir, clock, store, init, coordinator, options, warnings });
    await fixture.#listen();
    return fixture;
  }

  async restart(
    store: Store = this.store,
    tls: CoordinatorOptions['tls'] = null,
    forwards: CoordinatorOptions['output']['forwards'] = [],
  ): Promise<void> {
    await this.coordinator.stop();
    const output = { ...this.#options.output, forwards };
    this.coordinator = await createCoordinator({ ...this.#options, store, tls, output });
    await this.#listen();
  }

  async #listen(): Promise<void> {
    const { port } = await this.coordinator.listen({ host: '127.0.0.1', port: 0 });
    this.url = `http://127.0.0.1:${port}`;
  }

  async call(
    method: string,
    path: string,
    options: {
      readonly body?: unknown;
      readonly token?: string | null;
      readonly headers?: Record<string, string>;
    } = {},
  ): Promise<Answer> {
    const token = options.token === undefined ? this.init.adminToken : options.token;
    const response = await fetch(`${this.url}${path}`, {
      method,
      headers: {
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...(options.body === undefined ? {} : { 'content-type': 'application/json' }),
        ...options.headers,
      },
      ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
    });
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.includes('json') ?? false;
    return {
      status: response.status,
      headers: response.headers,
      body: isJson && text !== '' ? JSON.parse(text) : text,
    };
  }

  async createToken(overrides: object = {}): Promise<string> {
    const made = await this.call('POST', '/v1/tokens', {
      body: { kind: 'enrollment', ...overrides },
    });
    return made.body.text;
  }

  /** Enrolled, and validated unless said otherwise. */
  async enroll(
    name: string,
    token: { readonly validates?: boolean; readonly group?: string } = {},
  ): Promise<TestAgent> {
    const agent = new TestAgent(this.url);
    const text = await this.createToken({ validates: true, ...token });
    const answer = await this.enrollWith(agent, { name, token: text });
    agent.instanceId = answer.body.instanceId;
    this.#agents.push(agent);
    return agent;
  }

  enrollWith(
    agent: TestAgent,
    of: { readonly name: string; readonly token: string },
  ): Promise<Answer> {
    return this.call('POST', '/v1/enroll', {
      token: null,
      body: { token: of.token, publicKey: agent.publicKey, name: of.name, platform: 'linux-x64' },
    });
  }

  /** A host with a new key, and what it was answered. */
  async enrollNew(of: {
    readonly name: string;
    readonly token: string;
  }): Promise<{ readonly agent: TestAgent; readonly answer: Answer }> {
    const agent = new TestAgent(this.url);
    this.#agents.push(agent);
    const answer = await this.enrollWith(agent, of);
    agent.instanceId = answer.body.instanceId;
    return { agent, answer };
  }

  /** Published as far as the database knows: what the coordinator decides needs no more. */
  async publish(
    version: string,
    digest: string,
    minimumLauncher: string | null = null,
  ): Promise<void> {
    const order = { nowMs: this.clock.nowMs(), principal: 'test', why: '' };
    const name = { component: 'agent', version } as const;
    await this.store.write('recordImport', {
      ...order,
      ...name,
      platform: 'linux-x64',
      digest,
      manifestBytes: 100,
      bytes: 1000,
      files: 3,
      minimumLauncher,
    });
    await this.store.write('recordPublish', { ...order, ...name });
  }

  async publishTwo(): Promise<void> {
    await this.publish('1.0.0', DIGEST_1);
    await this.publish('2.0.0', DIGEST_2);
  }

  /** The kinds of history, oldest first. */
  async historyKinds(agent: string | null = null): Promise<readonly string[]> {
    const page = { agent, before: null, after: null, limit: 1000 };
    return (await this.store.read('historyPage', page)).map((row) => row.kind).reverse();
  }

  async stop(): Promise<void> {
    for (const agent of this.#agents) agent.connection?.socket.terminate();
    await this.coordinator.stop();
    await this.store.close();
    await rm(this.dir, { recursive: true, force: true });
  }
}

export function initOptions(dir: string) {
  return {
    root: dir,
    configPath: null,
    stateDir: null,
    trustDir: join(dir, 'trust'),
    listen: '127.0.0.1:0',
    names: [] as readonly string[],
    tls: 'none' as 'none' | 'own-ca',
    behindProxy: false,
    storeWorkerPath: storeWorkerPath(),
    clock: systemClock,
    random: systemRandom,
  };
}
