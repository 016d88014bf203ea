/* The coordinator as a process: configuration in, real clock, disk and sockets, until the signal asks it to stop. */
import { readFile } from 'node:fs/promises';
import { CodedError } from '@moult/core/errors';
import { openBlobStore } from '@moult/release/blob-store';
import { hasRepository } from '@moult/release/repository';
import type { Clock } from '@moult/runtime/clock';
import { startSchedule } from '@moult/runtime/cron';
import { readTextIfPresent, writeFileDurably } from '@moult/runtime/files';
import type { Logger } from '@moult/runtime/logger';
import type { Random } from '@moult/runtime/random';
import { openSqliteStore } from '@moult/store';
import { finishRestore } from './backup/swap.ts';
import { isCertificateRenewalDue, makeServerCertificate, namesOf } from './certificate.ts';
import {
  type CoordinatorConfig,
  type CoordinatorPaths,
  isLoopback,
  parseListen,
} from './config.ts';
import { type Coordinator, createCoordinator } from './coordinator.ts';
import type { TlsFiles } from './http/server.ts';

export interface ServeOptions {
  readonly config: CoordinatorConfig;
  /** This program's version. */
  readonly version: string;
  readonly storeWorkerPath: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Told once it answers. */
  readonly onReady: (ready: { readonly url: string; readonly port: number }) => void;
}

/** Metadata and certificate are looked at every hour; both live for days. */
const RENEWAL_CRON = '17 * * * *';

/** Runs until the signal aborts; resolves after a graceful stop. */
export async function serveCoordinator(options: ServeOptions, signal: AbortSignal): Promise<void> {
  const { config, clock, log } = options;
  const { paths, values } = config;
  // A restore that a power cut interrupted is ended before anything of the state is read.
  await finishRestore(paths);
  const address = parseListen(values.listen ?? '');
  const tls = await readTls(config);
  if (tls === null && values.behindProxy !== true && !isLoopback(address.host)) {
    throw new CodedError(
      'listen-insecure',
      `${values.listen} without TLS would carry tokens in clear`,
    );
  }
  if (!(await hasRepository(paths.repositoryDir))) {
    throw new CodedError(
      'coordinator-not-initialized',
      `there is no coordinator in ${paths.stateDir}`,
    );
  }
  const store = await openSqliteStore({
    path: paths.databasePath,
    workerPath: options.storeWorkerPath,
  });
  try {
    const caPem = tls === null ? null : await readTextIfPresent(paths.caCertPath);
    const coordinator = await createCoordinator({
      ...options,
      store,
      output: config.output,
      blobStore: await openBlobStore(paths.blobsDir),
      repositoryDir: paths.repositoryDir,
      keysDir: paths.keysDir,
      tls: tls === null ? null : await renewTls({ tls, paths, clock, log }),
      caPem,
    });
    const schedule = startSchedule(RENEWAL_CRON, () =>
      renewAll({ coordinator, config, clock, log }),
    );
    try {
      const { port } = await coordinator.listen(address);
      const host = address.host.includes(':') ? `[${address.host}]` : address.host;
      const url = `${tls === null ? 'http' : 'https'}://${host}:${port}`;
      log.info('the coordinator is ready', { url });
      options.onReady({ url, port });
      // Without its store it could only answer with errors: it ends, and whoever supervises it starts it anew.
      const cause = await Promise.race([aborted(signal), store.lost]);
      if (!signal.aborted) throw cause;
      log.info('the coordinator stops');
    } finally {
      schedule.stop();
      await coordinator.stop();
    }
  } finally {
    await store.close();
  }
}

async function renewAll(of: {
  readonly coordinator: Coordinator;
  readonly config: CoordinatorConfig;
  readonly clock: Clock;
  readonly log: Logger;
}): Promise<void> {
  const { coordinator, config, clock, log } = of;
  await coordinator.renew();
  try {
    const tls = await readTls(config);
    if (tls !== null) coordinator.setTls(await renewTls({ tls, paths: config.paths, clock, log }));
  } catch (error) {
    log.error('the certificate could not be renewed; the next try is due in an hour', {
      err: error,
    });
  }
}

/** Null: plain HTTP. Throws `certificate-invalid`. */
async function readTls(config: CoordinatorConfig): Promise<TlsFiles | null> {
  const { 'tls.cert': certPath, 'tls.key': keyPath } = config.values;
  if (certPath === null && keyPath === null) return null;
  if (certPath === null || keyPath === null) {
    throw new CodedError('config-invalid', 'tls.cert and tls.key belong together: one is missing');
  }
  try {
    return { cert: await readFile(certPath, 'utf8'), key: await readFile(keyPath, 'utf8') };
  } catch (cause) {
    throw new CodedError('certificate-invalid', `cannot read ${certPath} or ${keyPath}`, { cause });
  }
}

/** A certificate of our own CA is renewed when a quarter is left; others are their owner's. */
async function renewTls(of: {
  readonly tls: TlsFiles;
  readonly paths: CoordinatorPaths;
  readonly clock: Clock;
  readonly log: Logger;
}): Promise<TlsFiles> {
  const { tls, paths } = of;
  const isOurs = (await readTextIfPresent(paths.certPath)) === tls.cert;
  if (!isOurs || !isCertificateRenewalDue(tls.cert, of.clock.nowMs())) return tls;
  const certPem = await readTextIfPresent(paths.caCertPath);
  const keyPem = await readTextIfPresent(paths.caKeyPath);
  if (certPem === null || keyPem === null) return tls;
  const names = namesOf(tls.cert);
  const ca = { certPem, keyPem };
  const made = await makeServerCertificate({ ca, names, nowMs: of.clock.nowMs() });
  await writeFileDurably(paths.keyPath, made.keyPem);
  await writeFileDurably(paths.certPath, made.certPem, { mode: 0o644 });
  of.log.info('renewed the server certificate', { names });
  return { cert: made.certPem, key: made.keyPem };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
