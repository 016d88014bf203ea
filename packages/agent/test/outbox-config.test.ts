import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { layoutOf } from '@moult/core/layout';
import { expect, test } from 'vitest';
import { readAgentConfig } from '../src/config/agent-config.ts';

function configured(lines: readonly string[]) {
  const layout = layoutOf(mkdtempSync(join(tmpdir(), 'moult-config-')));
  mkdirSync(dirname(layout.agentConfigPath), { recursive: true });
  const known = ['coordinator: http://127.0.0.1:7400', 'name: web-1', 'instance: i-1'];
  writeFileSync(layout.agentConfigPath, [...known, ...lines].join('\n'));
  return readAgentConfig({ layout, environment: () => null });
}

test('the outbox has 256 MiB and 7 days unless agent.yaml says otherwise', async () => {
  expect((await configured([])).outboxLimits).toEqual({
    bytesMax: 268_435_456,
    ageMsMax: 604_800_000,
  });
  const { outboxLimits } = await configured(['outboxBytes: 1GiB', 'outboxAge: 12h']);
  expect(outboxLimits).toEqual({ bytesMax: 1_073_741_824, ageMsMax: 43_200_000 });
});

test.each([
  ['outboxBytes: plenty', /outboxBytes must be a size/],
  ['outboxBytes: 1MiB', /16MiB at least, not "1MiB"/],
  ['outboxAge: 0d', /outboxAge must be a time/],
  ['outboxAge: never', /outboxAge must be a time/],
])('%s is refused by its name', async (line, why) => {
  await expect(configured([line])).rejects.toThrow(why);
});
