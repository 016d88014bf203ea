/** Of an `ar` archive, by their names. Read by its own account of itself, not by ours. */
export function membersOf(archive: Buffer): ReadonlyMap<string, Buffer> {
  const members = new Map<string, Buffer>();
  for (let at = archive.indexOf('\n') + 1; at < archive.length; ) {
    const name = archive.toString('latin1', at, at + 16).trimEnd();
    const length = Number(archive.toString('latin1', at + 48, at + 58));
    const begin = at + 60;
    members.set(name, archive.subarray(begin, begin + length));
    at = begin + length + (length % 2);
  }
  return members;
}
