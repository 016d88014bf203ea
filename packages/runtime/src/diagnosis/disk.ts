/* What is left of the file systems that some directories lie on, and how these are mounted. */
import { readFile, realpath, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { attempted } from './gather.ts';

export async function diskFacts(dirs: readonly string[]): Promise<unknown> {
  const mounts = mountsIn(await readFile('/proc/self/mountinfo', 'utf8').catch(() => ''));
  return await Promise.all(
    dirs.map(async (dir) => ({ dir, ...(await attempted(() => factsOf(dir, mounts))) })),
  );
}

async function factsOf(dir: string, mounts: readonly Mount[]): Promise<object> {
  const free = await statfs(dir);
  return {
    bytes: { free: free.bavail * free.bsize, all: free.blocks * free.bsize },
    inodes: { free: free.ffree, all: free.files },
    mount: mountOf(await realpath(dir), mounts),
  };
}

interface Mount {
  readonly at: string;
  readonly kind: string;
  /** `ro`, `noexec` and their kin; what a file system was given beside them may be anything, passwords too. */
  readonly flags: string;
}

/** Fields of a line: id, parent, device, root, mount point, flags, …, `-`, kind, source, options. */
function mountsIn(text: string): readonly Mount[] {
  return text.split('\n').flatMap((line) => {
    const fields = line.split(' ');
    const at = fields[4];
    const kind = fields[fields.indexOf('-') + 1];
    if (at === undefined || kind === undefined) return [];
    const path = at.replaceAll(/\\([0-7]{3})/g, (_, octal: string) =>
      String.fromCharCode(Number.parseInt(octal, 8)),
    );
    return [{ at: path, kind, flags: fields[5] ?? '' }];
  });
}

/** The last one mounted at the nearest directory above counts. */
function mountOf(path: string, mounts: readonly Mount[]): Mount | null {
  for (let dir = path; ; dir = dirname(dir)) {
    const found = mounts.findLast(({ at }) => at === dir);
    if (found !== undefined) return found;
    if (dir === dirname(dir)) return null;
  }
}
