/* A process that is started before its time, and one that only rehearses, as real processes. */
import { chmodSync, existsSync, readdirSync, writeFileSync } from 'node:fs';
import { REHEARSAL_EXIT } from '@moult/core/boot';
import { layoutOf } from '@moult/core/layout';
import { expect, test } from 'vitest';
import { installed, spawned, start, TLS, when } from './support/agent-process.ts';

const WAITING = { MOULT_WAITS: '1' };

function said(agent: ReturnType<typeof start>): string[] {
  const lines: string[] = [];
  let text = '';
  agent.pipe.on('data', (chunk) => {
    text += chunk;
    lines.push(...text.split('\n').slice(0, -1));
    text = text.split('\n').at(-1) ?? '';
  });
  return lines;
}

test('B20: a prepared process touches nothing until its launcher speaks, and then serves', async () => {
  const { root, coordinator } = await installed(TLS);
  const { stateDir } = layoutOf(root);
  const before = readdirSync(stateDir);
  const agent = start(['run', '--root', root], WAITING);
  const lines = said(agent);
  await when(() => lines.length > 0);
  expect(lines).toEqual(['{"kind":"prepared"}']);
  expect(readdirSync(stateDir)).toEqual(before);
  expect(coordinator.frames).toEqual([]);
  spawned(agent);
  await when(() => coordinator.frames.some(({ kind }) => kind === 'check'));
  expect(existsSync(layoutOf(root).lockPath)).toBe(true);
  agent.pipe.write('{"kind":"stop","graceMs":5000}\n');
  expect(await agent.exit).toBe(0);
});

test('B20: what is configured while it waits is what it serves with', async () => {
  const { root, coordinator } = await installed(TLS);
  const agent = start(['run', '--root', root], WAITING);
  const lines = said(agent);
  await when(() => lines.length > 0);
  const text = `coordinator: ${coordinator.url}\nname: web-2\ninstance: i-1\nbindsChannel: true\n`;
  writeFileSync(layoutOf(root).agentConfigPath, text);
  spawned(agent);
  await when(() => coordinator.frames.some(({ kind }) => kind === 'check'));
  const hello = coordinator.frames.find(({ kind }) => kind === 'hello');
  expect(hello?.message).toMatchObject({ agentName: 'web-2' });
  agent.pipe.write('{"kind":"stop","graceMs":5000}\n');
  expect(await agent.exit).toBe(0);
});

test('B20: it ends with its launcher, and by a signal', async () => {
  const { root } = await installed(TLS);
  for (const end of ['pipe', 'signal']) {
    const agent = start(['run', '--root', root], WAITING);
    const lines = said(agent);
    await when(() => lines.length > 0);
    if (end === 'pipe') agent.pipe.destroy();
    else agent.child.kill('SIGTERM');
    await agent.exit;
    expect(existsSync(layoutOf(root).agentDatabasePath)).toBe(false);
  }
});

test('PF2: a rehearsal goes through all steps and leaves nothing but its copy of the metadata', async () => {
  const { root, coordinator } = await installed(TLS);
  const { stateDir } = layoutOf(root);
  const before = readdirSync(stateDir);
  const rehearsal = start(['--rehearse', '--root', root]);
  expect(await rehearsal.exit).toBe(REHEARSAL_EXIT['not-reached']);
  // There are no releases here.
  expect(rehearsal.output).toMatch(/^metadata: trust-[a-z-]+: /m);
  const hello = coordinator.frames.find(({ kind }) => kind === 'hello');
  expect(hello?.message).toMatchObject({ purpose: 'rehearsal', counter: 0, ticket: '' });
  expect(readdirSync(stateDir).filter((name) => name !== 'trust-rehearsal')).toEqual(before);
});

test.each([
  ['agent.yaml', 'coordinator: [', /^configuration: config-invalid: /m],
  ['tasks.yaml', 'tasks: 7', /^tasks: tasks-file-invalid: /m],
])('PF2: a host whose %s cannot be used is said', async (name, text, why) => {
  const { root } = await installed(TLS);
  writeFileSync(`${layoutOf(root).configDir}/${name}`, text);
  const rehearsal = start(['--rehearse', '--root', root]);
  expect(await rehearsal.exit).toBe(REHEARSAL_EXIT.failed);
  expect(rehearsal.output).toMatch(why);
});

test.each([
  ['identity.key', 0o644, /identity\.key can be read or written by others \(0644\): chmod 600 /],
  ['', 0o777, /anybody may write .*lib.moult \(0777\): chmod o-w /],
])(
  'PF2 T4: with %j of the state at mode %o neither a rehearsal passes nor an agent starts',
  async (name, mode, why) => {
    const { root } = await installed(TLS);
    chmodSync(`${layoutOf(root).stateDir}/${name}`, mode);
    const rehearsal = start(['--rehearse', '--root', root]);
    expect(await rehearsal.exit).toBe(REHEARSAL_EXIT.failed);
    expect(rehearsal.output).toMatch(/^permissions: host-unsafe: /m);
    expect(rehearsal.output).toMatch(why);
    const agent = start(['run', '--root', root]);
    expect(await agent.exit).toBe(1);
    expect(agent.output).toMatch(/"code":"host-unsafe"/);
    expect(existsSync(layoutOf(root).agentDatabasePath)).toBe(false);
  },
);
