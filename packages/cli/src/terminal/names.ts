/** `web-1, web-2, web-3 and 4 more`: names as far as they are read, and how many there are. */
export function namesText(names: readonly string[], shownMax: number): string {
  // "and 1 more" takes as much room as the name.
  const shown = names.length === shownMax + 1 ? names.length : shownMax;
  const more = names.length - shown;
  const named = names.slice(0, shown).join(', ');
  return more > 0 ? `${named} and ${more} more` : named;
}

/** `1 agent`, `12 agents`. */
export function agentsText(count: number): string {
  return `${count} ${count === 1 ? 'agent' : 'agents'}`;
}
