import { describe, expect, test } from 'vitest';
import { ROOT_DIR } from '../scripts/root.ts';
import { formatFinding, sortFindings } from '../scripts/tidy/finding.ts';
import { readProject } from '../scripts/tidy/project.ts';
import { RULES } from '../scripts/tidy/rules.ts';

const project = readProject(ROOT_DIR);

describe('the project is tidy', () => {
  for (const [name, rule] of Object.entries(RULES)) {
    test(`${name}`, () => {
      expect(sortFindings(rule(project)).map(formatFinding)).toEqual([]);
    });
  }
});
