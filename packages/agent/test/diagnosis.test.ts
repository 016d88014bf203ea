import { SETTINGS } from '@moult/core/diagnosis';
import { expect, test } from 'vitest';
import { AGENT_CONFIG } from '../src/config/agent-config.ts';

test('DG1: of each key of agent.yaml it is decided whether a diagnosis shows it', () => {
  const undecided = Object.keys(AGENT_CONFIG).filter((key) => !Object.hasOwn(SETTINGS.agent, key));
  expect(undecided).toEqual([]);
});
