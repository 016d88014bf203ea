/*
 * A coordinator and hosts as real processes, for one file of tests, and `moult` as it is shipped: a bundle. The
 * coordinator is a copy of one that was made once for these sources and has every release: building and publishing
 * takes half a minute, copying a moment. Hosts begin with copies of the slots that one host fetched then, unless they
 * are to fetch.
 */
import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from '@moult/api';
import { parseManifest } from '@moult/core/manifest';
import { bundleMoult, programIn } from '../../scripts/fleet/bundled-moult.ts';
import { Coordinator, type Ended } from '../../scripts/fleet/coordinator.ts';
import { Host } from '../../scripts/fleet/host.ts';
import { madeOnce } from '../../scripts/fleet/made-once.ts';
import { useMoult } from '../../scripts/fleet/moult.ts';
import { endProcessesOf, type Found, processesOf } from '../../scripts/fleet/processes.ts';
import { until } from '../../scripts/fleet/until.ts';
import { FIRST_AGENT, FIRST_LAUNCHER_VERSION, withEachPack } from './e2e-releases.ts';

const ORDER_MS = 15_000;
/** The first file of a run builds and publishes every release, on a machine that may be slow. */
export const PREPARE_MS = 400_000;

export class RealFleet {
  readonly dir: string;
  readonly coordinator: Coordinator;
  readonly #templateDir: string;
  readonly #hosts: Host[] = [];

  private constructor(of: {
    readonly dir: string;
    readonly templateDir: string;
    readonly coordinator: Coordinator;
  }) {
    this.dir = of.dir;
    this.#templateDir = of.templateDir;
    this.coordinator = of.coordinator;
  }

  static async open(
    name: string,
    options: {
      /** Of the coordinator's process. */
      readonly env?: Readonly<Record<string, string>>;
    } = {},
  ): Promise<RealFleet> {
    const templateDir = await prepareFleets();
    const dir = await mkdtemp(join(tmpdir(), `moult-e2e-${name}-`));
    await copyTree(coordinatorIn(templateDir), coordinatorIn(dir));
    const coordinator = await Coordinator.open({ dir: coordinatorIn(dir) });
    await coordinator.start(options);
    return new RealFleet({ dir, templateDir, coordinator });
  }

  /** Enrolled and started; Up unless told otherwise. */
  async host(
    name: string,
    options: {
      readonly validates?: boolean;
      readonly group?: string;
      readonly starts?: boolean;
      /** It fetches and installs what it starts with; otherwise that is there already. */
      readonly fetches?: boolean;
      /** A directory that is there; a new one of its own unless given. */
      readonly root?: string;
      /** Where it finds the coordinator, when something stands between them. */
      readonly url?: string;
      readonly proxy?: string;
      readonly within?: readonly string[];
    } = {},
  ): Promise<Host> {
    const { coordinator } = this;
    // A group of its own, so that none waits for the others of its file.
    const { validates = true, group = name, starts = true, fetches = false, url } = options;
    const root = options.root ?? join(this.dir, name);
    if (!fetches) await copySlots(hostIn(this.#templateDir), root);
    const token = await coordinator.enrollmentToken({ validates, group });
    const host = await Host.enroll({
      ...{ coordinator, token, name, root, installs: fetches },
      ...(url === undefined ? {} : { url }),
      ...(options.proxy === undefined ? {} : { proxy: options.proxy }),
      ...(options.within === undefined ? {} : { within: options.within }),
    });
    this.#hosts.push(host);
    if (!starts) return host;
    host.start();
    await host.whenAgent(coordinator, 'is Up', (agent) => agent.state === 'Up');
    return host;
  }

  /** Stopped, and nothing is left of it here. */
  async leave(host: Host): Promise<void> {
    await host.stop();
    await endProcessesOf(host.root);
    await rm(host.root, { recursive: true, force: true });
    this.#hosts.splice(this.#hosts.indexOf(host), 1);
  }

  /** Once, also where the coordinator is away for a moment: the key makes it one order. */
  async order(
    name: string,
    version: string,
    component: Command['component'] = 'agent',
  ): Promise<Command> {
    const key = randomUUID();
    return await until(
      `${name} is ordered to ${version}`,
      async () => {
        const { client } = this.coordinator;
        const params = { name };
        return (await client.upgradeAgent({ params, body: { version, component, key } })).command;
      },
      { timeoutMs: ORDER_MS },
    );
  }

  /** The command with its attempts, once it has ended. */
  async ended(command: Command, timeoutMs?: number): Promise<Ended> {
    return await this.#when(command, timeoutMs === undefined ? {} : { timeoutMs });
  }

  async whenCommand(
    command: Command,
    what: string,
    isSo: (command: Command) => boolean,
  ): Promise<Ended> {
    return await this.#when(command, { what, isSo });
  }

  async #when(
    command: Command,
    options: Parameters<Coordinator['whenCommand']>[1],
  ): Promise<Ended> {
    const host = this.#hosts.find(({ name }) => name === command.agent);
    return await this.coordinator.whenCommand(command, {
      ...options,
      detail: () => host?.tail() ?? '',
    });
  }

  /** Orders it and waits for the end. */
  async upgrade(
    name: string,
    version: string,
    component: Command['component'] = 'agent',
  ): Promise<Ended> {
    return await this.ended(await this.order(name, version, component));
  }

  /** Where the coordinator has the one file of an agent's release that no other release has. */
  async scriptBlobPath(version: string): Promise<string> {
    const release = (await this.coordinator.releases()).find(
      (one) => one.component === 'agent' && one.version === version,
    );
    const pathOf = (sha256: string) =>
      join(this.coordinator.stateDir, 'blobs', 'sha256', sha256.slice(0, 2), sha256);
    const manifest = await readFile(pathOf(release?.platforms[0]?.digest ?? ''), 'utf8');
    const { script, files } = parseManifest(manifest);
    return pathOf(files.find(({ path }) => path === script)?.sha256 ?? '');
  }

  /** Ends everything; gives what had to be ended by force because nothing else did. */
  async close(): Promise<readonly Found[]> {
    await Promise.allSettled(this.#hosts.map((host) => host.stop()));
    await this.coordinator.stop().catch(() => undefined);
    const left = await processesOf(this.dir);
    await endProcessesOf(this.dir);
    await rm(this.dir, { recursive: true, force: true });
    return left;
  }
}

/** Not as links: an inode that several hosts share changes under one when another links it. */
async function copySlots(fromRoot: string, toRoot: string): Promise<void> {
  await copyTree(join(fromRoot, 'opt'), join(toRoot, 'opt'));
}

async function copyTree(fromDir: string, toDir: string): Promise<void> {
  const mode = constants.COPYFILE_FICLONE;
  await cp(fromDir, toDir, { recursive: true, verbatimSymlinks: true, mode });
}

const coordinatorIn = (dir: string): string => join(dir, 'coordinator');
const hostIn = (dir: string): string => join(dir, 'host');

/** Made if they are not there: the bundle, which is `moult` from here on, and what fleets are copies of; that one's place. */
export async function prepareFleets(): Promise<string> {
  useMoult(programIn((await madeOnce('moult', bundleMoult)).dir));
  return (await madeOnce('e2e', makeTemplate)).dir;
}

/** A stopped coordinator with every release, made from these sources, and the slots of a host of it. */
async function makeTemplate(dir: string): Promise<void> {
  await makeCoordinator(coordinatorIn(dir));
  await makeSlots(dir);
}

/** By a coordinator of their own: the one that fleets begin with has never seen a host. */
async function makeSlots(dir: string): Promise<void> {
  const copyDir = join(dir, 'copy');
  await copyTree(coordinatorIn(dir), copyDir);
  const coordinator = await Coordinator.open({ dir: copyDir });
  try {
    await coordinator.start();
    const token = await coordinator.enrollmentToken();
    await Host.enroll({ coordinator, token, name: 'fetches', root: hostIn(dir) });
  } finally {
    await coordinator.stop();
    await rm(copyDir, { recursive: true, force: true });
  }
}

async function makeCoordinator(dir: string): Promise<void> {
  const coordinator = await Coordinator.init({ dir });
  try {
    await coordinator.start();
    await withEachPack(join(dir, 'packs'), (packPath) => coordinator.publish(packPath));
    const { client } = coordinator;
    for (const [component, version] of [
      ['agent', FIRST_AGENT],
      ['launcher', FIRST_LAUNCHER_VERSION],
    ] as const) {
      await client.setFleetDesired({ params: { component }, body: { version } });
    }
  } finally {
    await coordinator.stop();
    await rm(join(dir, 'packs'), { recursive: true, force: true });
  }
}
