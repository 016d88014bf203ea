import { describe, expect, it } from 'vitest';
import { runMoult } from './support/run-moult.ts';

describe('what was typed wrong', () => {
  it.each([
    ['an unknown command', ['agnts'], "unknown command 'agnts', did you mean agents?"],
    [
      'an unknown command of a group',
      ['agents', 'lst'],
      "unknown command 'lst', did you mean list?",
    ],
    [
      'an unknown flag',
      ['agents', 'list', '--grup', 'x'],
      "unknown option '--grup', did you mean --group?",
    ],
    ['a missing argument', ['agents', 'show'], "missing required argument 'agent'"],
    ['an unknown choice', ['agents', 'list', '-o', 'xml'], 'xml'],
    ['a bad duration', ['agents', 'upgrade', 'a', '--timeout', '3x'], 'Give a duration'],
    [
      'a probation that no release may have',
      ['release', 'build', '--component', 'agent', '--version', '1.0.0', '--probation', '3s'],
      'Give a time from 5s to 1h.',
    ],
    ['too many arguments', ['tokens', 'list', 'x'], 'too many arguments'],
  ])('%s ends with 2, a next step and the code', async (_name, args, message) => {
    const ended = await runMoult(args);
    expect(ended.exitCode).toBe(2);
    expect(ended.err).toContain(message);
    expect(ended.err).toMatch(/^error: .+\nnext: .+\ncode: usage\n$/s);
    expect(ended.err).not.toContain('    at ');
  });

  it('shows the help and ends with 2 where a command is missing', async () => {
    const ended = await runMoult(['agents']);
    expect(ended.exitCode).toBe(2);
    expect(ended.err).toContain('Usage: moult agents');
  });
});

describe('help and version', () => {
  it('end with 0 and go to standard output', async () => {
    const help = await runMoult(['agents', 'upgrade', '--help']);
    expect(help).toMatchObject({ exitCode: 0, err: '' });
    expect(help.out).toContain('Examples:');
    const version = await runMoult(['--version']);
    expect(version.out).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});

describe('without a context', () => {
  it('says how to log in', async () => {
    const ended = await runMoult(['agents', 'list']);
    expect(ended.exitCode).toBe(1);
    expect(ended.err).toContain('code: not-logged-in');
    expect(ended.err).toContain('moult login');
  });

  it('shows the stack trace only when debugging', async () => {
    const ended = await runMoult(['agents', 'list'], { environment: { MOULT_DEBUG: '1' } });
    expect(ended.err).toContain('    at ');
  });
});
