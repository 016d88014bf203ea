/** More than a third of the letters wrong is another word; two letters swapped count as two, in short words too. */
const DISTANCE_SHARE_MAX = 1 / 3;
const DISTANCE_ALWAYS = 2;
const SHORT_LENGTH = 4;

/** The known word that was probably meant; null: none is near. */
export function nearestOf(word: string, known: readonly string[]): string | null {
  const ranked = known
    .map((candidate) => ({ candidate, distance: editDistance(word, candidate) }))
    .sort((a, b) => a.distance - b.distance);
  const best = ranked[0];
  if (best === undefined) return null;
  const limit = Math.max(
    best.candidate.length < SHORT_LENGTH ? 1 : DISTANCE_ALWAYS,
    Math.floor(best.candidate.length * DISTANCE_SHARE_MAX),
  );
  return best.distance <= limit ? best.candidate : null;
}

/** Levenshtein's distance, upper and lower case alike. */
function editDistance(left: string, right: string): number {
  const a = left.toLowerCase();
  const b = right.toLowerCase();
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
