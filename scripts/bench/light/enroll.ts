import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openSqliteStore, type Store, sourceWorkerPath } from '@moult/store';
import { moultOk } from '../../fleet/moult.ts';
import type { LightAgentFacts } from './light-agent.ts';

const PAGE = 1_000;
const VERSION = '1.0.0';
/** What the upgrades are ordered to. */
export const NEXT_VERSION = '2.0.0';
export const LAST_VERSION = '3.0.0';

export interface EnrolledFleet {
  /** EnrolledAgents. */
  readonly agentsPath: string;
  readonly databasePath: string;
  readonly adminToken: string;
}

export interface EnrolledAgents {
  /** Of the agent, by version. */
  readonly digests: Readonly<Record<string, string>>;
  readonly agents: readonly LightAgentFacts[];
}

const PLAIN_GROUPING: Grouping = { groups: ['default'], unavailableMax: 1 };

/** Agents are spread over them in turn. */
export interface Grouping {
  readonly groups: readonly string[];
  readonly unavailableMax: number;
}

/**
 * A coordinator in `dir`, without TLS, and so many validated agents in its store, made by the store's own operations
 * before it is started: a fleet choice that all of them run already, and a version to be upgraded to.
 */
export async function enrollLightAgents(of: {
  readonly dir: string;
  readonly count: number;
  readonly grouping?: Grouping;
}): Promise<EnrolledFleet> {
  const { dir, count, grouping = PLAIN_GROUPING } = of;
  await mkdir(dir, { recursive: true });
  const keysDir = join(dir, 'keys');
  await moultOk(['keys', 'init', '--dir', keysDir], { homeDir: dir });
  const init = ['coordinator', 'init', '--root', dir, '--keys', keysDir, '--no-tls'];
  await moultOk(init, { homeDir: dir });
  const databasePath = join(dir, 'var', 'lib', 'moult-coordinator', 'coordinator.db');
  const store = await openSqliteStore({ path: databasePath, workerPath: sourceWorkerPath() });
  try {
    const { digests, launcherDigest } = await publish(store);
    const agents = await enroll(store, { count, grouping, launcherDigest, digests });
    const agentsPath = join(dir, 'light-agents.json');
    await writeFile(agentsPath, JSON.stringify({ digests, agents } satisfies EnrolledAgents));
    const tokenPath = join(dir, 'etc', 'moult', 'admin.token');
    return { agentsPath, databasePath, adminToken: (await readFile(tokenPath, 'utf8')).trim() };
  } finally {
    await store.close();
  }
}

/** Published as far as the database knows: nothing is fetched here. */
async function publish(store: Store): Promise<{
  readonly digests: EnrolledAgents['digests'];
  readonly launcherDigest: string;
}> {
  const order = { nowMs: Date.now(), principal: 'bench', why: 'benchmark' };
  const files = {
    platform: 'linux-x64',
    manifestBytes: 500,
    bytes: 128_000_000,
    files: 3,
  } as const;
  const digests: Record<string, string> = {};
  const launcherDigest = hex(32);
  for (const component of ['agent', 'launcher'] as const) {
    for (const version of [VERSION, NEXT_VERSION, LAST_VERSION]) {
      const digest = component === 'launcher' && version === VERSION ? launcherDigest : hex(32);
      if (component === 'agent') digests[version] = digest;
      const name = { component, version };
      await store.write('recordImport', {
        ...order,
        ...name,
        ...files,
        digest,
        minimumLauncher: null,
      });
      await store.write('recordPublish', { ...order, ...name });
    }
    const choice = { scope: 'fleet', subject: '', component, version: VERSION } as const;
    await store.write('choose', { ...order, ...choice });
  }
  return { digests, launcherDigest };
}

async function enroll(
  store: Store,
  of: {
    readonly count: number;
    readonly grouping: Grouping;
    readonly digests: EnrolledAgents['digests'];
    readonly launcherDigest: string;
  },
): Promise<readonly LightAgentFacts[]> {
  const { count, launcherDigest } = of;
  const digest = of.digests[VERSION] ?? '';
  const secretHash = hex(32);
  const tokenIds = await tokensFor(store, { ...of, secretHash });
  const agents: LightAgentFacts[] = [];
  while (agents.length < count) {
    const page = Array.from({ length: Math.min(PAGE, count - agents.length) }, async (_, index) => {
      const number = agents.length + index;
      const name = `light-${String(number).padStart(5, '0')}`;
      const pair = generateKeyPairSync('ed25519');
      const { instanceId } = await store.write('enroll', {
        tokenId: tokenIds[number % tokenIds.length] ?? '',
        secretHash,
        publicKey: String(pair.publicKey.export({ format: 'jwk' }).x),
        name,
        platform: 'linux-x64',
        bindsChannel: false,
        nowMs: Date.now(),
      });
      const der = pair.privateKey.export({ format: 'der', type: 'pkcs8' });
      const privateKey = der.toString('base64');
      return { instanceId, name, privateKey, version: VERSION, digest, launcherDigest };
    });
    agents.push(...(await Promise.all(page)));
  }
  return agents;
}

/** One a group, which it makes. */
async function tokensFor(
  store: Store,
  of: { readonly count: number; readonly grouping: Grouping; readonly secretHash: string },
): Promise<readonly string[]> {
  const { count, secretHash } = of;
  const { groups, unavailableMax } = of.grouping;
  const order = { nowMs: Date.now(), principal: 'bench', why: 'benchmark' };
  return await Promise.all(
    groups.map(async (group) => {
      const { id } = await store.write('createToken', {
        ...order,
        kind: 'enrollment',
        secretHash,
        expiresMs: null,
        uses: count,
        group,
        validates: true,
      });
      await store.write('setGroup', { ...order, group, unavailableMax });
      return id;
    }),
  );
}

function hex(bytes: number): string {
  return randomBytes(bytes).toString('hex');
}
