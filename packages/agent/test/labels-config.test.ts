import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { layoutOf } from '@moult/core/layout';
import { expect, test } from 'vitest';
import { readAgentConfig } from '../src/config/agent-config.ts';

function configured(lines: readonly string[], variable: string | null = null) {
  const layout = layoutOf(mkdtempSync(join(tmpdir(), 'moult-config-')));
  mkdirSync(dirname(layout.agentConfigPath), { recursive: true });
  const known = ['coordinator: http://127.0.0.1:7400', 'name: web-1', 'instance: i-1'];
  writeFileSync(layout.agentConfigPath, [...known, ...lines].join('\n'));
  const environment = (name: string) => (name === 'MOULT_LABELS' ? variable : null);
  return readAgentConfig({ layout, environment });
}

test('SE7: a host has the labels of its configuration, and none unless it says so', async () => {
  expect((await configured([])).labels).toEqual({});
  const { labels } = await configured(['labels:', '  role: db', '  tier: 1', '  a.b/c: "eu west"']);
  expect(labels).toEqual({ role: 'db', tier: '1', 'a.b/c': 'eu west' });
  const given = await configured(['labels: {role: db}'], 'role=web,zone=b');
  expect(given.labels).toEqual({ role: 'web', zone: 'b' });
});

test.each([
  ['labels: {"-x": db}', /labels: "-x" is no name of a label/],
  ['labels: {role: ""}', /label role must have a value/],
  ['labels: {role: [a, b]}', /labels.role must be a text/],
  ['labels: plenty', /labels must be such as role=db,zone=eu, not "plenty"/],
  ['label: {role: db}', /unknown key label.role/],
  [
    `labels: {${Array.from({ length: 33 }, (_, at) => `l${at}: x`).join(', ')}}`,
    /labels are 33, and at most 32 are taken/,
  ],
])('%s is refused by its name', async (line, why) => {
  await expect(configured([line])).rejects.toThrow(why);
});
