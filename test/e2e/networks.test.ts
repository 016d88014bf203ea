/* Hosts in networks as sites have them (docs/spec/way.md): nothing but a proxy, nothing but IPv6. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ConnectProxy } from '../../scripts/fleet/connect-proxy.ts';
import { Host } from '../../scripts/fleet/host.ts';
import { moult, moultOk, startMoult } from '../../scripts/fleet/moult.ts';
import { until } from '../../scripts/fleet/until.ts';
import { canMakeNamespaces } from '../../scripts/readme-namespaces.ts';
import { FIRST_AGENT, GOOD } from '../support/e2e-releases.ts';
import { OwnNetwork } from '../support/own-network.ts';
import { PREPARE_MS, RealFleet } from '../support/real-fleet.ts';

const [SECOND] = GOOD;
const TEST_MS = 180_000;
const [PASSWORD, NEXT_PASSWORD] = ['sesame-4711', 'sesame-4712'];
/** Of the pair of interfaces between this machine's network and the host's: one that nobody uses here. */
const NET = `10.213.${process.pid % 250}`;

describe.runIf(canMakeNamespaces())('hosts in networks of their own', () => {
  let fleet: RealFleet;
  const networks: OwnNetwork[] = [];
  const hosts: Host[] = [];

  beforeAll(async () => {
    fleet = await RealFleet.open('networks');
  }, PREPARE_MS);

  afterAll(async () => {
    await Promise.all(hosts.map((host) => host.stop()));
    expect(await fleet?.close()).toEqual([]);
    for (const network of networks) network.close();
  });

  function network(name: string, lines: readonly string[]): OwnNetwork {
    const made = OwnNetwork.make(name, lines);
    networks.push(made);
    return made;
  }

  test(
    'P9: (I7) behind a proxy with a password, where nothing else leads out, a host is enrolled, installed, upgraded, and told apart from one with a wrong password',
    async () => {
      const { coordinator } = fleet;
      const link = `mt${process.pid}`;
      const { within } = network('proxy', [
        `link add ${link}a type veth peer name ${link}b netns @`,
        `address add ${NET}.1/30 dev ${link}a`,
        `link set ${link}a up`,
        `-n @ address add ${NET}.2/30 dev ${link}b`,
        `-n @ link set ${link}b up`,
      ]);
      const proxy = await ConnectProxy.open({ host: `${NET}.1`, credentials: `ann:${PASSWORD}` });
      try {
        // The coordinator listens on the loopback of another network: to this host its address is nobody's.
        const enroll = async (more: readonly string[]) =>
          await moult(
            [
              ...['agent', 'enroll', '--coordinator', coordinator.url, '--name', 'behind'],
              ...['--root', join(fleet.dir, 'refused'), '--token', '-', ...more],
            ],
            { homeDir: fleet.dir, within, input: await coordinator.enrollmentToken() },
          );
        const direct = await enroll([]);
        expect(direct).toMatchObject({ code: 1 });
        expect(direct.stderr).toContain('coordinator-unreachable');
        const wrong = await enroll(['--proxy', proxy.url.replace('//', '//ann:sesam@')]);
        // As where a token is not taken: not allowed.
        expect(wrong).toMatchObject({ code: 4 });
        expect(wrong.stderr).toContain('proxy-password-wrong');
        expect(wrong.stderr).toContain('proxyPasswordFile');
        expect(wrong.stderr).not.toContain('sesam@');
        expect(proxy.granted).toEqual([]);

        const host = new Host({ name: 'behind', root: join(fleet.dir, 'behind'), within });
        hosts.push(host);
        const url = proxy.url.replace('//', `//ann:${PASSWORD}@`);
        await moultOk(
          [
            ...['agent', 'install', '--root', host.root, '--name', 'behind', '--no-start'],
            ...['--coordinator', coordinator.url, '--token', '-', '--proxy', url],
          ],
          {
            ...{ homeDir: fleet.dir, within, timeoutMs: TEST_MS },
            input: await coordinator.enrollmentToken({ validates: true }),
          },
        );
        host.start();
        await host.whenAgent(coordinator, 'is Up', ({ state }) => state === 'Up');
        const { attempts } = await fleet.upgrade('behind', SECOND);
        expect(attempts).toMatchObject([
          { from: FIRST_AGENT, to: SECOND, outcome: 'succeeded', rehearsal: 'passed' },
        ]);
        expect(proxy.bytesPassed).toBeGreaterThan(attempts[0]?.bytesFetched ?? 0);
        expect(attempts[0]?.bytesFetched).toBeGreaterThan(0);
        expect(new Set(proxy.granted)).toEqual(new Set([`127.0.0.1:${coordinator.port}`]));

        // The site changes the password and cuts what is open; the owner writes the new one into the file.
        proxy.credentials = `ann:${NEXT_PASSWORD}`;
        proxy.cut();
        await until(
          'the log says why there is no session',
          async () => host.lines.some((line) => line.includes('proxy-password-wrong')) || null,
          { timeoutMs: 30_000, detail: () => host.tail() },
        );
        await writeFile(host.layout.proxyPasswordPath, `${NEXT_PASSWORD}\n`);
        const putRightMs = Date.now();
        await host.whenAgent(
          coordinator,
          'is Up again',
          ({ state, lastSeenMs }) => state === 'Up' && (lastSeenMs ?? 0) > putRightMs,
          70_000,
        );

        const yaml = await readFile(host.layout.agentConfigPath, 'utf8');
        const said = `${host.lines.join('\n')}${JSON.stringify(await coordinator.client.getAgent({ params: { name: 'behind' } }))}${yaml}`;
        for (const password of [PASSWORD, NEXT_PASSWORD]) {
          expect(said).not.toContain(password);
          expect(said).not.toContain(Buffer.from(`ann:${password}`).toString('base64'));
        }
      } finally {
        await proxy.close();
      }
    },
    TEST_MS,
  );

  test(
    'P9: where there is nothing but IPv6, coordinator, operator and host find each other, and the host is installed and upgraded',
    async () => {
      const { coordinator } = fleet;
      const { within } = network('six', ['-n @ address delete 127.0.0.1/8 dev lo']);
      // It listens nowhere else from here on: no other test comes after this one.
      await coordinator.stop();
      const serving = startMoult(
        [
          'coordinator',
          'serve',
          '--root',
          coordinator.dir,
          '--listen',
          '[::]:7400',
          '--end-with-stdin',
        ],
        { name: 'the coordinator on IPv6', homeDir: coordinator.dir, within },
      );
      try {
        await serving.waitForLine(/the coordinator is ready/, { timeoutMs: 30_000 });
        const url = 'https://[::1]:7400';
        const env = { ...coordinator.environment(), MOULT_URL: url };
        const operator = async (...args: readonly string[]) =>
          (await moultOk(args, { homeDir: fleet.dir, env, within, timeoutMs: 90_000 })).stdout;
        const token = await operator('tokens', 'create', '--quiet', '--validate');
        const host = await Host.enroll({
          ...{ coordinator, url, token, within },
          ...{ name: 'six', root: join(fleet.dir, 'six') },
        });
        expect(await readFile(host.layout.agentConfigPath, 'utf8')).toContain(`"${url}"`);
        host.start();
        try {
          await operator('agents', 'upgrade', 'six', '--to', SECOND, '--wait');
          const history = await operator('history', 'six');
          expect(history).toContain(`agent ${FIRST_AGENT} -> ${SECOND}: succeeded`);
          expect(history).toMatch(/fetched [1-9][\d.]* [KM]iB of/);
          expect(await operator('agents', 'list')).toMatch(new RegExp(`six .* Up +${SECOND}`));
        } finally {
          await host.stop();
        }
      } finally {
        await serving.stop();
      }
    },
    TEST_MS,
  );
});
