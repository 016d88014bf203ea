/* H2: where nobody has chosen, the fleet follows the coordinator's own version. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { until } from '../../../scripts/fleet/until.ts';
import { Fixture } from './support/fixture.ts';

const OWN = '9.9.9';
const LOOK_MS = 5_000;

let fixture: Fixture;
beforeEach(async () => {
  fixture = await Fixture.make();
  await fixture.publishTwo();
});
afterEach(() => fixture.stop());

test('RO55 H2: its release is rolled out at once when it is published, and the list of choices says by whom', async () => {
  const agent = await fixture.enroll('web-1', { group: 'eu' });
  await agent.connect();
  agent.report();
  await fixture.coordinator.settled();
  await fixture.clock.advance(LOOK_MS);
  expect((await fixture.call('GET', '/v1/rollouts')).body.rollouts).toEqual([]);
  await fixture.publish(OWN, '9'.repeat(64));
  const isRolledOut = async () => {
    await fixture.clock.advance(LOOK_MS);
    const { rollouts } = (await fixture.call('GET', '/v1/rollouts')).body;
    return rollouts.length > 0 ? rollouts : null;
  };
  expect(
    await until('the release is rolled out', isRolledOut, { timeoutMs: 20_000 }),
  ).toMatchObject([{ version: OWN, state: 'running', createdBy: 'coordinator' }]);
  expect((await agent.expect('command')).autoUpgrade?.version).toBe(OWN);
  const { choices } = (await fixture.call('GET', '/v1/choices')).body;
  expect(choices).toMatchObject([{ scope: 'fleet', version: OWN, by: 'coordinator' }]);
});
