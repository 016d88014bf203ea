import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { readDefinitions } from '@moult/core/task';
import { parseYaml } from '@moult/runtime/config';
import { expect, test } from 'vitest';

const FILES = ['operating-agents.md', 'spec/task.md', 'tasks-and-output.md'];
const EXAMPLES = /```yaml\n(tasks:\n.+?)```/gs;

test.each(FILES)('each tasks.yaml in docs/%s is one that an agent takes (K1)', (file) => {
  const path = fileURLToPath(new URL(`../../../docs/${file}`, import.meta.url));
  const examples = [...readFileSync(path, 'utf8').matchAll(EXAMPLES)];
  expect(examples.length).toBeGreaterThan(0);
  for (const [, text = ''] of examples) {
    expect(readDefinitions(parseYaml(text, file))).toMatchObject({ kind: 'read' });
  }
});
