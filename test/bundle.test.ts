import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { arOf } from '../scripts/bundle/ar.ts';
import { controlText, debOf, debVersionOf } from '../scripts/bundle/deb.ts';
import { MTIME_MS } from '../scripts/bundle/distribution.ts';
import { tarballOf } from '../scripts/bundle/tarball.ts';
import { membersOf } from './support/ar-members.ts';

const hasDpkg = spawnSync('dpkg-deb', ['--version']).status === 0;
const FILES: Readonly<Record<string, string>> = {
  'bin/moult': '#!/bin/sh\n',
  'bin/node': 'runtime',
  'lib/moult.cjs': 'program',
  LICENSE: 'licence',
  'LICENSE.node': 'licence of the runtime',
  NOTICES: 'notices',
  'docs/installing.md': '# Installing\n',
  'docs/spec/boot.md': '# Boot\n',
};

let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'moult-bundle-'));
});

afterEach(() => {
  rmSync(dir, { recursive: true, force: true });
});

/** A small bundle; `order` and `umask` differ between machines. */
function bundle(name: string, given: { readonly names: readonly string[]; readonly mode: number }) {
  const treeDir = join(dir, name);
  for (const path of given.names) {
    const filePath = join(treeDir, path);
    mkdirSync(dirname(filePath), { recursive: true });
    writeFileSync(filePath, FILES[path] ?? '');
    chmodSync(filePath, path.startsWith('bin/') ? given.mode | 0o111 : given.mode);
    utimesSync(filePath, given.names.indexOf(path), given.names.indexOf(path));
  }
  return treeDir;
}

function aBundle(): string {
  return bundle('a', { names: Object.keys(FILES), mode: 0o644 });
}

function debOptions(treeDir: string) {
  const of = { version: '1.4.0', platform: 'linux-x64', mtimeMs: MTIME_MS } as const;
  return { ...of, treeDir, compressionLevel: 6 };
}

describe('a Debian package', () => {
  test('has the three members that dpkg reads, in their order', async () => {
    const members = membersOf(await debOf(debOptions(aBundle())));
    expect([...members.keys()]).toEqual(['debian-binary', 'control.tar.gz', 'data.tar.gz']);
    expect(members.get('debian-binary')?.toString()).toBe('2.0\n');
  });

  test('I14: is the same to the last byte wherever, whenever and in whatever order its files were made', async () => {
    const one = await debOf(debOptions(aBundle()));
    const other = bundle('b', { names: Object.keys(FILES).toReversed(), mode: 0o600 });
    expect(await debOf(debOptions(other))).toEqual(one);
  });

  test('I14: puts nothing where an agent lives, and has no scripts', async () => {
    const debPath = join(dir, 'moult.deb');
    writeFileSync(debPath, await debOf(debOptions(aBundle())));
    const members = membersOf(await debOf(debOptions(aBundle())));
    expect(listed(members.get('data.tar.gz'))).toEqual([
      './',
      './usr/',
      './usr/bin/',
      './usr/lib/',
      './usr/lib/moult/',
      './usr/lib/moult/bin/',
      './usr/lib/moult/lib/',
      './usr/share/',
      './usr/share/doc/',
      './usr/share/doc/moult/',
      './usr/share/doc/moult/docs/',
      './usr/share/doc/moult/docs/spec/',
      './usr/bin/moult',
      './usr/lib/moult/bin/moult',
      './usr/lib/moult/bin/node',
      './usr/lib/moult/lib/moult.cjs',
      './usr/share/doc/moult/LICENSE',
      './usr/share/doc/moult/LICENSE.node',
      './usr/share/doc/moult/NOTICES',
      './usr/share/doc/moult/copyright',
      './usr/share/doc/moult/docs/installing.md',
      './usr/share/doc/moult/docs/spec/boot.md',
    ]);
    expect(listed(members.get('control.tar.gz'))).toEqual(['./', './control', './md5sums']);
  });

  test.each([
    ['1.4.0', '1.4.0'],
    ['1.4.0-rc.1', '1.4.0~rc.1'],
    ['1.4.0-rc-1.x-2', '1.4.0~rc.1.x.2'],
  ])('calls version %s %s', (version, expected) => {
    expect(debVersionOf(version)).toBe(expected);
  });

  test('names the architecture as Debian does, and what its runtime needs', () => {
    const text = controlText({ version: '1.4.0', platform: 'linux-arm64', installedBytes: 2_049 });
    expect(text).toMatch(/^Architecture: arm64$/m);
    expect(text).toMatch(/^Installed-Size: 3$/m);
    expect(text).toMatch(
      /^Depends: libc6 \(>= 2\.28\), libstdc\+\+6 \(>= 5\), libgcc-s1 \| libgcc1$/m,
    );
  });

  describe.runIf(hasDpkg)('as dpkg-deb sees it', () => {
    test('belongs to root throughout, and holds what was given to it', async () => {
      const debPath = join(dir, 'moult.deb');
      writeFileSync(debPath, await debOf(debOptions(aBundle())));
      const contents = dpkgDeb('--contents', debPath).trimEnd().split('\n');
      expect(contents.filter((line) => !/^[-dl][rwx-]{9} root\/root /.test(line))).toEqual([]);
      expect(
        contents.filter((line) =>
          / \.\/usr\/bin\/moult -> \.\.\/lib\/moult\/bin\/moult$/.test(line),
        ),
      ).toHaveLength(1);
      expect(dpkgDeb('--field', debPath, 'Package', 'Version', 'Architecture')).toBe(
        'Package: moult\nVersion: 1.4.0\nArchitecture: amd64\n',
      );
      const intoDir = join(dir, 'into');
      dpkgDeb('--raw-extract', debPath, intoDir);
      execFileSync('md5sum', ['--check', '--strict', 'DEBIAN/md5sums'], {
        cwd: intoDir,
        stdio: 'pipe',
      });
      expect(execFileSync(join(intoDir, 'usr/bin/moult')).toString()).toBe('');
    });

    test('I14: of a release candidate is older than that of the release', () => {
      const older = [debVersionOf('1.4.0-rc.1'), 'lt', debVersionOf('1.4.0')];
      expect(spawnSync('dpkg', ['--compare-versions', ...older]).status).toBe(0);
    });
  });
});

describe('a tarball', () => {
  test('unpacks into one directory of its name, programs executable', async () => {
    const path = join(dir, 'moult.tar.gz');
    const name = 'moult-1.4.0-linux-x64';
    writeFileSync(path, await tarballOf({ ...debOptions(aBundle()), name }));
    execFileSync('tar', ['-xzf', path, '-C', dir]);
    expect(execFileSync(join(dir, name, 'bin/moult')).toString()).toBe('');
    const verbose = execFileSync('tar', ['-tvzf', path]).toString();
    expect(verbose).toMatch(
      /^-rwxr-xr-x root\/root +7 1980-01-01 .* moult-1\.4\.0-linux-x64\/bin\/node$/m,
    );
    expect(verbose).toMatch(/^-rw-r--r-- root\/root .* moult-1\.4\.0-linux-x64\/LICENSE$/m);
  });
});

describe('ar', () => {
  test('begins each member at an even byte', () => {
    const members = [
      { name: 'odd', content: Buffer.from('abc') },
      { name: 'even', content: Buffer.from('abcd') },
    ];
    const archive = arOf(members, { mtimeMs: 0 });
    expect(archive.length).toBe(8 + 60 + 4 + 60 + 4);
    expect(membersOf(archive)).toEqual(
      new Map(members.map(({ name, content }) => [name, content])),
    );
  });

  test('takes no name that its header cannot hold', () => {
    const content = Buffer.alloc(0);
    expect(() => arOf([{ name: 'a-name-of-seventeen', content }], { mtimeMs: 0 })).toThrow(
      'too long',
    );
  });
});

function dpkgDeb(...args: readonly string[]): string {
  return execFileSync('dpkg-deb', [...args], { stdio: ['ignore', 'pipe', 'pipe'] }).toString();
}

/** By the system's own tar. */
function listed(archive: Buffer | undefined): readonly string[] {
  const input = gunzipSync(archive ?? Buffer.alloc(0));
  return execFileSync('tar', ['-t'], { input }).toString().trimEnd().split('\n');
}
