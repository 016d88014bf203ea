/*
 * T19: whatever came from a host or over the network may hold escape sequences that a terminal obeys. What is
 * printed for people passes through here; what is printed for programs is JSON with the same characters escaped.
 */

/** Control characters of seven and eight bits, delete, line separators, and the marks that turn the direction of text. */
const UNSAFE =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/gu;

/** A whole sequence goes, and not only its first character: the rest would be noise. */
const SEQUENCES =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  /(?:\u001b\[|\u009b)[0-?]*[ -/]*[@-~]|(?:\u001b\]|\u009d)[^\u0007\u001b\u009c]*(?:\u0007|\u001b\\|\u009c)?|\u001b[PX^_][^\u001b\u009c]*(?:\u001b\\|\u009c)?|\u001b[ -/]*[0-~]/g;

/** One line of text that a terminal shows and does not obey. */
export function printable(text: string): string {
  return text
    .replace(SEQUENCES, '')
    .replace(/[\r\n\t]+/g, ' ')
    .replace(UNSAFE, '');
}

/** The same of many lines: what ends a line or indents it stays, and a line does not overwrite the one before. */
export function printableText(text: string): string {
  // Line by line: a sequence that is never ended takes no more than its line.
  return text
    .replace(/\r+\n?/g, '\n')
    .split('\n')
    .map((line) => line.replace(SEQUENCES, '').split('\t').map(printable).join('\t'))
    .join('\n');
}

/** JSON that is the same value for a program and harmless on a terminal. */
export function printableJson(value: unknown, indent = 2): string {
  return JSON.stringify(value, null, indent).replace(UNSAFE, (character) =>
    // What JSON.stringify leaves between its own tokens are newlines; in texts it has escaped them.
    character === '\n' ? character : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
