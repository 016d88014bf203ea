/* Who is in which part of a rollout that is split (R7). */

interface InGroup {
  readonly group: string;
}

/**
 * Each part gets its share of each group, and as many as the others but for one. Members come in the order of their places, and
 * keep it.
 */
export function dealt<Member extends InGroup>(
  members: readonly Member[],
  into: number,
): readonly (readonly Member[])[] {
  const partOf = new Map<Member, number>();
  // Dealt on from group to group: else the first part would have the odd one of each.
  let turn = 0;
  for (const group of byGroup(members)) {
    for (const member of group) partOf.set(member, turn++ % into);
  }
  return inParts(members, into, (member) => partOf.get(member) ?? 0);
}

/** Whole groups, the largest first, each to the part that has fewest. Empty parts where there are fewer groups. */
export function dealtByGroup<Member extends InGroup>(
  members: readonly Member[],
  into: number,
): readonly (readonly Member[])[] {
  const sizes = Array.from({ length: into }, () => 0);
  const partOf = new Map<string, number>();
  const groups = [...byGroup(members)].sort((a, b) => b.length - a.length);
  for (const group of groups) {
    const part = sizes.indexOf(Math.min(...sizes));
    sizes[part] = (sizes[part] ?? 0) + group.length;
    partOf.set(group[0]?.group ?? '', part);
  }
  return inParts(members, into, ({ group }) => partOf.get(group) ?? 0);
}

/** Groups by name. */
function byGroup<Member extends InGroup>(
  members: readonly Member[],
): readonly (readonly Member[])[] {
  const names = [...new Set(members.map(({ group }) => group))].sort();
  return names.map((name) => members.filter(({ group }) => group === name));
}

function inParts<Member>(
  members: readonly Member[],
  into: number,
  partOf: (member: Member) => number,
): readonly (readonly Member[])[] {
  const parts: Member[][] = Array.from({ length: into }, () => []);
  for (const member of members) parts[partOf(member)]?.push(member);
  return parts;
}
