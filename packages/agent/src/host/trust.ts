/* Trust on the real host: the TUF client of the release package, loaded when it is first asked. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Layout } from '@moult/core/layout';
import type { Platform } from '@moult/core/platform';
import type { TrustClient } from '@moult/release/trust-client';
import type { Clock } from '@moult/runtime/clock';
import type { ReadWay } from '@moult/runtime/way';
import { readInvocation } from '../config/invocation.ts';
import type { Trust } from '../ports.ts';

export interface TrustOptions {
  readonly layout: Layout;
  /** Where the working copy of the metadata lies: a probe must not get in the way of whoever serves. */
  readonly trustDir: string;
  readonly baseUrl: string;
  readonly way: ReadWay;
  readonly platform: Platform;
  readonly clock: Clock;
}

export function createTrust(options: TrustOptions): Trust {
  let opened: Promise<TrustClient> | null = null;
  const client = () => {
    opened ??= openClient(options);
    return opened;
  };
  return {
    refresh: async (signal) => {
      await (await client()).refresh(signal);
    },
    release: async ({ component, version }, signal) => {
      const { platform } = options;
      const verified = await (await client()).manifest({ component, version, platform }, signal);
      return { manifest: verified.manifest, digest: verified.digest, proof: verified };
    },
  };
}

async function openClient(options: TrustOptions): Promise<TrustClient> {
  const { TrustClient: Client } = await import('@moult/release/trust-client');
  return new Client({
    trustDir: options.trustDir,
    pinnedRootPath: options.layout.pinnedRootPath,
    baseUrl: options.baseUrl,
    way: options.way,
    workerPath: trustWorkerPath(),
    clock: options.clock,
  });
}

/** Beside the running script in a slot; in a checkout, the source. */
export function trustWorkerPath(): string {
  const beside = join(dirname(readInvocation().scriptPath), 'trust-worker.cjs');
  if (existsSync(beside)) return beside;
  return createRequire(import.meta.url).resolve('@moult/release/trust-worker');
}
