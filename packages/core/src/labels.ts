/*
 * Labels: words that people put on agents, to select them by (`label.role=db`). A host's configuration gives some, operators
 * give others; of two with one name the operators' holds.
 */

/** Letters, digits, `.`, `_`, `/` and `-`; 63 at most. */
export const LABEL_NAME: RegExp = /^[A-Za-z0-9]([A-Za-z0-9._/-]{0,61}[A-Za-z0-9])?$/;
/** Of one agent, from each side. */
export const LABELS_MAX = 32;
const VALUE_MAX = 63;
/** Anything that can be read on one line. */
const VALUE = /^\P{C}+$/u;

export type Labels = Readonly<Record<string, string>>;

/** What is wrong with a label; null: nothing. */
export function labelTrouble(name: string, value: string): string | null {
  if (!LABEL_NAME.test(name)) {
    return `${JSON.stringify(name)} is no name of a label: letters, digits, dot, dash, slash and underscore, at most 63, beginning and ending with a letter or digit`;
  }
  if (value.length <= VALUE_MAX && value.trim() !== '' && VALUE.test(value)) return null;
  return `label ${name} must have a value of 1 to ${VALUE_MAX} characters on one line, not ${JSON.stringify(value)}`;
}

/** What is a label of these, each name once as it was said first, in one order: the same labels are the same text. */
export function labelsAmong(
  said: readonly { readonly name: string; readonly value: string }[],
): Labels {
  const labels = new Map<string, string>();
  for (const { name, value } of said) {
    if (labels.size >= LABELS_MAX) break;
    if (labelTrouble(name, value) === null && !labels.has(name)) labels.set(name, value);
  }
  return byName(labels);
}

/** SE7: what an agent is selected by. */
export function labelsOf(of: { readonly host: Labels; readonly given: Labels }): Labels {
  return byName(new Map([...Object.entries(of.host), ...Object.entries(of.given)]));
}

/** SE7: what is given after a change. */
export function changedLabels(
  given: Labels,
  change: { readonly set: Labels; readonly remove: readonly string[] },
): Labels {
  const labels = new Map(Object.entries(given));
  for (const name of change.remove) labels.delete(name);
  for (const [name, value] of Object.entries(change.set)) labels.set(name, value);
  return byName(labels);
}

function byName(labels: ReadonlyMap<string, string>): Labels {
  return Object.fromEntries([...labels].sort(([a], [b]) => (a < b ? -1 : 1)));
}
