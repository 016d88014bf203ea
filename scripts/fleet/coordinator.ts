/*
 * A real coordinator in a directory of its own, with TLS on a free port of the loopback: made by `moult keys init` and
 * `moult coordinator init`, started by `moult coordinator serve`, spoken to by the typed client.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Release } from '@moult/api';
import { type Client, createClient } from '@moult/api/client';
import { freePort } from './free-port.ts';
import { moultOk, startMoult } from './moult.ts';
import type { Program, ProgramEnd, Ran } from './program.ts';

export interface CoordinatorOptions {
  readonly dir: string;
  readonly onLine?: (line: string) => void;
}

const READY_MS = 30_000;

export class Coordinator {
  readonly dir: string;
  readonly #onLine: ((line: string) => void) | null;
  #port: number | null = null;
  #program: Program | null = null;
  #adminToken = '';
  #caPem = '';

  private constructor(options: CoordinatorOptions) {
    this.dir = options.dir;
    this.#onLine = options.onLine ?? null;
  }

  /** Keys, certificates, store and administrator: everything that a new one needs. */
  static async init(options: CoordinatorOptions): Promise<Coordinator> {
    const { dir } = options;
    await mkdir(dir, { recursive: true });
    const homeDir = dir;
    await moultOk(['keys', 'init', '--dir', join(dir, 'keys')], { homeDir });
    await moultOk(['coordinator', 'init', '--root', dir, '--keys', join(dir, 'keys')], { homeDir });
    return await Coordinator.open(options);
  }

  /** One that was made before, here or as a copy of a directory. */
  static async open(options: CoordinatorOptions): Promise<Coordinator> {
    const coordinator = new Coordinator(options);
    await coordinator.#takeOver();
    coordinator.#adminToken = (
      await readFile(join(coordinator.configDir, 'admin.token'), 'utf8')
    ).trim();
    coordinator.#caPem = await readFile(coordinator.caPath, 'utf8');
    return coordinator;
  }

  /** Its configuration names its certificate by an absolute path, which a copy has elsewhere. */
  async #takeOver(): Promise<void> {
    const path = join(this.configDir, 'coordinator.yaml');
    const text = await readFile(path, 'utf8');
    const own = text.replaceAll(/"[^"\n]*(\/tls\/server\.(?:pem|key))"/g, `"${this.stateDir}$1"`);
    if (own !== text) await writeFile(path, own);
  }

  get configDir(): string {
    return join(this.dir, 'etc', 'moult');
  }

  get stateDir(): string {
    return join(this.dir, 'var', 'lib', 'moult-coordinator');
  }

  get caPath(): string {
    return join(this.configDir, 'ca.pem');
  }

  get keysDir(): string {
    return join(this.dir, 'keys');
  }

  get caPem(): string {
    return this.#caPem;
  }

  get adminToken(): string {
    return this.#adminToken;
  }

  get port(): number {
    if (this.#port === null) throw new Error('the coordinator was not started yet');
    return this.#port;
  }

  get url(): string {
    return `https://127.0.0.1:${this.port}`;
  }

  get program(): Program {
    if (this.#program === null) throw new Error('the coordinator does not run');
    return this.#program;
  }

  get client(): Client {
    return this.clientOf(this.#adminToken);
  }

  clientOf(token: string | null): Client {
    return createClient({ url: this.url, token, caPem: this.#caPem });
  }

  /** Always on the same port once it has one: agents come back to it. */
  async start(options: { readonly port?: number } = {}): Promise<void> {
    this.#port = options.port ?? this.#port ?? (await freePort());
    const program = startMoult(
      [
        'coordinator',
        'serve',
        '--root',
        this.dir,
        '--listen',
        `127.0.0.1:${this.#port}`,
        '--end-with-stdin',
      ],
      {
        name: 'coordinator',
        homeDir: this.dir,
        ...(this.#onLine === null ? {} : { onLine: this.#onLine }),
      },
    );
    this.#program = program;
    await program.waitForLine(/the coordinator is ready/, { timeoutMs: READY_MS });
  }

  async stop(): Promise<ProgramEnd | null> {
    const end = (await this.#program?.stop()) ?? null;
    this.#program = null;
    return end;
  }

  async kill(): Promise<void> {
    await this.#program?.kill();
    this.#program = null;
  }

  /** `moult` logged in as the administrator, by variables. */
  async moult(
    args: readonly string[],
    options: { readonly timeoutMs?: number } = {},
  ): Promise<Ran> {
    const { moult } = await import('./moult.ts');
    return moult(args, { homeDir: this.dir, env: this.environment(), ...options });
  }

  environment(): Readonly<Record<string, string>> {
    return {
      MOULT_URL: this.url,
      MOULT_TOKEN: this.#adminToken,
      MOULT_CA: this.caPath,
    };
  }

  /** Imports and publishes a pack with the release key. */
  async publish(packPath: string): Promise<void> {
    await moultOk(['release', 'publish', packPath, '--keys', this.keysDir], {
      homeDir: this.dir,
      env: this.environment(),
      timeoutMs: 120_000,
    });
  }

  async releases(): Promise<readonly Release[]> {
    return (await this.client.listReleases()).releases;
  }

  async enrollmentToken(
    options: {
      readonly uses?: number;
      readonly validates?: boolean;
      readonly group?: string;
      readonly ttlMs?: number;
    } = {},
  ): Promise<string> {
    const { text } = await this.client.createToken({ body: { kind: 'enrollment', ...options } });
    return text;
  }
}
