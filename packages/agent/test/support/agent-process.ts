import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { layoutOf } from '@moult/core/layout';
import { afterEach } from 'vitest';
import { inherited } from '../../../../scripts/fleet/inherited.ts';
import { moment } from '../../../../test/support/moment.ts';
import { ensureIdentityKey } from '../../src/identity-key.ts';
import { components, OLD } from './host.ts';
import { WsCoordinator } from './ws-coordinator.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
export const fixture = (name: string) =>
  readFileSync(new URL(`../fixtures/${name}`, import.meta.url), 'utf8');
export const TLS = { key: fixture('server-key.pem'), cert: fixture('server.pem') };

const coordinators: WsCoordinator[] = [];
const children: ChildProcess[] = [];
/** What the test began is ended with it. */
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  for (const coordinator of coordinators.splice(0)) await coordinator.close();
});

export async function listening(tls: typeof TLS | null): Promise<WsCoordinator> {
  const made = await WsCoordinator.listen(tls);
  coordinators.push(made);
  return made;
}

export async function installed(
  tls: typeof TLS | null,
): Promise<{ root: string; coordinator: WsCoordinator }> {
  const made = await listening(tls);
  const root = mkdtempSync(join(tmpdir(), 'moult agent '));
  const layout = layoutOf(root);
  mkdirSync(layout.configDir, { recursive: true });
  mkdirSync(layout.stateDir, { recursive: true });
  made.publicKey = (await ensureIdentityKey(layout.identityKeyPath)).publicKey;
  const lines = [
    `coordinator: ${made.url}`,
    'name: web-1',
    'instance: i-1',
    `bindsChannel: ${tls !== null}`,
  ];
  writeFileSync(layout.agentConfigPath, `${lines.join('\n')}\n`);
  if (tls !== null) writeFileSync(layout.caPath, fixture('ca.pem'));
  return { root, coordinator: made };
}

export interface Started {
  readonly child: ChildProcess;
  readonly pipe: Socket;
  readonly exit: Promise<number | null>;
  output: string;
}

export function start(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Started {
  const child = spawn(process.execPath, [MAIN, ...args], {
    env: { MOULT_PIPE_FD: '3', ...inherited('NODE_COMPILE_CACHE'), ...environment },
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  });
  children.push(child);
  const started: Started = {
    child,
    pipe: child.stdio[3] as Socket,
    exit: new Promise((resolve) => child.on('exit', resolve)),
    output: '',
  };
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk) => {
      started.output += chunk;
    });
  }
  started.pipe.on('error', () => undefined);
  started.pipe.resume();
  return started;
}

export function spawned(agent: Started): void {
  const message = {
    kind: 'spawned',
    pipe: 1,
    launcherVersion: '1.0.0',
    launcherDigest: null,
    slot: OLD,
    components: components(),
  };
  agent.pipe.write(`${JSON.stringify(message)}\n`);
}

/** A real process brings it about: real time passes, bounded by the test's own limit. */
export async function when(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await moment();
}
