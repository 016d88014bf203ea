import { mkdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { contextsPathOf, readContexts } from '../src/config/contexts.ts';
import { startCoordinator } from './support/fake-coordinator.ts';
import { runMoult, withHome } from './support/run-moult.ts';

const ME = { principal: 'ada', role: 'admin', coordinatorVersion: '1.0.0' };
const whoAmI = { 'GET /v1/whoami': () => ({ status: 200, value: ME }) };

describe('moult login', () => {
  it('keeps the context in a file that only its owner may read', async () => {
    await using coordinator = await startCoordinator(whoAmI);
    await withHome(async (homeDir) => {
      const login = await runMoult(
        ['login', '--url', coordinator.url, '--token', '-', '--name', 'here'],
        {
          homeDir,
          input: 'secret\n',
        },
      );
      expect(login).toMatchObject({ exitCode: 0, err: '' });
      expect(login.out).toContain('as ada (admin)');
      const path = contextsPathOf({ configHomeDir: null, homeDir });
      expect((await stat(path)).mode & 0o777).toBe(0o600);
      expect(await readContexts(path)).toEqual({
        current: 'here',
        contexts: { here: { url: coordinator.url, token: 'secret', caPem: null } },
      });
    });
  });

  it('keeps nothing when the token is not good', async () => {
    await using coordinator = await startCoordinator({
      'GET /v1/whoami': () => ({
        status: 401,
        value: {
          type: 'urn:x',
          title: 'no',
          status: 401,
          detail: 'this token is not known',
          code: 'unauthenticated',
          remedy: '',
        },
      }),
    });
    await withHome(async (homeDir) => {
      const login = await runMoult(['login', '--url', coordinator.url, '--token', 'wrong'], {
        homeDir,
      });
      expect(login.exitCode).toBe(4);
      expect(login.err).toContain('code: unauthenticated');
      expect(
        (await readContexts(contextsPathOf({ configHomeDir: null, homeDir }))).current,
      ).toBeNull();
    });
  });

  it('is overridden by the environment, and that by flags', async () => {
    await using coordinator = await startCoordinator({
      'GET /v1/agents': () => ({ status: 200, value: { agents: [], next: null } }),
    });
    const environment = { MOULT_URL: 'http://127.0.0.1:1', MOULT_TOKEN: 'x' };
    const flagged = await runMoult(['agents', 'list', '--url', coordinator.url], { environment });
    expect(flagged.exitCode).toBe(0);
    const plain = await runMoult(['agents', 'list'], { environment });
    expect(plain.err).toContain('code: coordinator-unreachable');
  });
});

it('shows a name that holds terminal sequences, and does not obey it', async () => {
  const value = { ...ME, principal: 'a\u001b[2Jda\u0007' };
  await using coordinator = await startCoordinator({
    'GET /v1/whoami': () => ({ status: 200, value }),
  });
  await withHome(async (homeDir) => {
    const login = await runMoult(['login', '--url', coordinator.url, '--token', 'x'], { homeDir });
    expect(login.out).toContain('as ada (admin)');
  });
});

describe('a token that is kept', () => {
  it('is not shown to another address than it is for', async () => {
    await using other = await startCoordinator(whoAmI);
    await using coordinator = await startCoordinator({
      ...whoAmI,
      'GET /v1/agents': () => ({ status: 200, value: { agents: [], next: null } }),
    });
    await withHome(async (homeDir) => {
      await runMoult(['login', '--url', coordinator.url, '--token', 'secret'], { homeDir });
      const elsewhere = await runMoult(['agents', 'list', '--url', other.url], { homeDir });
      expect(elsewhere).toMatchObject({ exitCode: 2 });
      expect(elsewhere.err).toContain(`for ${coordinator.url}, not for ${other.url}`);
      expect(other.asked).toEqual([]);
      const there = await runMoult(['agents', 'list', '--url', `${coordinator.url}/`], { homeDir });
      expect(there).toMatchObject({ exitCode: 0 });
    });
  });
});

describe('a contexts file', () => {
  it.each([
    ['that is not JSON', '{', 'it is not JSON'],
    ['with an unknown key', '{"curent":null,"contexts":{}}', 'did you mean "current"?'],
    [
      'with an incomplete context',
      '{"current":"a","contexts":{"a":{"url":"x"}}}',
      'a needs url and token',
    ],
  ])('%s is named with what to do', async (_name, text, message) => {
    await withHome(async (homeDir) => {
      const path = contextsPathOf({ configHomeDir: join(homeDir, 'xdg'), homeDir });
      await mkdir(join(homeDir, 'xdg', 'moult'), { recursive: true });
      await writeFile(path, text);
      const ended = await runMoult(['agents', 'list'], {
        homeDir,
        environment: { XDG_CONFIG_HOME: join(homeDir, 'xdg') },
      });
      expect(ended.exitCode).toBe(1);
      expect(ended.err).toContain(message);
      expect(ended.err).toContain('code: context-invalid');
      expect(ended.err).toContain(path);
    });
  });

  it('names the context that was probably meant', async () => {
    await withHome(async (homeDir) => {
      const path = contextsPathOf({ configHomeDir: null, homeDir });
      await mkdir(join(homeDir, '.config', 'moult'), { recursive: true });
      const production = { url: 'http://127.0.0.1:1', token: 'x', caPem: null };
      await writeFile(path, JSON.stringify({ current: null, contexts: { production } }));
      const ended = await runMoult(['agents', 'list', '--context', 'productoin'], { homeDir });
      expect(ended.err).toContain('did you mean "production"?');
    });
  });
});
