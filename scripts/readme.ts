// Runs the blocks of the README, or of another page, in a fresh directory and shows what they say:
// `node scripts/readme.ts [PAGE.md] [BLOCK...]`.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { blocksOf, OWN_NETWORK, runBlock } from './readme-blocks.ts';
import { inNewNamespaces } from './readme-namespaces.ts';

const [first = '', ...rest] = process.argv.slice(2);
const isPage = first.endsWith('.md');
const blocks = blocksOf(isPage ? first : 'README.md');
const wanted = isPage || first === '' ? rest : [first, ...rest];
const dir = mkdtempSync(join(tmpdir(), 'moult-readme-'));
let failed = 0;
try {
  for (const [name, body] of blocks) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    const within = name !== 'two-namespaces' && process.getuid?.() === 0 ? OWN_NETWORK : [];
    const run = () => runBlock({ body, dir, within });
    const { exitCode, output } = await (name === 'two-namespaces' ? inNewNamespaces(run) : run());
    process.stdout.write(
      `${output}\n${name}: ${exitCode === 0 ? 'passed' : `ended with ${exitCode}`}\n`,
    );
    if (exitCode !== 0) failed += 1;
  }
} finally {
  rmSync(dir, { recursive: true, force: true });
}
process.exitCode = failed > 0 ? 1 : 0;
