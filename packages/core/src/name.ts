/** Names of agents and groups: a host name, or close to one. What has an operator or a blank in it is none, but a selector. */
export const NAME: RegExp = /^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/;

export function isName(text: string): boolean {
  return NAME.test(text);
}
