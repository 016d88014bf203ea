/** A variable of ours for a program that gets nothing else of our environment; nothing where we have none. */
export function inherited(name: string): Readonly<Record<string, string>> {
  const value = process.env[name];
  return value === undefined ? {} : { [name]: value };
}
