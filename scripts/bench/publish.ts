import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Coordinator } from '../fleet/coordinator.ts';
import { buildPack, type ReleaseSpec } from '../fleet/releases.ts';

/**
 * A launcher and these agents, which differ in nothing but their version, built and published; the first of them is what
 * the fleet is to run.
 */
export async function publishAgents(
  coordinator: Coordinator,
  of: {
    readonly dir: string;
    readonly versions: readonly [string, ...string[]];
    /** Built from other entries. */
    readonly more?: readonly ReleaseSpec[];
    readonly say: (line: string) => void;
  },
): Promise<void> {
  const { dir, versions, say } = of;
  const [first] = versions;
  const specs: readonly ReleaseSpec[] = [
    { component: 'launcher', version: first },
    ...versions.map((version): ReleaseSpec => ({ component: 'agent', version })),
    ...(of.more ?? []),
  ];
  for (const [index, spec] of specs.entries()) {
    say(`building and publishing release ${index + 1} of ${specs.length}`);
    const { packPath, treeDir } = await buildPack({ spec, outDir: join(dir, 'packs') });
    await coordinator.publish(packPath);
    await rm(packPath);
    await rm(treeDir, { recursive: true });
  }
  for (const component of ['agent', 'launcher'] as const) {
    await coordinator.client.setFleetDesired({ params: { component }, body: { version: first } });
  }
}

export function versionOf(number: number): string {
  return `1.${number}.0`;
}

/** The first one, and one for each upgrade. */
export function versionsOf(upgrades: number): readonly [string, ...string[]] {
  const later = Array.from({ length: upgrades }, (_, index) => versionOf(index + 1));
  return [versionOf(0), ...later];
}
