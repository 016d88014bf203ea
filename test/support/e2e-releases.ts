/*
 * What the end-to-end tests upgrade between. Good releases differ in nothing but their version; the bad ones are built
 * from other entry files (test/fixtures), so that no flag for them is in production code.
 */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeManifest, MANIFEST_PATH, type Manifest } from '@moult/core/manifest';
import { writePack } from '@moult/release/pack';
import { buildPack, type ReleaseSpec } from '../../scripts/fleet/releases.ts';
import { ROOT_DIR } from '../../scripts/root.ts';
import { sha256Of } from './sha256.ts';

/** What a host gets when it is enrolled. */
export const FIRST_AGENT = '1.0.0';
export const FIRST_LAUNCHER_VERSION = '1.0.0';

export const GOOD = ['1.1.0', '1.2.0', '1.3.0'] as const;

/** Good ones that read their wall clock beside the state (test/fixtures/clock-beside-state.ts). */
export const CLOCKED = ['1.4.0', '1.5.0'] as const;

/** They pass their rehearsal, or know of none, and fail when they serve. */
export const BAD = {
  crashesAtStart: '1.9.1',
  crashesAfterFiveSeconds: '1.9.2',
  hangs: '1.9.3',
  isDeaf: '1.9.4',
  cannotUpgrade: '1.9.5',
  liesAboutDigest: '1.9.6',
  cannotBeExecuted: '1.9.7',
  crashesOnceCommitted: '1.9.8',
  majorCrashesAtStart: '2.0.0',
} as const;

/** They would not serve, and their rehearsal shows it. */
export const UNFIT = {
  crashes: '1.8.1',
  hangs: '1.8.2',
  cannotReadConfiguration: '1.8.3',
  isCutOff: '1.8.4',
} as const;

/** Good ones from before the agent could do this. */
export const BEFORE = {
  upgradingState: '0.9.2',
  autoUpgrade: '0.9.1',
} as const;

export const GOOD_LAUNCHER = '1.1.0';
/** A good one after it. */
export const NEXT_LAUNCHER = '1.2.0';
/** A good agent that wants the first of these. */
export const DEMANDING = '1.6.0';

/** Launchers of this project's own past, as they were bundled then (test/fixtures/frozen/README.md). */
export const PAST_LAUNCHERS = [
  { version: '0.8.1', when: 'before-rehearsals', rehearsal: 'not-done' },
  { version: '0.8.2', when: 'before-preparing', rehearsal: 'passed' },
] as const;
export const BAD_LAUNCHERS = [
  { version: '1.9.1', does: 'crashes when it is to work', entry: 'launcher-crash-when-run' },
  { version: '1.9.2', does: 'crashes at start', entry: 'crash-at-start' },
] as const;

/** Good ones that carry a whole runtime, as every release does outside of these tests. */
export const WHOLE = ['3.0.0', '3.1.0'] as const;

/** They borrow their runtime: a hundred megabytes would be read and copied for each host and each upgrade. */
const BORROWING: readonly ReleaseSpec[] = [
  ...[FIRST_AGENT, ...GOOD].map((version): ReleaseSpec => ({ component: 'agent', version })),
  ...CLOCKED.map(
    (version): ReleaseSpec => ({
      component: 'agent',
      version,
      entry: 'test/fixtures/clock-beside-state.ts',
    }),
  ),
  ...[BAD.crashesAtStart, BAD.majorCrashesAtStart].map(
    (version): ReleaseSpec => ({
      component: 'agent',
      version,
      entry: 'test/fixtures/crash-at-start-when-it-serves.ts',
    }),
  ),
  {
    component: 'agent',
    version: BAD.crashesAfterFiveSeconds,
    entry: 'test/fixtures/crash-after-5-s.ts',
    // Longer than it lives, so that it cannot be committed before it crashes.
    probationMs: 30_000,
  },
  ...[
    [BAD.hangs, 'hang-when-it-serves'],
    [BAD.crashesOnceCommitted, 'crash-once-committed'],
    [BAD.isDeaf, 'deaf-when-it-serves'],
    [BAD.cannotUpgrade, 'cannot-upgrade-when-it-serves'],
    [BAD.liesAboutDigest, 'lies-about-digest'],
    [UNFIT.crashes, 'crash-at-start'],
    [UNFIT.hangs, 'hang'],
    [UNFIT.cannotReadConfiguration, 'unreadable-configuration'],
    [UNFIT.isCutOff, 'cut-off'],
  ].map(
    ([version = '', entry]): ReleaseSpec => ({
      component: 'agent',
      version,
      entry: `test/fixtures/${entry}.ts`,
    }),
  ),
  {
    component: 'agent',
    version: BEFORE.upgradingState,
    entry: 'test/fixtures/no-upgrading-state.ts',
  },
  { component: 'agent', version: BEFORE.autoUpgrade, entry: 'test/fixtures/no-auto-upgrade.ts' },
  { component: 'launcher', version: FIRST_LAUNCHER_VERSION },
  { component: 'launcher', version: GOOD_LAUNCHER },
  { component: 'launcher', version: NEXT_LAUNCHER },
  { component: 'agent', version: DEMANDING, minimumLauncher: GOOD_LAUNCHER },
  ...BAD_LAUNCHERS.map(
    ({ version, entry }): ReleaseSpec => ({
      component: 'launcher',
      version,
      entry: `test/fixtures/${entry}.ts`,
    }),
  ),
];

const SPECS: readonly ReleaseSpec[] = [
  ...WHOLE.map((version): ReleaseSpec => ({ component: 'agent', version })),
  ...BORROWING.map((spec) => ({ ...spec, borrowsRuntime: true })),
];

/** Hands them on one after the other, and removes each then: nobody needs it twice. */
export async function withEachPack(
  outDir: string,
  use: (packPath: string) => Promise<void>,
): Promise<void> {
  const builds = [
    ...SPECS.map((spec) => async () => {
      const { packPath, treeDir } = await buildPack({ spec, outDir, compressionLevel: 0 });
      await rm(treeDir, { recursive: true });
      return packPath;
    }),
    () => packForAnotherMachine(outDir),
    ...PAST_LAUNCHERS.map((past) => () => packOfPast(past, outDir)),
  ];
  let using: Promise<unknown> = Promise.resolve();
  for (const build of builds) {
    // The next one is built while this one is published.
    const [packPath] = await Promise.all([build(), using]);
    using = use(packPath).then(() => rm(packPath));
  }
  await using;
}

/** Says that it is for this platform, and its runtime is for another one: an ELF header of a machine that nobody has. */
async function packForAnotherMachine(outDir: string): Promise<string> {
  const program = Buffer.alloc(4096);
  // EI_MAG, 64 bit, little endian, version 1; then e_type EXEC and e_machine 0xfffe.
  program.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  program.writeUInt16LE(2, 16);
  program.writeUInt16LE(0xfffe, 18);
  const spec: ReleaseSpec = { component: 'agent', version: BAD.cannotBeExecuted };
  return await packWith(spec, { outDir, replaced: 'program', content: program });
}

/** Its script byte for byte: what is bundled once more is not what hosts have. */
async function packOfPast(
  { version, when }: (typeof PAST_LAUNCHERS)[number],
  outDir: string,
): Promise<string> {
  const content = await readFile(join(ROOT_DIR, `test/fixtures/frozen/launcher-${when}.cjs`));
  const spec: ReleaseSpec = { component: 'launcher', version };
  return await packWith(spec, { outDir, replaced: 'script', content });
}

/** With other bytes in one place, and not rehearsed: that would find out what is wrong with them. */
async function packWith(
  spec: ReleaseSpec,
  options: {
    readonly outDir: string;
    readonly replaced: 'program' | 'script';
    readonly content: Buffer;
  },
): Promise<string> {
  const { outDir, replaced, content } = options;
  const { treeDir, manifest, packPath } = await buildPack({
    spec: { ...spec, borrowsRuntime: true },
    outDir,
    compressionLevel: 0,
  });
  const path = manifest[replaced];
  await writeFile(join(treeDir, path), content);
  const file = { sha256: sha256Of(content), length: content.length };
  const changed: Manifest = {
    ...manifest,
    rehearses: false,
    files: manifest.files.map((one) => (one.path === path ? { ...one, ...file } : one)),
  };
  await writeFile(join(treeDir, MANIFEST_PATH), encodeManifest(changed));
  await writePack({ treeDir, manifest: changed, packPath });
  await rm(treeDir, { recursive: true });
  return packPath;
}
