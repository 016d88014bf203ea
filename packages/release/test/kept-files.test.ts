import { once } from 'node:events';
import {
  appendFile,
  chmod,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { createServer } from 'node:net';
import { basename, join } from 'node:path';
import type { SlotChanges } from '@moult/core/changed-files';
import { layoutOf, versionsDirOf } from '@moult/core/layout';
import { describe, expect, test } from 'vitest';
import { sha256Of } from '../src/digest.ts';
import { installPack } from '../src/install.ts';
import { keepChanged, keepingsIn } from '../src/kept-files.ts';
import { writePack } from '../src/pack.ts';
import { slotChanges } from '../src/slot-changes.ts';
import { verifySlot } from '../src/verify-slot.ts';
import { smallRelease, temporaryDir } from './support/release-tree.ts';

const NOW_MS = Date.UTC(2026, 10, 27, 3, 15);

async function installed() {
  const top = await temporaryDir();
  const release = await smallRelease({ dir: top, version: '1.0.0' });
  const packPath = join(top, 'agent.tar.gz');
  await writePack({ treeDir: release.treeDir, manifest: release.manifest, packPath });
  const layout = layoutOf(join(top, 'host'));
  const signal = new AbortController().signal;
  const install = () =>
    installPack({ packPath, layout, component: 'agent', platform: 'linux-x64', signal });
  const slot = await install();
  const dir = join(versionsDirOf(layout, 'agent'), slot.dir);
  const { digest } = release;
  const { keptDir } = layout;
  const keep = (nowMs = NOW_MS) =>
    keepChanged({ dir, digest, component: 'agent', version: '1.0.0', keptDir, nowMs });
  return { dir, digest, keptDir, keep, install, slotName: slot.dir };
}

const summary = ({ files }: SlotChanges) => files.map(({ path, how }) => `${path} ${how}`);

describe('H16: what was changed in a slot', () => {
  test('is found: each file that was changed, added, removed, or has another mode, with what lies there now', async () => {
    const { dir, digest } = await installed();
    expect(await slotChanges({ dir, digest })).toEqual({ files: [], count: 0 });
    await writeFile(join(dir, 'lib/agent.cjs'), 'mine');
    await utimes(join(dir, 'lib/agent.cjs'), 1_700_000_000, 1_700_000_000);
    await rm(join(dir, 'LICENSE'));
    await chmod(join(dir, 'bin/node'), 0o777);
    await mkdir(join(dir, 'notes/empty'), { recursive: true });
    await writeFile(join(dir, 'notes/why.txt'), 'because');
    await symlink('/etc/passwd', join(dir, 'link'));
    const server = createServer().listen(join(dir, 'pipe'));
    await once(server, 'listening');
    const changes = await slotChanges({ dir, digest });
    expect(summary(changes)).toEqual([
      'LICENSE removed',
      'bin/node mode',
      'lib/agent.cjs changed',
      'link added',
      'notes/empty/ added',
      'notes/why.txt added',
      'pipe added',
    ]);
    expect(changes.count).toBe(7);
    expect(changes.files[2]).toEqual({
      path: 'lib/agent.cjs',
      how: 'changed',
      sha256: sha256Of('mine'),
      bytes: 4,
      modifiedMs: 1_700_000_000_000,
    });
    expect(changes.files[3]?.sha256).toBeNull();
    server.close();
  });

  const harms: readonly {
    readonly what: string;
    readonly harm: (dir: string) => Promise<unknown>;
    readonly found: readonly string[];
  }[] = [
    {
      what: 'another manifest',
      harm: (dir) => writeFile(join(dir, 'manifest.json'), '{}'),
      found: ['LICENSE added', 'bin/node added', 'lib/agent.cjs added', 'manifest.json changed'],
    },
    {
      what: 'a manifest that everybody may write',
      harm: (dir) => chmod(join(dir, 'manifest.json'), 0o666),
      found: ['manifest.json mode'],
    },
    {
      what: 'a directory for a file',
      harm: async (dir) => {
        await rm(join(dir, 'LICENSE'));
        await mkdir(join(dir, 'LICENSE'));
      },
      found: ['LICENSE removed', 'LICENSE/ added'],
    },
    {
      what: 'a link for a directory',
      harm: async (dir) => {
        await rename(join(dir, 'lib'), `${dir}-lib`);
        await symlink(`${dir}-lib`, join(dir, 'lib'));
      },
      found: ['lib added', 'lib/agent.cjs removed'],
    },
    {
      what: 'nothing left of it',
      harm: (dir) => rm(dir, { recursive: true }),
      found: ['manifest.json removed'],
    },
  ];

  test.each(harms)('also where there is $what, as the check of the slot sees it', async (one) => {
    const { dir, digest } = await installed();
    await one.harm(dir);
    expect(summary(await slotChanges({ dir, digest }))).toEqual(one.found);
    expect((await verifySlot({ dir, digest })).kind).toBe('unsound');
  });

  test('is found without reading again what nobody has written to', async () => {
    const { dir, digest } = await installed();
    const known = new Map<string, string>();
    await slotChanges({ dir, digest, known });
    const read = known.size;
    await slotChanges({ dir, digest, known });
    expect(known.size).toBe(read);
    // As long as before: only its content says so.
    const path = join(dir, 'lib/agent.cjs');
    await writeFile(path, 'x'.repeat((await stat(path)).size));
    expect(summary(await slotChanges({ dir, digest, known }))).toEqual(['lib/agent.cjs changed']);
  });

  test('is named up to two hundred files, and counted beyond', async () => {
    const { dir, digest } = await installed();
    for (let file = 0; file < 230; file++) await writeFile(join(dir, `note-${file}`), '');
    const changes = await slotChanges({ dir, digest });
    expect(changes.files.length).toBe(200);
    expect(changes.count).toBe(230);
  });
});

describe('H16 RL38: what is kept aside', () => {
  test('is what was changed and added, as it lay there, not to be executed, beside a list of all', async () => {
    const { dir, keptDir, keep, slotName } = await installed();
    await writeFile(join(dir, 'bin/node'), '#!/bin/sh\n', { mode: 0o755 });
    await rm(join(dir, 'LICENSE'));
    await mkdir(join(dir, 'notes'));
    await writeFile(join(dir, 'notes/why.txt'), 'because');
    await symlink('/etc/passwd', join(dir, 'link'));
    const kept = await keep();
    const place = kept?.dir ?? '';
    expect(place).toBe(join(keptDir, `${slotName}-20261127T031500Z`));
    expect((await readdir(place, { recursive: true })).sort()).toEqual([
      'changes.json',
      'files',
      'files/bin',
      'files/bin/node',
      'files/link',
      'files/notes',
      'files/notes/why.txt',
    ]);
    expect(await readFile(join(place, 'files/notes/why.txt'), 'utf8')).toBe('because');
    expect((await stat(join(place, 'files/bin/node'))).mode & 0o777).toBe(0o600);
    expect((await stat(keptDir)).mode & 0o777).toBe(0o700);
    expect(await keepingsIn(keptDir)).toEqual([kept]);
  });

  test('is kept once, however often it is asked, and again when it has changed', async () => {
    const { dir, keptDir, keep } = await installed();
    expect(await keep()).toBeNull();
    expect(await readdir(keptDir).catch(() => 'none')).toBe('none');
    await writeFile(join(dir, 'LICENSE'), 'one');
    const first = await keep();
    expect(await keep(NOW_MS + 60_000)).toEqual(first);
    await appendFile(join(dir, 'LICENSE'), ' more');
    const second = await keep();
    expect(second?.dir).toBe(`${first?.dir}-2`);
    expect(await readFile(join(first?.dir ?? '', 'files/LICENSE'), 'utf8')).toBe('one');
  });

  test('holds the replacement up where there is no room left, and says so', async () => {
    const { dir, keptDir, keep, install } = await installed();
    await writeFile(join(dir, 'core'), '');
    await truncate(join(dir, 'core'), 1_073_741_825);
    await expect(keep()).rejects.toMatchObject({
      code: 'kept-full',
      retryable: true,
      message: expect.stringMatching(/changed by hand: core \(added\); with it .*kept would hold/),
    });
    await expect(install()).rejects.toMatchObject({ code: 'kept-full' });
    expect((await stat(join(dir, 'core'))).size).toBe(1_073_741_825);
    expect(await readdir(keptDir).catch(() => [])).toEqual([]);
  });

  test('what was being made when a process was killed goes, and what an owner has looked into counts no more', async () => {
    const { dir, keptDir, keep } = await installed();
    await mkdir(join(keptDir, 'making.999999999.gone.x/files'), { recursive: true });
    await mkdir(join(keptDir, 'mine'));
    await writeFile(join(dir, 'LICENSE'), 'one');
    const kept = await keep();
    expect((await readdir(keptDir)).sort()).toEqual([basename(kept?.dir ?? ''), 'mine']);
    await rm(join(kept?.dir ?? '', 'changes.json'));
    expect(await keepingsIn(keptDir)).toEqual([]);
  });
});
