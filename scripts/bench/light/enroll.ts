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

export interface EnrolledFleet {
  readonly agentsPath: string;
  readonly adminToken: string;
}

/**
 * A coordinator in `dir`, without TLS, and so many validated agents in its store, made by the store's own operations
 * before it is started: a fleet choice that all of them run already, and a version to be upgraded to.
 */
export async function enrollLightAgents(of: {
  readonly dir: string;
  readonly count: number;
}): Promise<EnrolledFleet> {
  const { dir } = of;
  await mkdir(dir, { recursive: true });
  const keysDir = join(dir, 'keys');
  await moultOk(['keys', 'init', '--dir', keysDir], { homeDir: dir });
  const init = ['coordinator', 'init', '--root', dir, '--keys', keysDir, '--no-tls'];
  await moultOk(init, { homeDir: dir });
  const store = await openSqliteStore({
    path: join(dir, 'var', 'lib', 'moult-coordinator', 'coordinator.db'),
    workerPath: sourceWorkerPath(),
  });
  try {
    const digests = await publish(store);
    const agentsPath = join(dir, 'light-agents.json');
    await writeFile(agentsPath, JSON.stringify(await enroll(store, { ...of, ...digests })));
    const tokenPath = join(dir, 'etc', 'moult', 'admin.token');
    return { agentsPath, adminToken: (await readFile(tokenPath, 'utf8')).trim() };
  } finally {
    await store.close();
  }
}

/** Published as far as the database knows: nothing is fetched here. */
async function publish(
  store: Store,
): Promise<{ readonly digest: string; readonly launcherDigest: string }> {
  const order = { nowMs: Date.now(), principal: 'bench', why: 'benchmark' };
  const files = {
    platform: 'linux-x64',
    manifestBytes: 500,
    bytes: 128_000_000,
    files: 3,
  } as const;
  const digests = { agent: hex(32), launcher: hex(32) };
  for (const component of ['agent', 'launcher'] as const) {
    for (const version of [VERSION, NEXT_VERSION]) {
      const digest = version === VERSION ? digests[component] : hex(32);
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
  return { digest: digests.agent, launcherDigest: digests.launcher };
}

async function enroll(
  store: Store,
  of: { readonly count: number; readonly digest: string; readonly launcherDigest: string },
): Promise<readonly LightAgentFacts[]> {
  const { count, digest, launcherDigest } = of;
  const secretHash = hex(32);
  const token = await store.write('createToken', {
    nowMs: Date.now(),
    principal: 'bench',
    why: 'benchmark',
    kind: 'enrollment',
    secretHash,
    expiresMs: null,
    uses: count,
    group: 'default',
    validates: true,
  });
  const agents: LightAgentFacts[] = [];
  while (agents.length < count) {
    const page = Array.from({ length: Math.min(PAGE, count - agents.length) }, async (_, index) => {
      const name = `light-${String(agents.length + index).padStart(5, '0')}`;
      const pair = generateKeyPairSync('ed25519');
      const { instanceId } = await store.write('enroll', {
        tokenId: token.id,
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

function hex(bytes: number): string {
  return randomBytes(bytes).toString('hex');
}
