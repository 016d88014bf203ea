// The checks that know this project: `npm run tidy` writes docs/proof.md and prints what is to be put right,
// one line each, `file:line rule: what to do`; with --check it writes nothing. The same rules run as tests
// (test/tidy.test.ts).

import { ROOT_DIR } from './root.ts';
import { formatFinding, sortFindings } from './tidy/finding.ts';
import { readProject } from './tidy/project.ts';
import { PROOF_PATH, writeProof } from './tidy/rows.ts';
import { RULES } from './tidy/rules.ts';

const project = readProject(ROOT_DIR);
if (!process.argv.includes('--check') && writeProof(project))
  process.stdout.write(`wrote ${PROOF_PATH}\n`);
const findings = sortFindings(Object.values(RULES).flatMap((rule) => rule(project)));
for (const finding of findings) process.stdout.write(`${formatFinding(finding)}\n`);
process.stdout.write(findings.length === 0 ? 'tidy\n' : `${findings.length} to put right\n`);
process.exitCode = findings.length === 0 ? 0 : 1;
