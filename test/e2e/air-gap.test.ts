/* docs/air-gap.md, word for word: each block in a network that has its own loopback and not one route. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasTracer } from '../../scripts/fleet/tracer.ts';
import { blocksOf, OWN_NETWORK, runBlock } from '../../scripts/readme-blocks.ts';
import { canMakeNamespaces } from '../../scripts/readme-namespaces.ts';

const PAGE = blocksOf('docs/air-gap.md');
const CAN_TRACE = await hasTracer();
/** A block waits for two builds, or for a first installation; strace slows it down. */
const BLOCK_MS = 180_000;

let dir: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'moult-air-gap-'));
});

afterAll(async () => {
  await rm(dir, { recursive: true, force: true });
});

async function run(name: string, before: readonly string[] = []): Promise<string> {
  const body = PAGE.get(name);
  if (body === undefined) throw new Error(`docs/air-gap.md has no block ${name}`);
  const { exitCode, output } = await runBlock({ body, dir, within: [...OWN_NETWORK, ...before] });
  expect(`${name}: ${exitCode}\n${exitCode === 0 ? '' : output}`).toBe(`${name}: 0\n`);
  return output;
}

/** strace around a block: only these calls stop a process. */
function tracing(file: string): readonly string[] {
  const calls = 'trace=connect,sendto,sendmsg,sendmmsg';
  return ['strace', '-f', '-qq', '--seccomp-bpf', '-e', calls, '-o', join(dir, file)];
}

/** Where processes sent something, other than over what is connected already: families and addresses. */
async function addressesIn(file: string): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  for (const line of (await readFile(join(dir, file), 'utf8')).split('\n')) {
    const family = /sa_family=(AF_\w+)/.exec(line)?.[1];
    if (family === undefined || family === 'AF_UNIX' || family === 'AF_NETLINK') continue;
    const address = /inet_addr\("([^"]+)"\)|inet_pton\(AF_INET6, "([^"]+)"/.exec(line);
    const port = /sin6?_port=htons\((\d+)\)/.exec(line)?.[1];
    found.add(`${address?.[1] ?? address?.[2] ?? family} ${port ?? ''}`.trim());
  }
  return found;
}

describe.runIf(canMakeNamespaces())('docs/air-gap.md, word for word', () => {
  it(
    'P9 R16: outside a release is built, signed and written to a stick',
    async () => {
      const output = await run('outside');
      expect(output).toMatch(/stick has it: \d+ blobs/);
      // What the block lists at its end: no key that signs roots or releases.
      expect(output).toMatch(/^root\.json$/m);
      expect(output).not.toMatch(/^(root|release)[\w.-]*\.key$/m);
    },
    BLOCK_MS,
  );

  it(
    'P9 H19: inside, the coordinator takes it without a release key, and a host is installed from its drop folder',
    async () => {
      const output = await run('inside', CAN_TRACE ? tracing('inside.trace') : []);
      expect(output).toMatch(/files, [\d.]+ MiB, came from .*opt\/moult\/drop/);
      if (!CAN_TRACE) return;
      // Nobody phones home: coordinator, agent, launcher and operator talk to the coordinator and to nobody else.
      expect([...(await addressesIn('inside.trace'))]).toEqual(['::1 7400']);
    },
    BLOCK_MS,
  );

  it(
    'P9 H18: the next release is carried and installed, without a byte from the network',
    async () => {
      await run('next-outside');
      const output = await run('next-inside', CAN_TRACE ? tracing('next-inside.trace') : []);
      expect(output).toMatch(/web-1: agent 1\.0\.0 -> 1\.1\.0 succeeded/);
      expect(output).toMatch(/fetched 0 B of /);
      expect(await readFile(join(dir, 'web-1.log'), 'utf8')).toContain('came from the drop folder');
      if (!CAN_TRACE) return;
      expect([...(await addressesIn('next-inside.trace'))]).toEqual(['::1 7400']);
    },
    2 * BLOCK_MS,
  );
});
