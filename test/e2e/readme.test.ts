import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { blocksOf, OWN_NETWORK, runBlock } from '../../scripts/readme-blocks.ts';
import { canMakeNamespaces, inNewNamespaces } from '../../scripts/readme-namespaces.ts';

const IS_ROOT = process.getuid?.() === 0;
const CAN_MAKE_NETWORKS = canMakeNamespaces();

/** The second block goes on with the keys and packs of the first. */
let dir: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'moult-readme-'));
});

afterAll(async () => {
  await rm(dir, { recursive: true, force: true });
});

describe('the README, word for word', () => {
  it('H1 H7 H18 first upgrade: the block ends with an upgraded agent', async () => {
    const { exitCode, output } = await runBlock({
      body: bodyOf('first-upgrade'),
      dir,
      within: IS_ROOT ? OWN_NETWORK : [],
    });
    expect(output).toMatch(/web-1: agent 1\.0\.0 -> 1\.1\.0 succeeded/);
    expect(output).toMatch(/web-1 +default +Up +1\.1\.0/);
    expect(exitCode).toBe(0);
  });

  it.runIf(CAN_MAKE_NETWORKS)(
    'N4 H18 coordinator and agent in two network namespaces: the block ends with an upgraded agent',
    async () => {
      const { exitCode, output } = await inNewNamespaces(() =>
        runBlock({ body: bodyOf('two-namespaces'), dir }),
      );
      expect(output).toMatch(/db-1: agent 1\.0\.0 -> 1\.1\.0 succeeded/);
      expect(exitCode).toBe(0);
    },
  );
});

function bodyOf(name: string): string {
  const body = blocksOf('README.md').get(name);
  if (body === undefined) throw new Error(`the README has no block ${name}`);
  return body;
}
