/* The process that serves: whether it answers at its address, and how many handles it has left. */
import { readdir, readFile, readlink, stat } from 'node:fs/promises';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { AnswerFacts, HandleFacts } from '@moult/core/doctor';
import { CodedError } from '@moult/core/errors';
import { readTextIfPresent } from '@moult/runtime/files';
import { type CoordinatorConfig, type CoordinatorPaths, parseListen } from '../config.ts';

const ANSWER_MS_MAX = 5_000;

/** Throws `coordinator-unreachable`, `config-invalid`. */
export async function answerOf(config: CoordinatorConfig, stop: AbortSignal): Promise<AnswerFacts> {
  const { values, paths } = config;
  const { host, port } = parseListen(values.listen ?? '');
  const isTls = values['tls.cert'] !== null;
  const at = hereOf(host);
  const url = `${isTls ? 'https' : 'http'}://${at.includes(':') ? `[${at}]` : at}:${port}`;
  const certificate = isTls ? await readTextIfPresent(values['tls.cert'] ?? '') : null;
  const isOurs = certificate !== null && certificate === (await readTextIfPresent(paths.certPath));
  const ca = isOurs ? await readTextIfPresent(paths.caCertPath) : null;
  return { url, isReady: (await statusOf(`${url}/readyz`, { ca, stop })) === 200 };
}

/** What listens on all addresses is asked on this machine's own. */
function hereOf(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  return host === '::' ? '::1' : host;
}

/** `ca` null: the certificate is of somebody else, for names of his own, and is looked at apart. */
function statusOf(
  url: string,
  of: { readonly ca: string | null; readonly stop: AbortSignal },
): Promise<number> {
  const { ca, stop: signal } = of;
  const options = { method: 'GET', timeout: ANSWER_MS_MAX, signal };
  return new Promise((resolve, reject) => {
    const fail = (cause: Error) => {
      const message = `nothing answers at ${url}: ${cause.message}`;
      reject(new CodedError('coordinator-unreachable', message, { cause }));
    };
    const answered = (answer: IncomingMessage) => {
      answer.resume();
      resolve(answer.statusCode ?? 0);
    };
    const trust = ca === null ? { rejectUnauthorized: false } : { ca };
    const sent = url.startsWith('https:')
      ? httpsRequest(url, { ...options, ...trust }, answered)
      : httpRequest(url, options, answered);
    sent.on('timeout', () => sent.destroy(new Error('no answer in time')));
    sent.on('error', fail);
    sent.end();
  });
}

/** Null: nobody serves from this state, or the system does not say who. */
export async function handlesOf({ databasePath }: CoordinatorPaths): Promise<HandleFacts | null> {
  const lockPath = `${databasePath}.lock`;
  for (const pid of await holdersOf(lockPath)) {
    const open = await openOf(pid, lockPath);
    const max = await handlesMaxOf(pid);
    if (open !== null && max !== null) return { pid, open, max };
  }
  return null;
}

/** Processes that hold a lock on the file, by its inode: those of other disks may be among them. */
async function holdersOf(path: string): Promise<readonly number[]> {
  const inode = await stat(path).then(
    ({ ino }) => ino,
    () => null,
  );
  const locks = await readFile('/proc/locks', 'utf8').catch(() => '');
  const pids = [...locks.matchAll(/ (\d+) [0-9a-f]+:[0-9a-f]+:(\d+) /g)].flatMap((match) =>
    Number(match[2]) === inode ? [Number(match[1])] : [],
  );
  return [...new Set(pids)].filter((pid) => pid > 0);
}

/** How many handles the process has open; null: `path` is not among them, or nobody says. */
async function openOf(pid: number, path: string): Promise<number | null> {
  try {
    const names = await readdir(`/proc/${pid}/fd`);
    const links = await Promise.all(
      names.map((name) => readlink(`/proc/${pid}/fd/${name}`).catch(() => '')),
    );
    return links.includes(path) ? names.length : null;
  } catch {
    return null;
  }
}

async function handlesMaxOf(pid: number): Promise<number | null> {
  const limits = await readFile(`/proc/${pid}/limits`, 'utf8').catch(() => '');
  const max = /^Max open files\s+(\d+)/m.exec(limits)?.[1];
  return max === undefined ? null : Number(max);
}
