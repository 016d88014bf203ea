/** An upgradable thing on a host. Services join this list as names; every table and record is keyed by it. */
export type Component = 'agent' | 'launcher';

export const COMPONENTS = ['agent', 'launcher'] as const;

export function isComponent(value: string): value is Component {
  return (COMPONENTS as readonly string[]).includes(value);
}
