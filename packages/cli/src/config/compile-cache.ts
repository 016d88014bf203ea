/*
 * Where V8's compiled code is kept between calls: among the user's own caches, `moult/compiled`. Whoever can write there
 * decides what the next call executes, so it must be this user's alone; without such a place everything works, and a call
 * takes longer.
 */
import { lstatSync, mkdirSync, type Stats, statSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { environmentVariable } from '@moult/runtime/environment';

const OWNER_ONLY = 0o700;
const WRITABLE_BY_OTHERS = 0o022;
const STICKY = 0o1000;

/** Made if need be; null: there is no place that nobody else can write. */
export function compileCacheDir(
  variable: (name: string) => string | null = environmentVariable,
): string | null {
  const uid = process.geteuid?.();
  const base = baseDir(variable);
  if (uid === undefined || base === null) return null;
  try {
    // `sudo` may leave the home of somebody else in the environment.
    if (!isGuarded(statSync(dirname(base)), uid)) return null;
    made(base);
    if (!isOwn(statSync(base), uid)) return null;
    let dir = base;
    for (const name of ['moult', 'compiled']) {
      dir = join(dir, name);
      made(dir);
      if (!isOwn(lstatSync(dir), uid)) return null;
    }
    return dir;
  } catch {
    return null;
  }
}

/** Only what was said: a service without a home gets no directory made anywhere. */
function baseDir(variable: (name: string) => string | null): string | null {
  const given = variable('XDG_CACHE_HOME') ?? '';
  // The specification of XDG: a relative path there is to be ignored.
  if (isAbsolute(given)) return given;
  const home = variable('HOME') ?? '';
  return isAbsolute(home) && home !== '/' ? join(home, '.cache') : null;
}

function made(dir: string): void {
  try {
    mkdirSync(dir, { mode: OWNER_ONLY });
  } catch {
    // It is there, mostly; what is not is found out by whoever looks at it next.
  }
}

function isOwn(found: Stats, uid: number): boolean {
  return found.isDirectory() && found.uid === uid && (found.mode & WRITABLE_BY_OTHERS) === 0;
}

/** Nobody but this user and root can put another directory in the place of one in it. */
function isGuarded(found: Stats, uid: number): boolean {
  if (found.uid !== uid && found.uid !== 0) return false;
  return (found.mode & WRITABLE_BY_OTHERS) === 0 || (found.mode & STICKY) !== 0;
}
