/** Names of agents and groups: a host name, or close to one. What has an operator or a blank in it is none, but a selector. */
export const NAME: RegExp = /^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/;

/** The same in words, for whoever gave another one. */
export const NAME_FORM =
  'letters, digits, dot, dash and underscore, at most 63, beginning and ending with a letter or digit';

export function isName(text: string): boolean {
  return NAME.test(text);
}
