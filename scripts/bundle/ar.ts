/* `ar`, the outer form of a Debian package: a line of text before each member, which begins at an even byte. */

export interface ArMember {
  readonly name: string;
  readonly content: Uint8Array;
}

const MAGIC = '!<arch>\n';
const NAME_LENGTH_MAX = 16;

/** Members are root's, readable by all, and of one time. */
export function arOf(members: readonly ArMember[], options: { readonly mtimeMs: number }): Buffer {
  const parts: Uint8Array[] = [Buffer.from(MAGIC)];
  for (const { name, content } of members) {
    if (name.length > NAME_LENGTH_MAX) throw new Error(`${name} is too long for an ar member`);
    const fields: readonly (readonly [string, number])[] = [
      [name, NAME_LENGTH_MAX],
      [String(Math.floor(options.mtimeMs / 1_000)), 12],
      ['0', 6],
      ['0', 6],
      ['100644', 8],
      [String(content.length), 10],
    ];
    const line = fields.map(([text, length]) => text.padEnd(length)).join('');
    parts.push(Buffer.from(`${line}\`\n`), content);
    if (content.length % 2 === 1) parts.push(Buffer.from('\n'));
  }
  return Buffer.concat(parts);
}
