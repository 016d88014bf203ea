/*
 * A real coordinator in a directory of its own, with TLS on a free port of the loopback: made by `moult keys init` and
 * `moult coordinator init`, started by `moult coordinator serve`, spoken to by the typed client.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Attempt, Command, Release } from '@moult/api';
import { type Client, createClient } from '@moult/api/client';
import { isEnded } from '@moult/core/command';
import { freePort } from './free-port.ts';
import { type MoultOptions, moult, moultOk, startMoult } from './moult.ts';
import type { Program, ProgramEnd, Ran } from './program.ts';
import { until } from './until.ts';

export interface CoordinatorOptions {
  readonly dir: string;
  readonly onLine?: (line: string) => void;
  /** Ends whatever is being done with it; the coordinator itself is ended by `stop`. */
  readonly signal?: AbortSignal;
}

export interface Ended {
  readonly command: Command;
  readonly attempts: readonly Attempt[];
}

const READY_MS = 30_000;
const PUBLISH_MS = 120_000;
const UPGRADE_MS = 60_000;
/** Between two looks whether a command has ended: it takes seconds, and nothing changes any more then. */
const ENDED_LOOK_MS = 500;

export class Coordinator {
  readonly dir: string;
  readonly signal: AbortSignal | undefined;
  readonly #onLine: ((line: string) => void) | undefined;
  #port: number | null = null;
  #program: Program | null = null;
  #adminToken = '';
  #caPem = '';

  private constructor(options: CoordinatorOptions) {
    this.dir = options.dir;
    this.signal = options.signal;
    this.#onLine = options.onLine;
  }

  /** Keys, certificates, store and administrator: everything that a new one needs. */
  static async init(options: CoordinatorOptions): Promise<Coordinator> {
    const { dir, signal } = options;
    await mkdir(dir, { recursive: true });
    const homeDir = dir;
    const keysDir = join(dir, 'keys');
    await moultOk(['keys', 'init', '--dir', keysDir], { homeDir, signal });
    await moultOk(['coordinator', 'init', '--root', dir, '--keys', keysDir], { homeDir, signal });
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
  async start(
    options: { readonly port?: number; readonly env?: Readonly<Record<string, string>> } = {},
  ): Promise<void> {
    this.#port = options.port ?? this.#port ?? (await freePort());
    this.signal?.throwIfAborted();
    const listen = ['--listen', `127.0.0.1:${this.#port}`];
    const program = startMoult(
      ['coordinator', 'serve', '--root', this.dir, ...listen, '--end-with-stdin'],
      {
        name: 'the coordinator',
        homeDir: this.dir,
        ...(options.env === undefined ? {} : { env: options.env }),
        ...(this.#onLine === undefined ? {} : { onLine: this.#onLine }),
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
    options: Omit<MoultOptions, 'homeDir' | 'env' | 'signal'> = {},
  ): Promise<Ran> {
    return moult(args, { ...options, ...this.#asAdministrator() });
  }

  /** As `moult`; what it printed. Anything but 0 is an error. */
  async moultOk(
    args: readonly string[],
    options: Omit<MoultOptions, 'homeDir' | 'env' | 'signal'> = {},
  ): Promise<string> {
    return (await moultOk(args, { ...options, ...this.#asAdministrator() })).stdout;
  }

  #asAdministrator(): MoultOptions {
    return { homeDir: this.dir, env: this.environment(), signal: this.signal };
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
    const args = ['release', 'publish', packPath, '--keys', this.keysDir];
    await this.moultOk(args, { timeoutMs: PUBLISH_MS });
  }

  /** The command with its attempts, once it has ended or is as it shall be. */
  async whenCommand(
    command: Command,
    options: {
      readonly what?: string;
      readonly isSo?: (command: Command) => boolean;
      readonly timeoutMs?: number;
      readonly detail?: () => string;
    } = {},
  ): Promise<Ended> {
    const { what = 'has ended', isSo = hasEnded } = options;
    let last: Ended | null = null;
    return await until(
      `the command for ${command.agent} to ${command.version} ${what}`,
      async () => {
        last = await this.client.getCommand({ params: { id: command.id } });
        return isSo(last.command) ? last : null;
      },
      {
        timeoutMs: options.timeoutMs ?? UPGRADE_MS,
        ...(isSo === hasEnded ? { lookMs: ENDED_LOOK_MS } : {}),
        detail: () => `${JSON.stringify(last)}\n${options.detail?.() ?? ''}`,
      },
    );
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

function hasEnded({ state }: Command): boolean {
  return isEnded(state);
}
