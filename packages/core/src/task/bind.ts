import type { TaskDefinition } from './definition.ts';
import { valueTrouble } from './read-definitions.ts';
import { filledIn } from './template.ts';

export type Bound =
  | { readonly kind: 'bound'; readonly args: readonly string[] }
  | { readonly kind: 'invalid'; readonly message: string };

/** An order's values → the program's arguments. Every parameter is given once or has a default, and nothing else is given (K3). */
export function boundArguments(
  definition: TaskDefinition,
  given: readonly { readonly name: string; readonly value: string }[],
): Bound {
  const values = new Map<string, string>();
  for (const { name, value } of given) {
    const parameter = Object.hasOwn(definition.parameters, name)
      ? definition.parameters[name]
      : undefined;
    if (parameter === undefined) return invalid(`${definition.name} has no parameter ${name}`);
    if (values.has(name)) return invalid(`${name} is given twice`);
    const trouble = valueTrouble(parameter, value);
    if (trouble !== null) return invalid(`${name} ${trouble}`);
    values.set(name, value);
  }
  for (const [name, parameter] of Object.entries(definition.parameters)) {
    if (values.has(name)) continue;
    if (parameter.default === null) return invalid(`${name} is not given and has no default`);
    values.set(name, parameter.default);
  }
  return {
    kind: 'bound',
    args: definition.arguments.map((template) => filledIn(template, values)),
  };
}

function invalid(message: string): Bound {
  return { kind: 'invalid', message };
}
