import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const PROGRAM = fileURLToPath(new URL('../src/program.ts', import.meta.url));

function exitOf(main: string): Promise<number | null> {
  const text = `import { runProgram } from ${JSON.stringify(PROGRAM)};
    runProgram({ graceMs: 100, onFailure: () => undefined, main: ${main} });`;
  return exitOfText(text);
}

function exitOfText(text: string): Promise<number | null> {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', text]);
  return new Promise((resolve) => child.once('exit', resolve));
}

test('T26: a program that has nothing left to do before its work ended fails: 0 would keep it down for ever', async () => {
  expect(await exitOf('() => new Promise(() => undefined)')).toBe(1);
});

test('a program whose work ended ends with its code', async () => {
  expect(await exitOf('() => Promise.resolve(75)')).toBe(75);
});

test('a program becomes another one unless it was asked to stop, also just now', async () => {
  const text = (
    before: string,
  ) => `import { runProgram, becomeProgram } from ${JSON.stringify(PROGRAM)};
    runProgram({ graceMs: 60_000, onFailure: () => undefined, main: async (stop) => {
      ${before}
      const program = { path: process.execPath, argv: [process.execPath, '--eval', 'process.exit(7)'] };
      await becomeProgram(program, { env: {}, stop });
      return stop.aborted ? 3 : 4;
    } });`;
  expect(await exitOfText(text(''))).toBe(7);
  // Sent and caught, and not yet handled: the program goes on without a pause.
  expect(await exitOfText(text(`process.kill(process.pid, 'SIGTERM');`))).toBe(3);
});

test('B7: what may end in execve catches no signal, which would be lost with it', async () => {
  const text = `import { runProgram } from ${JSON.stringify(PROGRAM)};
    import { writeSync } from 'node:fs';
    const busy = () => { writeSync(1, 'busy'); for (const until = Date.now() + 20_000; Date.now() < until;); };
    runProgram({ graceMs: 100, onFailure: () => undefined, prelude: async () => busy(), main: async () => 0 });`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', text]);
  child.stdout.once('data', () => child.kill('SIGTERM'));
  const end = await new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
  expect(end).toEqual({ code: null, signal: 'SIGTERM' });
});
