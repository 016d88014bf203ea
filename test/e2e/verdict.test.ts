/* What the world does while a version is on trial, through the real programs: none of it is a rollback. */

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from '@moult/api';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Host } from '../../scripts/fleet/host.ts';
import { processesOf, signalPid } from '../../scripts/fleet/processes.ts';
import { TcpProxy } from '../../scripts/fleet/tcp-proxy.ts';
import { CLOCKED, GOOD } from '../support/e2e-releases.ts';
import { PREPARE_MS, RealFleet } from '../support/real-fleet.ts';
import { RefusingCoordinator } from '../support/refusing-coordinator.ts';

/** Watched time of a minute, two probes of half a minute, and the longest wait before the next session. */
const JUDGED_MS = 200_000;
const TEST_MS = 290_000;
/** Longer than a hang may last (60 s). */
const STOPPED_MS = 66_000;
const SWITCHING = /"step":"switching"/;
const PROBATION = /"step":"probation"/;
const TEN_YEARS_MS = 10 * 365 * 86_400_000;

interface Trial {
  readonly host: Host;
  readonly proxy: TcpProxy;
  readonly command: Command;
  /** What was done to it in the middle of its probation is over, and this was seen meanwhile. */
  readonly over: Promise<void>;
}

let fleet: RealFleet;
let busy: RefusingCoordinator;
const proxies: TcpProxy[] = [];
const trials = new Map<string, Trial>();

beforeAll(async () => {
  fleet = await RealFleet.open('verdict');
  const { stateDir, caPem, port } = fleet.coordinator;
  busy = await RefusingCoordinator.open({
    cert: await readFile(join(stateDir, 'tls', 'server.pem')),
    key: await readFile(join(stateDir, 'tls', 'server.key')),
    caPem,
    toPort: port,
    reason: 'busy',
  });
  // All at once and first of all: each takes minutes of being watched.
  for (const cut of ['up', 'down', 'both'] as const) {
    // One-way cuts begin while the new version boots: an open session, and what was asked on it, would outlast them a while.
    const when = cut === 'both' ? PROBATION : SWITCHING;
    await begin({ name: `cut-${cut}`, version: GOOD[0], when }, async ({ host, proxy }) => {
      proxy.cut = cut;
      if (cut === 'both') proxy.breakAll();
      await said(host, /verdict: world-broken/);
      proxy.cut = 'none';
      proxy.breakAll();
    });
  }
  await begin({ name: 'busy', version: GOOD[0], when: PROBATION }, async ({ host, proxy }) => {
    proxy.toPort = busy.port;
    proxy.breakAll();
    await said(host, /verdict: good/);
    proxy.toPort = port;
  });
  await begin({ name: 'stopped', version: GOOD[0], when: PROBATION }, async ({ host }) => {
    for (const { pid } of await processesOf(host.root)) signalPid(pid, 'SIGSTOP');
    await new Promise((resolve) => setTimeout(resolve, STOPPED_MS));
    for (const { pid } of await processesOf(host.root)) signalPid(pid, 'SIGCONT');
  });
  for (const [name, offMs] of [
    ['clock-ahead', TEN_YEARS_MS],
    ['clock-behind', -TEN_YEARS_MS],
  ] as const) {
    await begin({ name, version: CLOCKED[1], when: PROBATION }, async ({ host }) => {
      const clockPath = join(host.root, 'clock-off-ms');
      await writeFile(clockPath, String(offMs));
      // Ten years ahead all metadata has expired; ten years back nothing is wrong with it.
      if (offMs < 0) return;
      await said(host, /verdict: world-broken/);
      await writeFile(clockPath, '0');
    });
  }
}, PREPARE_MS);

afterAll(async () => {
  for (const { host } of trials.values()) {
    for (const { pid } of await processesOf(host.root)) signalPid(pid, 'SIGCONT');
  }
  expect(await fleet?.close()).toEqual([]);
  for (const proxy of proxies) await proxy.close();
  await busy?.close();
});

/** Orders it, and strikes as soon as the host says that it is there: five seconds at least before it can be committed. */
async function begin(
  wanted: { readonly name: string; readonly version: string; readonly when: RegExp },
  strike: (of: { readonly host: Host; readonly proxy: TcpProxy }) => Promise<void>,
): Promise<void> {
  const { name, version, when } = wanted;
  const proxy = await TcpProxy.open({ toPort: fleet.coordinator.port });
  proxies.push(proxy);
  const host = await fleet.host(name, { url: `https://127.0.0.1:${proxy.port}` });
  if (version === CLOCKED[1]) {
    expect((await fleet.upgrade(name, CLOCKED[0])).command.state).toBe('succeeded');
  }
  const over = said(host, when).then(() => strike({ host, proxy }));
  over.catch(() => undefined);
  trials.set(name, { host, proxy, over, command: await fleet.order(name, version) });
}

function said(host: Host, pattern: RegExp): Promise<void> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => {
      end();
      reject(new Error(`${host.name} did not say ${pattern}:\n${host.tail()}`));
    }, JUDGED_MS);
    const end = host.listen((line) => {
      if (!pattern.test(line)) return;
      clearTimeout(late);
      end();
      resolve();
    });
  });
}

async function expectCommitted(name: string): Promise<void> {
  const trial = trials.get(name);
  if (trial === undefined) throw new Error(`${name} was not ordered`);
  const { host, command, over } = trial;
  await over;
  const { command: end, attempts } = await fleet.ended(command, JUDGED_MS);
  expect(end).toMatchObject({ state: 'succeeded' });
  expect(attempts).toMatchObject([{ outcome: 'succeeded', to: command.version }]);
  const { agent } = (await host.bootRecord()).components;
  expect(agent).toMatchObject({
    trial: null,
    refused: [],
    committed: { version: command.version },
  });
}

test(
  'N1: an outage that begins in the middle of probation and ends is no rollback: it is committed',
  () => expectCommitted('cut-both'),
  TEST_MS,
);

test(
  'N1: a network that loses what the host sends is no rollback: it is committed when it is mended',
  () => expectCommitted('cut-up'),
  TEST_MS,
);

test(
  'N1: a network that loses what the host is sent is no rollback: it is committed when it is mended',
  () => expectCommitted('cut-down'),
  TEST_MS,
);

test(
  'N1: a coordinator that answers busy all through probation is no rollback: it is committed when there is room',
  async () => {
    await expectCommitted('busy');
    expect(busy.asked).toBeGreaterThan(0);
  },
  TEST_MS,
);

test(
  'N1: a host that is stopped for longer than a hang may last is no rollback: it is committed',
  () => expectCommitted('stopped'),
  TEST_MS,
);

test(
  'N1: a wall clock that is set ten years ahead in probation is no rollback: it is committed when it is right again',
  () => expectCommitted('clock-ahead'),
  TEST_MS,
);

test(
  'N1: a wall clock that is set ten years back in probation is no rollback: it is committed',
  () => expectCommitted('clock-behind'),
  TEST_MS,
);
