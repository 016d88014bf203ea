import { systemClock } from '@moult/runtime/clock';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { readInvocation } from '../src/config/invocation.ts';
import { createProgram } from '../src/program.ts';
import { Shell } from '../src/shell.ts';

const COLUMNS = 96;

const program = createProgram(
  new Shell({
    invocation: readInvocation(),
    stop: new AbortController().signal,
    clock: systemClock,
  }),
);

describe('docs/cli.md', () => {
  it('is what --help says (`npm test -- packages/cli/test/documentation -u` writes it)', async () => {
    await expect(documentOf(program)).toMatchFileSnapshot('../../../docs/cli.md');
  });
});

describe('every command', () => {
  it.each(leavesOf(program).map((command) => [pathOf(command), command] as const))(
    '%s has a summary and examples',
    (path, command) => {
      expect(command.description()).toMatch(/^[^A-Z].*[^.]$/);
      expect(helpOf(command)).toContain('Examples:\n  # ');
      expect(helpOf(command)).toContain(`  moult ${path}`);
      const why = command.options.find(({ long }) => long === '--why');
      if (why !== undefined) expect(why.short).toBe('-m');
    },
  );
});

function documentOf(root: Command): string {
  const parts = [
    '# The `moult` program',
    'Made from `--help` by a test; do not edit. Exit codes: 0 ok, 1 error, 2 usage, 3 timeout or cancelled, 4 not allowed,\n' +
      '5 an upgrade failed or was rolled back, 6 conflict, 8 still pending, 130 interrupted. Results go to standard output,\n' +
      'progress and errors to standard error; `-o json` prints exactly the objects of the API. `NO_COLOR` is obeyed;\n' +
      '`MOULT_DEBUG=1` shows stack traces.',
    section('moult', helpOf(root)),
    ...leavesOf(root).map((command) => section(`moult ${pathOf(command)}`, helpOf(command))),
  ];
  return `${parts.join('\n\n')}\n`;
}

function section(title: string, help: string): string {
  return `## ${title}\n\n\`\`\`text\n${help.trimEnd()}\n\`\`\``;
}

function leavesOf(command: Command): readonly Command[] {
  return command.commands.flatMap((sub) => (sub.commands.length === 0 ? [sub] : leavesOf(sub)));
}

function pathOf(command: Command): string {
  const above =
    command.parent === null || command.parent.parent === null ? '' : `${pathOf(command.parent)} `;
  return `${above}${command.name()}`;
}

function helpOf(command: Command): string {
  let text = '';
  command.configureOutput({
    getOutHelpWidth: () => COLUMNS,
    writeOut: (part) => {
      text += part;
    },
  });
  command.outputHelp();
  return text
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}
