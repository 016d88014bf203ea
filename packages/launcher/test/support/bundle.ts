import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';

/** The launcher program as it ships: one script. Removed by `dispose`. */
export function bundledLauncher(): Disposable & { readonly path: string } {
  const dir = mkdtempSync(`${tmpdir()}/moult-bundle-`);
  const path = `${dir}/launcher.cjs`;
  buildSync({
    entryPoints: [fileURLToPath(new URL('../../src/main.ts', import.meta.url))],
    outfile: path,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node24',
    logLevel: 'error',
  });
  return { path, [Symbol.dispose]: () => rmSync(dir, { recursive: true, force: true }) };
}
