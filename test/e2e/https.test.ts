/* A host behind a reverse proxy that knows nothing of WebSockets (docs/spec/session.md). */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Agent } from '@moult/api';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { HttpsProxy } from '../../scripts/fleet/https-proxy.ts';
import { FIRST_AGENT, GOOD } from '../support/e2e-releases.ts';
import { PREPARE_MS, RealFleet } from '../support/real-fleet.ts';

const [SECOND] = GOOD;
/** The WebSocket is tried each minute; then the session over HTTPS ends, and the next one begins. */
const RETURN_MS = 90_000;

let fleet: RealFleet;
let proxy: HttpsProxy;

beforeAll(async () => {
  fleet = await RealFleet.open('https');
  const { coordinator } = fleet;
  const tlsFile = (name: string) => readFile(join(coordinator.stateDir, 'tls', name), 'utf8');
  proxy = await HttpsProxy.open({
    toPort: coordinator.port,
    cert: await tlsFile('server.pem'),
    key: await tlsFile('server.key'),
    caPem: coordinator.caPem,
  });
}, PREPARE_MS);

afterAll(async () => {
  await proxy?.close();
  expect(await fleet?.close()).toEqual([]);
});

test('P10 H4: an agent whose WebSocket is refused asks, fetches and is upgraded over HTTPS, and returns when it opens', async () => {
  const { coordinator } = fleet;
  const host = await fleet.host('behind-proxy', { url: proxy.url, fetches: true });
  const isOver = (version: string, marks: readonly string[]) => (agent: Agent) =>
    agent.state === 'Up' &&
    agent.marks.join() === marks.join() &&
    agent.components.find(({ component }) => component === 'agent')?.current?.version === version;
  await host.whenAgent(coordinator, 'is Up over HTTPS', isOver(FIRST_AGENT, ['over HTTPS']));
  expect(proxy.upgradesRefused).toBeGreaterThanOrEqual(3);
  // TLS ends at the proxy: enrollment fixed no binding.
  expect(await readFile(host.layout.agentConfigPath, 'utf8')).toContain('bindsChannel: false');
  expect(await coordinator.moultOk(['agents', 'list'])).toContain('Up (over HTTPS)');

  const { command, attempts } = await fleet.ended(
    await fleet.order('behind-proxy', SECOND),
    120_000,
  );
  expect(command).toMatchObject({ state: 'succeeded', outcome: 'succeeded' });
  expect(attempts).toMatchObject([{ from: FIRST_AGENT, to: SECOND, outcome: 'succeeded' }]);
  expect((await host.bootRecord()).components.agent).toMatchObject({
    committed: { version: SECOND },
    trial: null,
  });
  await host.whenAgent(coordinator, 'runs it over HTTPS', isOver(SECOND, ['over HTTPS']));
  expect(proxy.upgradesTaken).toBe(0);

  proxy.refusesUpgrades = false;
  await host.whenAgent(coordinator, 'is back', isOver(SECOND, []), RETURN_MS);
  expect(proxy.upgradesTaken).toBeGreaterThan(0);
}, 360_000);
