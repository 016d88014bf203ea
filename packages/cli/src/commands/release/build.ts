import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { COMPONENTS, type Component } from '@moult/core/component';
import { CodedError } from '@moult/core/errors';
import { MANIFEST_LIMITS } from '@moult/core/manifest';
import { PLATFORMS, type Platform, platformOf } from '@moult/core/platform';
import { type Command, InvalidArgumentError } from 'commander';
import { bundledWorkerPath } from '../../config/worker-path.ts';
import { choice, durationMs, wholeNumber, withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import type { Shell } from '../../shell.ts';
import { formatBytes, formatDuration } from '../../terminal/format.ts';

interface BuildFlags {
  readonly component: Component;
  readonly version: string;
  readonly platform?: readonly Platform[];
  readonly entry?: string;
  readonly out: string;
  readonly repository?: string;
  readonly minimumLauncher?: string;
  readonly probation?: number;
  readonly stateSchema?: number;
  readonly readableSince?: number;
  readonly irreversible?: boolean;
  readonly compression?: number;
}

/** Said before anything is built. */
function probationMsOf(text: string): number {
  const ms = durationMs(text);
  const { probationMsMin, probationMsMax } = MANIFEST_LIMITS;
  if (ms >= probationMsMin && ms <= probationMsMax) return ms;
  throw new InvalidArgumentError('Give a time from 5s to 1h.');
}

interface BuiltPack {
  readonly component: Component;
  readonly version: string;
  readonly platform: Platform;
  readonly digest: string;
  readonly packPath: string | null;
  readonly treeDir: string;
}

export function addReleaseBuild(group: Command, shell: Shell): void {
  const command = group
    .command('build')
    .description(
      'build a release from a checkout of Moult: one pack a platform; two builds of one commit are equal',
    )
    .addOption(choice('--component <component>', 'what to build', COMPONENTS).makeOptionMandatory())
    .requiredOption('--version <version>', 'its version (SemVer)')
    .addOption(
      choice('--platform <platform...>', 'for which hosts; this one unless given', PLATFORMS),
    )
    .option('--entry <file>', 'another entry file than the component’s own')
    .option('--out <dir>', 'where the packs go', 'dist/releases')
    .option('--repository <dir>', 'the checkout; the one around this directory unless given')
    .option('--minimum-launcher <version>', 'the oldest launcher that may try it')
    .option(
      '--probation <duration>',
      'how long it must be healthy before it is committed, 5s to 1h (60s)',
      probationMsOf,
    )
    .option('--state-schema <number>', 'number of the state schema that it writes', wholeNumber)
    .option(
      '--readable-since <number>',
      'oldest state schema number that can read its state',
      wholeNumber,
    )
    .option('--irreversible', 'its state cannot be read by the version before')
    .option('--compression <level>', 'of the pack, 1 (quick) to 9 (small)', wholeNumber);
  withExamples(withOutput(command), [
    {
      does: 'an agent for this platform',
      line: 'moult release build --component agent --version 1.4.0',
    },
    {
      does: 'a launcher for two platforms',
      line: 'moult release build --component launcher --version 1.1.0 --platform linux-x64 linux-arm64',
    },
  ]).action(
    shell.action<BuildFlags>(async (run, flags) => {
      requireSources();
      const { buildRelease } = await import('@moult/release/build');
      const repositoryDir = checkoutOf(flags.repository);
      const built: BuiltPack[] = [];
      for (const platform of flags.platform ?? [ownPlatform()]) {
        const startedMs = run.clock.monotonicMs();
        run.output.step(`building ${flags.component} ${flags.version} for ${platform}`);
        const release = await buildRelease({
          ...definedOf(flags),
          component: flags.component,
          version: flags.version,
          platform,
          repositoryDir,
          outDir: resolve(flags.out),
          cacheDir: join(repositoryDir, '.cache', 'runtimes'),
          signal: run.stop,
          onNotice: (line) => run.output.notice(line),
        });
        const bytes = release.manifest.files.reduce((sum, file) => sum + file.length, 0);
        run.output.stepDone(
          `${flags.component} ${flags.version} for ${platform}: ${release.manifest.files.length} files, ${formatBytes(bytes)}, in ${formatDuration(run.clock.monotonicMs() - startedMs)}`,
        );
        const { digest, packPath, treeDir } = release;
        built.push({
          component: flags.component,
          version: flags.version,
          platform,
          digest,
          packPath,
          treeDir,
        });
      }
      run.output.result({ packs: built }, () =>
        built.flatMap(({ packPath, digest }) => [`${packPath}`, `  digest ${digest}`]),
      );
      return EXIT.ok;
    }),
  );
}

function definedOf(flags: BuildFlags) {
  return {
    ...(flags.entry === undefined ? {} : { entryPath: resolve(flags.entry) }),
    ...(flags.minimumLauncher === undefined ? {} : { minimumLauncher: flags.minimumLauncher }),
    ...(flags.probation === undefined ? {} : { probationMs: flags.probation }),
    ...(flags.stateSchema === undefined ? {} : { stateSchema: flags.stateSchema }),
    ...(flags.readableSince === undefined ? {} : { readableSince: flags.readableSince }),
    ...(flags.irreversible === undefined ? {} : { irreversible: flags.irreversible }),
    ...(flags.compression === undefined ? {} : { compressionLevel: flags.compression }),
  };
}

export function ownPlatform(): Platform {
  const platform = platformOf({ os: process.platform, arch: process.arch });
  if (platform !== null) return platform;
  throw new CodedError('usage', `no release is made for ${process.platform}-${process.arch}`, {
    remedy: `Give --platform: ${PLATFORMS.join(', ')}.`,
  });
}

/** The bundler needs its own program beside it, which a bundle of ours does not carry. */
function requireSources(): void {
  if (bundledWorkerPath('store-worker') === null) return;
  throw new CodedError(
    'usage',
    'releases are built from a checkout, and this program is a bundle',
    {
      remedy: 'Run `./moult release build` in a checkout of Moult.',
    },
  );
}

/** The checkout named, or the one around the working directory, or the one that this program runs from. */
function checkoutOf(named: string | undefined): string {
  if (named !== undefined) return resolve(named);
  const found =
    checkoutAround(process.cwd()) ?? checkoutAround(import.meta.dirname ?? process.cwd());
  if (found !== null) return found;
  throw new CodedError(
    'usage',
    'this is no checkout of Moult, from which a release could be built',
    {
      remedy: 'Run it in a checkout, or name one with --repository.',
    },
  );
}

function checkoutAround(start: string): string | null {
  for (let dir = start; ; dir = dirname(dir)) {
    if (existsSync(join(dir, 'packages', 'agent', 'package.json'))) return dir;
    if (dir === dirname(dir)) return null;
  }
}
