/*
 * Signs on this machine, with keys that no coordinator has. The coordinator gives the metadata to sign on and the
 * release document; each manifest that the document names is compared with the packs at hand before it is signed,
 * so that a coordinator in the wrong hands cannot have its own files signed.
 */
import { resolve } from 'node:path';
import type { Client } from '@moult/api/client';
import { CodedError } from '@moult/core/errors';
import type { ReleaseDocument } from '@moult/core/release-document';
import { checkReleaseDocument } from '@moult/core/trust';
import type { SigningKey } from '@moult/release/keys';
import type { Command } from 'commander';
import { withConnection, withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import type { Run, Shell } from '../../shell.ts';
import { formatBytes } from '../../terminal/format.ts';
import type { SignedRelease } from './carried.ts';
import type { PackManifest } from './pack-manifest.ts';
import { uploadPack } from './pack-upload.ts';
import { releaseLines } from './release-text.ts';

interface PublishOptions {
  readonly keys?: string;
  readonly signed?: string;
  readonly to?: string;
  readonly digest?: readonly string[];
  readonly why?: string;
}

export function addReleasePublish(group: Command, shell: Shell): void {
  const command = group
    .command('publish')
    .description(
      'sign one release with the release keys and publish it; packs that the coordinator lacks are imported first',
    )
    .argument('<pack...>', 'the packs of one release, one a platform')
    .option('--keys <dir>', 'directory with the release keys (`moult keys init`)')
    .option(
      '--signed <dir>',
      'instead of keys: what was signed elsewhere, the directory `signed` of a --to',
    )
    .option(
      '--to <dir>',
      'when it is published, write packs, blobs and what was signed there too, to be carried by hand',
    )
    .option(
      '--digest <sha256...>',
      'digests of imported packs that are not at hand, checked by you',
    )
    .option('-m, --why <text>', 'kept in the history');
  withExamples(withOutput(withConnection(command)), [
    {
      does: 'publish what was just built',
      line: 'moult release publish dist/releases/agent-1.4.0-*.tar.gz --keys keys',
    },
    {
      does: 'what was signed elsewhere and carried here',
      line: 'moult release publish /media/stick/packs/agent-1.4.0-*.tar.gz --signed /media/stick/signed',
    },
  ]).action(
    shell.action<PublishOptions, [string[]]>(async (run, options, [packPaths]) => {
      const { readPackManifest } = await import('./pack-manifest.ts');
      const packs: PackManifest[] = [];
      for (const packPath of packPaths) packs.push(await readPackManifest(packPath));
      requireOneRelease(packs);
      const client = await run.connect();
      await importMissing(run, client, packs);
      if (options.to !== undefined) await requireUnpublished(run, client, packs);
      const signed = await signedRelease(run, client, { ...options, packs });
      // Before it is published: what was signed must not be lost, because the next signature goes on with it.
      if (options.to !== undefined) await carry(run, resolve(options.to), { packs, signed });
      const { component, version } = signed;
      run.output.step(`publishing ${component} ${version}`);
      const body = { ...signed, why: options.why };
      const release = await client
        .publishRelease({ body, signal: run.stop })
        .catch((error: unknown) => {
          throw options.signed === undefined ? error : outOfOrder(error);
        });
      run.output.stepDone(`${release.component} ${release.version} is published`);
      for (const warning of release.warnings) run.output.notice(warning);
      run.output.result(release, () => releaseLines(release));
      return EXIT.ok;
    }),
  );
}

function requireOneRelease(packs: readonly PackManifest[]): void {
  const names = new Set(packs.map(({ manifest }) => `${manifest.component} ${manifest.version}`));
  if (names.size > 1)
    throw new CodedError('usage', `packs of several releases were given: ${[...names].join(', ')}`);
  const platforms = packs.map(({ manifest }) => manifest.platform);
  const twice = platforms.find((platform, index) => platforms.indexOf(platform) !== index);
  if (twice !== undefined) throw new CodedError('usage', `two packs for ${twice} were given`);
}

async function importMissing(
  run: Run,
  client: Client,
  packs: readonly PackManifest[],
): Promise<void> {
  const { releases } = await client.listReleases({ signal: run.stop });
  const imported = new Set(
    releases.flatMap(({ platforms }) => platforms.map(({ digest }) => digest)),
  );
  for (const { digest, packPath } of packs) {
    if (imported.has(digest)) continue;
    const answer = await uploadPack(run, client, packPath);
    if (answer.digest === digest) continue;
    throw new CodedError(
      'submission-invalid',
      `the coordinator took ${packPath} in with another digest`,
      {
        remedy: 'The pack changed while it was sent: build it again, then publish.',
      },
    );
  }
}

async function signedRelease(
  run: Run,
  client: Client,
  wanted: PublishOptions & { readonly packs: readonly PackManifest[] },
): Promise<SignedRelease> {
  const [pack] = wanted.packs;
  if (pack === undefined) throw new CodedError('usage', 'no pack was given');
  const { component, version } = pack.manifest;
  const { keys: keysDir, signed: signedDir } = wanted;
  if (signedDir !== undefined) {
    if (keysDir !== undefined) throw new CodedError('usage', '--signed and --keys: give one');
    const { readSigned } = await import('./carried.ts');
    return await readSigned(resolve(signedDir), { component, version });
  }
  if (keysDir === undefined) {
    throw new CodedError('usage', 'nothing says who signs', {
      remedy:
        'Give --keys, the directory with the release keys, or --signed, what was signed elsewhere.',
    });
  }
  const { signRelease } = await import('@moult/release/repository');
  run.output.step(`signing ${component} ${version}`);
  const state = await client.getSigningState({ params: { component, version }, signal: run.stop });
  const verdict = checkReleaseDocument(state.document, { component, version });
  if (verdict.kind === 'refused') throw new CodedError('submission-invalid', verdict.why);
  requireOwnDigests(verdict.value, wanted);
  const keys = await releaseKeysFor(state.root, resolve(keysDir));
  const signed = signRelease({
    keys,
    root: state.root,
    currentTargets: state.targets,
    currentRole: state.role,
    document: verdict.value,
    nowMs: run.clock.nowMs(),
  });
  const { document, role, targets } = signed;
  return { component, version, document, role, targets };
}

/** A coordinator takes what was signed in the order of signing: each goes on with the one before. */
function outOfOrder(error: unknown): unknown {
  if (!(error instanceof CodedError) || error.code !== 'submission-conflict') return error;
  return new CodedError(error.code, error.message, {
    cause: error,
    remedy:
      'Publish what was signed before it first, also where nobody wants that release any more: each signature goes on with the one before.',
  });
}

/** To sign it again would make a signature that follows on one which may be nowhere any more. */
async function requireUnpublished(
  run: Run,
  client: Client,
  packs: readonly PackManifest[],
): Promise<void> {
  const { releases } = await client.listReleases({ signal: run.stop });
  for (const { manifest } of packs) {
    const { component, version } = manifest;
    const known = releases.find(
      (release) => release.component === component && release.version === version,
    );
    if (known === undefined || known.publishedMs === null) continue;
    throw new CodedError('release-exists', `${component} ${version} is published already`, {
      remedy: 'What was signed then is in the directory that --to named then: carry that one.',
    });
  }
}

async function carry(
  run: Run,
  dir: string,
  what: { readonly packs: readonly PackManifest[]; readonly signed: SignedRelease },
): Promise<void> {
  const { carryRelease } = await import('./carried.ts');
  run.output.step(`writing ${dir}`);
  const { blobs, bytes } = await carryRelease(dir, { ...what, signal: run.stop });
  run.output.stepDone(`${dir} has it: ${blobs} blobs, ${formatBytes(bytes)}`);
}

/** Those that the coordinator's root names: others would be refused. */
async function releaseKeysFor(rootText: string, keysDir: string): Promise<readonly SigningKey[]> {
  const { loadNamedKeys } = await import('@moult/release/keys');
  const { readNewestRoot, rootFileOf } = await import('@moult/release/root-files');
  const root = rootFileOf(rootText);
  try {
    return await loadNamedKeys({ dirs: [keysDir], role: 'release', root: root.metadata });
  } catch (cause) {
    const own = await readNewestRoot(keysDir).catch(() => null);
    if (own === null || own.version <= root.version) throw cause;
    const message = `the keys were rotated to root version ${own.version}, and the coordinator has ${root.version}`;
    const remedy = 'Run `moult release publish-root` with the same --keys first.';
    throw new CodedError('root-conflict', message, { cause, remedy });
  }
}

/** Nothing is signed that was not seen here. */
function requireOwnDigests(
  document: ReleaseDocument,
  wanted: { readonly packs: readonly PackManifest[]; readonly digest?: readonly string[] },
): void {
  const own = new Map(
    wanted.packs.map(({ manifest, digest }) => [manifest.platform as string, digest]),
  );
  const vouched = wanted.digest ?? [];
  for (const [platform, { sha256 }] of Object.entries(document.manifests)) {
    if (own.get(platform) === sha256 || vouched.includes(sha256)) continue;
    throw new CodedError(
      'submission-invalid',
      `the coordinator would have the digest ${sha256} signed for ${platform}, which is in none of the packs given`,
      {
        remedy: `Give the pack for ${platform} too, or --digest ${sha256} if you have checked it. Then publish again.`,
      },
    );
  }
}
