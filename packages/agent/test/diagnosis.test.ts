import { SETTINGS } from '@moult/core/diagnosis';
import { expect, test } from 'vitest';
import { AGENT_CONFIG } from '../src/config/agent-config.ts';

test('DG1: of each key of agent.yaml it is decided whether a diagnosis shows it', () => {
  expect(Object.keys(SETTINGS.agent).toSorted()).toEqual(Object.keys(AGENT_CONFIG).toSorted());
});
