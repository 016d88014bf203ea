import { describe, expect, it } from 'vitest';
import { printable, printableJson, printableText } from '../src/terminal/printable.ts';

describe('text that came from elsewhere', () => {
  it.each([
    ['colours', '\u001b[31mred\u001b[0m', 'red'],
    ['a title of the window', '\u001b]0;owned\u0007web-1', 'web-1'],
    ['a link', '\u001b]8;;http://evil\u001b\\here\u001b]8;;\u001b\\', 'here'],
    ['the clipboard, in eight-bit form', '\u009d52;c;aGk=\u009cx', 'x'],
    ['a device control string', '\u001bPq#0\u001b\\x', 'x'],
    ['a screen that is cleared', 'a\u001b[2J\u001b[Hb', 'ab'],
    ['a lone escape', 'a\u001b', 'a'],
    ['a line that overwrites another', 'ok\rfailed', 'ok failed'],
    ['a second line', 'one\ntwo', 'one two'],
    ['backspaces', 'safe\b\b\b\bevil', 'safeevil'],
    ['text that turns round', 'a\u202egpj.exe', 'agpj.exe'],
    ['letters that nobody sees', 'ad\u200bmin', 'admin'],
  ])('loses %s', (_name, given, shown) => {
    expect(printable(given)).toBe(shown);
  });

  it('keeps the letters of the world', () => {
    expect(printable('Grüße, 日本, 🙂')).toBe('Grüße, 日本, 🙂');
  });

  it('is the same value in JSON, with nothing that a terminal obeys', () => {
    const value = { name: '\u001b[31m\u009b2J\u202e\u007f', lines: ['a\nb'] };
    const text = printableJson(value);
    expect(JSON.parse(text)).toEqual(value);
    expect(text).toMatch(/^[\n -~]*$/);
  });

  it('keeps the lines and tabs of what a program wrote, and ends a sequence with its line', () => {
    expect(printableText('a\tb\n\u001b[31mred\u001b[0m\r\n\u001b]0;owned\nnext')).toBe(
      'a\tb\nred\n\nnext',
    );
    expect(printableText('10 %\r20 %\r100 %\n')).toBe('10 %\n20 %\n100 %\n');
  });
});
