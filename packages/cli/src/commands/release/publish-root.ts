/*
 * Brings the roots beside the keys to the coordinator. Where release keys changed, everything that they signed is signed anew
 * here, after it was checked against the keys before; root keys are not needed any more at this point.
 */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { withConnection, withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import type { Shell } from '../../shell.ts';

interface PublishRootOptions {
  readonly keys: string;
  readonly releaseKeys?: readonly string[];
  readonly why?: string;
}

export function addReleasePublishRoot(group: Command, shell: Shell): void {
  const command = group
    .command('publish-root')
    .description(
      'bring new roots to the coordinator; what release keys signed is signed anew where they changed or it expires soon',
    )
    .option('--keys <dir>', 'holds root.json and roots/ (`moult keys rotate`)', 'keys')
    .option('--release-keys <dir...>', 'where the release keys are (the directory of --keys)')
    .option('-m, --why <text>', 'kept in the history');
  withExamples(withOutput(withConnection(command)), [
    { does: 'after a rotation', line: 'moult release publish-root --keys keys' },
    {
      does: 'with release keys of two people',
      line: 'moult release publish-root --keys keys --release-keys /media/ann /media/bob',
    },
  ]).action(
    shell.action<PublishRootOptions>(async (run, options) => {
      const { loadNamedKeys } = await import('@moult/release/keys');
      const { signRoot } = await import('@moult/release/repository');
      const { readRootChain } = await import('@moult/release/root-files');
      const chain = await readRootChain(resolve(options.keys));
      const client = await run.connect();
      const dirs = (options.releaseKeys ?? [options.keys]).map((dir) => resolve(dir));
      const signed = await signRoot({
        chain,
        live: await client.getTrustState({ signal: run.stop }),
        releaseKeys: ({ metadata }) => loadNamedKeys({ dirs, role: 'release', root: metadata }),
        nowMs: run.clock.nowMs(),
      });
      const newest = chain.at(-1)?.version ?? 0;
      if (signed === null) {
        const nothing = { rootVersion: newest, isNew: false, signedAnew: [], warnings: [] };
        run.output.result(nothing, () => [`The coordinator has root version ${newest} already.`]);
        return EXIT.ok;
      }
      const { submission, signedAnew } = signed;
      run.output.step(`publishing root version ${newest}`);
      const { roots, targets, roles } = submission;
      const body = { roots: [...roots], targets, roles: [...roles], why: options.why };
      const published = await client.publishRoot({ body, signal: run.stop });
      run.output.stepDone(`root version ${published.rootVersion} is live`);
      for (const warning of published.warnings) run.output.notice(warning);
      run.output.result({ ...published, isNew: true, signedAnew }, () => [
        `Root version ${published.rootVersion} is live. Agents follow when they ask next.`,
        ...signedAnew.map(({ path, sha256 }) => `signed anew: ${path} (${sha256})`),
        ...(roots.length === 0
          ? []
          : ['Enrollment tokens made before pin the old root: make new ones.']),
      ]);
      return EXIT.ok;
    }),
  );
}
