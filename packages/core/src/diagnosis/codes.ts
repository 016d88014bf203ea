import { CATALOGUE, type ErrorCode } from '../errors/index.ts';

/** A code stands in quotes, or before a colon. */
const MENTIONS = /(?<![\w-])([a-z]+(?:-[a-z]+)+)(?=["':])/g;

/** Our own error codes that a text mentions, with what each means and what to do about it. */
export function codesIn(
  texts: readonly string[],
): Readonly<Record<string, { readonly text: string; readonly remedy: string }>> {
  const found = new Set<ErrorCode>();
  for (const text of texts) {
    for (const [, code = ''] of text.matchAll(MENTIONS)) {
      if (Object.hasOwn(CATALOGUE, code)) found.add(code as ErrorCode);
    }
  }
  const entries = [...found].toSorted().map((code) => {
    const { text, remedy } = CATALOGUE[code];
    return [code, { text, remedy }] as const;
  });
  return Object.fromEntries(entries);
}
