/* A coordinator in the wrong hands, with all online keys, and someone in the middle: nothing gets installed. */
import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { versionsDirOf } from '@moult/core/layout';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { freePort } from '../../scripts/fleet/free-port.ts';
import type { Host } from '../../scripts/fleet/host.ts';
import { TcpProxy } from '../../scripts/fleet/tcp-proxy.ts';
import { until } from '../../scripts/fleet/until.ts';
import { ByteFlipper } from '../support/byte-flipper.ts';
import { FIRST_AGENT, GOOD } from '../support/e2e-releases.ts';
import { EvilCoordinator } from '../support/evil-coordinator.ts';
import { FORGERIES, forge, type Loot } from '../support/forgeries.ts';
import { PREPARE_MS, RealFleet } from '../support/real-fleet.ts';

const ATTACK_MS = 30_000;
/** An agent that was told no by the metadata, by a manifest or by a blob. */
const REFUSED = /"code":"(trust-[a-z-]+|fetch-mismatch|release-unknown|manifest-invalid)"/;
const FLIPS = 4;

let fleet: RealFleet;
let host: Host;
/** Never meets the evil one: what that makes of an identity, the real one takes for a clone. */
let other: Host;
let port: number;
let loot: Loot;
let tls: { readonly cert: Buffer; readonly key: Buffer };
let evil: EvilCoordinator | null = null;

beforeAll(async () => {
  fleet = await RealFleet.open('evil');
  const { coordinator } = fleet;
  host = await fleet.host('victim');
  other = await fleet.host('in-between');
  await host.stop();
  await other.stop();
  const release = (await coordinator.releases()).find(
    ({ component, version }) => component === 'agent' && version === GOOD[0],
  );
  await coordinator.stop();
  port = coordinator.port;
  const { stateDir } = coordinator;
  loot = {
    repositoryDir: join(stateDir, 'repository'),
    blobsDir: join(stateDir, 'blobs'),
    keysDir: coordinator.keysDir,
    genuine: { version: GOOD[0], digest: release?.platforms[0]?.digest ?? '' },
    markPath: join(fleet.dir, 'taken-over'),
  };
  tls = {
    cert: await readFile(join(stateDir, 'tls', 'server.pem')),
    key: await readFile(join(stateDir, 'tls', 'server.key')),
  };
}, PREPARE_MS);

afterEach(async () => {
  await host.stop();
  await evil?.close();
  evil = null;
});

afterAll(async () => {
  expect(await fleet?.close()).toEqual([]);
});

for (const [name, forgery] of Object.entries(FORGERIES)) {
  test(`N4: an evil coordinator with all online keys installs nothing: ${name}`, async () => {
    const dir = join(fleet.dir, 'forged');
    await mkdir(dir);
    const forged = await forge(forgery, loot, dir);
    const commandId = `evil${Date.now()}`;
    evil = await EvilCoordinator.open({
      port,
      ...tls,
      ...forged,
      order: { commandId, component: 'agent', version: forged.version },
    });
    const from = host.lines.length;
    host.start();
    await until(
      'the agent has refused what it got',
      () => host.lines.slice(from).some((line) => REFUSED.test(line)),
      { timeoutMs: ATTACK_MS, detail: () => host.tail() },
    );
    expect(evil.heard).toContain('accept');
    await expectUntouched(host);
    await host.stop();
    // It begins the next one with an empty inbox.
    const { stateDir, trustDir } = host.layout;
    for (const file of await readdir(stateDir)) {
      if (file.startsWith('agent.db')) await rm(join(stateDir, file));
    }
    await rm(trustDir, { recursive: true, force: true });
    await rm(dir, { recursive: true });
  });
}

async function expectUntouched(at: Host): Promise<void> {
  expect(await readdir(versionsDirOf(at.layout, 'agent'))).toHaveLength(1);
  expect((await at.bootRecord()).components.agent).toMatchObject({
    committed: { version: FIRST_AGENT },
    trial: null,
  });
  expect(await at.agentPid()).not.toBeNull();
  await expect(stat(loot.markPath)).rejects.toThrow('ENOENT');
}

test('N4: someone in the middle who changes bytes gets nothing installed and crashes nobody', async () => {
  const { coordinator } = fleet;
  const directPort = await freePort();
  // The host knows one port: there the proxy stands now, and the coordinator moves behind it.
  await coordinator.start({ port: directPort });
  const flipper = new ByteFlipper();
  const proxy = await TcpProxy.open({
    toPort: directPort,
    onPort: port,
    change: () => flipper.change(),
  });
  try {
    flipper.isFlipping = true;
    other.start();
    await until('bytes were changed', () => flipper.flipped >= FLIPS, {
      timeoutMs: ATTACK_MS,
      detail: () => other.tail(),
    });
    const pid = await other.agentPid();
    await expectUntouched(other);
    expect(other.lines.join('\n')).not.toMatch(/"code":"internal"/);
    flipper.isFlipping = false;
    proxy.breakAll();
    await other.whenAgent(coordinator, 'is Up', ({ state }) => state === 'Up', 60_000);
    expect(await other.agentPid()).toBe(pid);
    expect((await fleet.upgrade('in-between', GOOD[0])).command.state).toBe('succeeded');
  } finally {
    await other.stop();
    await proxy.close();
  }
});
