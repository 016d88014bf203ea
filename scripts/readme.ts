// Runs the README's blocks in a fresh directory and shows what they say: `node scripts/readme.ts [BLOCK...]`.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OWN_NETWORK, readmeBlocks, runBlock } from './readme-blocks.ts';
import { inNewNamespaces } from './readme-namespaces.ts';

const blocks = readmeBlocks();
const wanted = process.argv.slice(2);
const dir = mkdtempSync(join(tmpdir(), 'moult-readme-'));
let failed = 0;
try {
  for (const [name, body] of blocks) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    const within = name === 'first-upgrade' && process.getuid?.() === 0 ? OWN_NETWORK : [];
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
