/** The end of a message: the known word that was probably meant, or nothing. Loaded only when something is wrong. */
export async function didYouMean(typed: string, known: readonly string[]): Promise<string> {
  const { nearestOf } = await import('@moult/core/nearest');
  const near = nearestOf(typed, known);
  return near === null ? '' : `, did you mean "${near}"?`;
}
