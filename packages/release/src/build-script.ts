import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { CodedError } from '@moult/core/errors';
import type { Version } from '@moult/core/versions';
import { type BuildFailure, type BuildResult, build } from 'esbuild';

export interface BundledScript {
  /** Directories of the packages whose code is in the script, for the notices. */
  readonly packageDirs: readonly string[];
}

/** CommonJS has no import.meta.url, and node-cron reads it to find its own file. */
const MODULE_URL = '__moultModuleUrl';

/**
 * Bundles one entry into one CommonJS file. Code may read the global constant `__MOULT_VERSION__`. Paths in the
 * output are relative to the checkout; names of functions are kept for stack traces.
 */
export async function bundleScript(options: {
  readonly entryPath: string;
  readonly outPath: string;
  readonly repositoryDir: string;
  readonly version: Version;
}): Promise<BundledScript> {
  const repositoryDir = resolve(options.repositoryDir);
  let result: BuildResult<{ metafile: true; write: false }>;
  try {
    result = await build({
      absWorkingDir: repositoryDir,
      entryPoints: [resolve(options.entryPath)],
      bundle: true,
      write: false,
      metafile: true,
      outfile: 'out.cjs',
      format: 'cjs',
      platform: 'node',
      target: 'node24',
      charset: 'utf8',
      minifyWhitespace: true,
      minifySyntax: true,
      keepNames: true,
      legalComments: 'none',
      sourcemap: false,
      logLevel: 'silent',
      // Settings of whoever's tsconfig is near the entry must not reach the output.
      tsconfigRaw: '{}',
      define: {
        'import.meta.url': MODULE_URL,
        __MOULT_VERSION__: JSON.stringify(options.version),
      },
      banner: { js: `const ${MODULE_URL}=require("node:url").pathToFileURL(__filename).href;` },
    });
  } catch (cause) {
    throw new CodedError(
      'build-failed',
      `cannot bundle ${options.entryPath}: ${firstErrorOf(cause)}`,
      { cause },
    );
  }
  const text = result.outputFiles[0]?.text;
  if (text === undefined) throw new CodedError('build-failed', 'the bundler gave no output');
  if (text.includes(repositoryDir)) {
    throw new CodedError(
      'build-failed',
      `${options.entryPath}: the bundle holds the path of the checkout`,
    );
  }
  await writeFile(options.outPath, text);
  return { packageDirs: packageDirsOf(repositoryDir, Object.keys(result.metafile.inputs)) };
}

/** Distinct `…/node_modules/<name>` directories of the inputs. */
function packageDirsOf(repositoryDir: string, inputs: readonly string[]): readonly string[] {
  const dirs = new Set<string>();
  for (const input of inputs) {
    const match = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input);
    if (match?.[1] !== undefined) dirs.add(join(repositoryDir, match[1]));
  }
  return [...dirs];
}

function firstErrorOf(cause: unknown): string {
  const errors = (cause as Partial<BuildFailure> | null)?.errors ?? [];
  const [first] = errors;
  if (first === undefined) return cause instanceof Error ? cause.message : String(cause);
  const place = first.location === null ? '' : ` (${first.location.file}:${first.location.line})`;
  return `${first.text}${place}`;
}
