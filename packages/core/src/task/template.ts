const PART = /\{\{|\}\}|\{([^{}]*)\}|[{}]/g;

/** Names between braces, in their order; null: a brace is left without its other. `{{` and `}}` are braces themselves. */
export function placeholdersIn(template: string): readonly string[] | null {
  const names: string[] = [];
  for (const [part, name] of template.matchAll(PART)) {
    if (part === '{' || part === '}') return null;
    if (name !== undefined) names.push(name);
  }
  return names;
}

/** The template with each `{name}` replaced; what a value contains is never looked at again. */
export function filledIn(template: string, values: ReadonlyMap<string, string>): string {
  return template.replace(PART, (part: string, name: string | undefined) => {
    if (name !== undefined) return values.get(name) ?? '';
    return part === '{{' ? '{' : part === '}}' ? '}' : part;
  });
}
