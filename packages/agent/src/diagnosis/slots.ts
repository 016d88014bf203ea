/* The versions that lie on a host, by their manifests, and whether their files are there in their length. */
import { createHash } from 'node:crypto';
import { lstat, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { COMPONENTS } from '@moult/core/component';
import { type Layout, linkPathOf, versionsDirOf } from '@moult/core/layout';
import { MANIFEST_PATH, parseManifest } from '@moult/core/manifest';
import { attempted } from '@moult/runtime/diagnosis';
import { readTextIfPresent } from '@moult/runtime/files';

/** A host keeps two of each; what cleanup left behind may be more. */
const SLOTS_MAX = 32;

export async function slotFacts(layout: Layout): Promise<object> {
  const components: Record<string, unknown> = {};
  for (const component of COMPONENTS) {
    const dir = versionsDirOf(layout, component);
    components[component] = await attempted(async () => {
      const names = (await readdir(dir)).toSorted().slice(0, SLOTS_MAX);
      return await Promise.all(
        names.map(async (name) => ({
          name,
          ...(await attempted(() => treeFacts(join(dir, name)))),
        })),
      );
    });
  }
  return {
    firstLauncher: await attempted(() => treeFacts(layout.firstLauncherDir)),
    ...components,
    links: await linkFacts(layout),
  };
}

async function treeFacts(dir: string): Promise<object> {
  const text = await readTextIfPresent(join(dir, MANIFEST_PATH));
  if (text === null)
    return { trouble: `${join(dir, MANIFEST_PATH)} is missing: this is no version` };
  const digest = createHash('sha256').update(text).digest('hex');
  const { files, ...manifest } = parseManifest(text);
  const wrong: string[] = [];
  for (const { path, length } of files) {
    const found = await lstat(join(dir, path)).catch(() => null);
    if (found === null) wrong.push(`${path} is missing`);
    else if (!found.isFile()) wrong.push(`${path} is no file`);
    else if (found.size !== length)
      wrong.push(`${path} has ${found.size} bytes instead of ${length}`);
  }
  return {
    digest,
    ...manifest,
    files: files.length,
    ...(wrong.length === 0 ? {} : { trouble: wrong.join(', ') }),
  };
}

async function linkFacts(layout: Layout): Promise<object> {
  const links: Record<string, unknown> = {};
  for (const component of COMPONENTS) {
    for (const name of ['current', 'previous'] as const) {
      const path = linkPathOf(layout, { component, name });
      links[`${component} ${name}`] = await readlink(path).catch(() => null);
    }
  }
  return links;
}
