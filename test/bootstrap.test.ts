// The bootstrap as it is, in a checkout of its own whose path has a blank, with an npm that installs nothing
// but a link to this Node and writes down that it ran.

import { type ChildProcessByStdio, spawn } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ROOT_DIR } from '../scripts/root.ts';

const PLATFORM = `${process.platform}-${process.arch}`;

let rootDir: string;

beforeEach(() => {
  rootDir = mkdtempSync(join(tmpdir(), 'moult bootstrap '));
  for (const name of ['scripts/bootstrap', 'scripts/bootstrap.mjs', 'scripts/gen.mjs']) {
    cpSync(join(ROOT_DIR, name), join(rootDir, name), { recursive: true });
  }
  write(
    'package.json',
    JSON.stringify({ optionalDependencies: { [`node-${PLATFORM}`]: '1.0.0' } }),
  );
  write('package-lock.json', '{}');
  write('.npmrc', '');
  write('scripts/check.ts', "console.log('checked', process.argv.slice(2).join('|'));");
  write('scripts/tidy.ts', 'process.exit(3);');
  write('npm-cli.js', npmThat('install'));
});

afterEach(() => {
  rmSync(rootDir, { recursive: true, force: true });
});

describe('bootstrap', () => {
  test('installs once, in one line, and then only runs the script with its arguments', async () => {
    const first = await bootstrap('check', 'a b', 'c');
    expect(first).toEqual({
      code: 0,
      stdout: 'checked a b|c\n',
      stderr: 'Installing dependencies (first time only) ...\n',
    });
    const second = await bootstrap('check');
    expect(second).toEqual({ code: 0, stdout: 'checked \n', stderr: '' });
    expect(installations()).toBe(1);
  });

  test('installs anew when the lockfile changed', async () => {
    await bootstrap('check');
    write('package-lock.json', '{"changed":true}');
    expect((await bootstrap('check')).stderr).toBe(
      'Installing dependencies anew, because they changed ...\n',
    );
    expect(installations()).toBe(2);
  });

  test('two at once install once', async () => {
    const both = await Promise.all([bootstrap('check'), bootstrap('check')]);
    expect(both.map(({ code }) => code)).toEqual([0, 0]);
    expect(installations()).toBe(1);
  });

  test('takes over the lock of a set-up that was killed', async () => {
    const killed = spawn(process.execPath, ['-e', '']);
    await new Promise((resolve) => killed.once('close', resolve));
    write('.cache/setup.lock', `${killed.pid} 1\n`);
    expect((await bootstrap('check')).code).toBe(0);
    expect(existsSync(join(rootDir, '.cache/setup.lock'))).toBe(false);
  });

  test('says what npm said and what to do when the installation fails, and tries again next time', async () => {
    write('npm-cli.js', npmThat('fail'));
    const failed = await bootstrap('check');
    expect(failed.code).toBe(1);
    expect(failed.stdout).toBe('');
    expect(failed.stderr).toContain('npm error network unreachable');
    expect(failed.stderr).toContain('then run the same command again');
    write('npm-cli.js', npmThat('install'));
    expect((await bootstrap('check')).code).toBe(0);
  });

  test('says so when npm leaves the Node of this platform out', async () => {
    write('npm-cli.js', npmThat('nothing'));
    const { code, stderr } = await bootstrap('check');
    expect(code).toBe(1);
    expect(stderr).toContain(`The package with Node for ${PLATFORM} was not installed.`);
  });

  test('refuses a platform that has no Node package before it installs', async () => {
    write('package.json', JSON.stringify({ optionalDependencies: { 'node-plan9-mips': '1.0.0' } }));
    const { code, stderr } = await bootstrap('check');
    expect(code).toBe(1);
    expect(stderr).toContain(`Moult is not developed on ${PLATFORM} yet.\nUse one of: plan9-mips.`);
    expect(installations()).toBe(0);
  });

  test('ends as its script ends', async () => {
    expect((await bootstrap('tidy')).code).toBe(3);
  });

  test('passes an ending signal on, once, and leaves no process behind', async () => {
    write(
      'scripts/check.ts',
      `let times = 0;
      const awake = setInterval(() => {}, 1000);
      process.on('SIGTERM', () => {
        times += 1;
        clearInterval(awake);
        process.exitCode = 40 + times;
      });
      console.log('ready');`,
    );
    const child = start(['check']);
    child.stdout.once('data', () => child.kill('SIGTERM'));
    expect((await ended(child)).code).toBe(41);
  });

  test('names the scripts when it does not know one, and the file when one is not written yet', async () => {
    expect((await bootstrap('tset')).stderr).toContain(
      'There is no script "tset".\nUse one of: bench,',
    );
    const { code, stderr } = await bootstrap('bench');
    expect(code).toBe(1);
    expect(stderr).toContain('`npm run bench` needs scripts/bench.ts, which is not written yet.');
  });
});

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function bootstrap(...args: readonly string[]): Promise<Ended> {
  return ended(start(args));
}

function start(args: readonly string[]): ChildProcessByStdio<null, Readable, Readable> {
  return spawn(process.execPath, [join(rootDir, 'scripts/bootstrap.mjs'), ...args], {
    env: { PATH: process.env['PATH'], LC_ALL: 'C', npm_execpath: join(rootDir, 'npm-cli.js') },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

function ended(child: ChildProcessByStdio<null, Readable, Readable>): Promise<Ended> {
  return new Promise((resolve, reject) => {
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

function write(path: string, text: string): void {
  mkdirSync(join(rootDir, path, '..'), { recursive: true });
  writeFileSync(join(rootDir, path), text);
}

function installations(): number {
  const logPath = join(rootDir, 'npm.log');
  return existsSync(logPath) ? readFileSync(logPath, 'utf8').split('\n').length - 1 : 0;
}

function npmThat(does: 'install' | 'fail' | 'nothing'): string {
  const work = {
    install: `
      fs.mkdirSync('node_modules/node-${PLATFORM}/bin', { recursive: true });
      fs.symlinkSync(process.execPath, 'node_modules/node-${PLATFORM}/bin/node');`,
    fail: `console.error('npm error network unreachable'); process.exitCode = 1;`,
    nothing: `fs.mkdirSync('node_modules', { recursive: true });`,
  }[does];
  return `
    const fs = require('node:fs');
    fs.appendFileSync('npm.log', process.argv.slice(2).join(' ') + '\\n');
    fs.rmSync('node_modules', { recursive: true, force: true });
    console.error('npm warn deprecated something');
    ${work}`;
}
