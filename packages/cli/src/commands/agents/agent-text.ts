import type { Agent } from '@moult/api';
import type { Component } from '@moult/core/component';
import { ABSENT } from '../../terminal/format.ts';

/** `Up (probation)`: the state, and the marks beside it. */
export function stateText(agent: Agent): string {
  return agent.marks.length === 0 ? agent.state : `${agent.state} (${agent.marks.join(', ')})`;
}

export function currentOf(agent: Agent, component: Component): string {
  return statusOf(agent, component)?.current?.version ?? ABSENT;
}

export function desiredOf(agent: Agent, component: Component): string {
  return statusOf(agent, component)?.desired?.version ?? ABSENT;
}

function statusOf(agent: Agent, component: Component): Agent['components'][number] | undefined {
  return agent.components.find((status) => status.component === component);
}

/** `role=db, tier=1`; empty: none. */
export function labelsText(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(', ');
}
