/* Maintenance over the API and real sockets: what is ordered meanwhile comes when it is over. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Fixture } from './support/fixture.ts';

let fixture: Fixture;
beforeEach(async () => {
  fixture = await Fixture.make();
  await fixture.publishTwo();
});
afterEach(() => fixture.stop());

const maintain = (isOn: boolean) =>
  fixture.call('PUT', '/v1/coordinator/maintenance', { body: { isOn, why: 'for 10.0.0' } });

test('C24: an order waits for the end of maintenance, says so, and is sent at once then; also over a restart', async () => {
  const agent = await fixture.enroll('web-1');
  await agent.connect();
  agent.report();
  expect((await maintain(true)).body).toMatchObject({ isOn: true, ordered: { by: 'admin' } });
  const order = { version: '2.0.0', isForced: true };
  const ordered = await fixture.call('POST', '/v1/agents/web-1/upgrade', { body: order });
  expect(ordered.body.command).toMatchObject({ holdReason: 'coordinator-upgrading' });
  const why = await fixture.call('GET', '/v1/agents/web-1/why');
  expect(why.body.reasons).toMatchObject([
    { reason: 'coordinator-upgrading', freedBy: 'moult coordinator maintenance off' },
  ]);
  await agent.close();
  await fixture.restart();
  agent.url = fixture.url;
  const status = await fixture.call('GET', '/v1/coordinator');
  expect(status.body.maintenance).toMatchObject({ isOn: true, ordered: { why: 'for 10.0.0' } });
  await agent.connect();
  agent.report();
  expect((await maintain(false)).body).toMatchObject({ isOn: false });
  expect((await agent.expect('command')).autoUpgrade?.version).toBe('2.0.0');
  expect(await maintain(true)).toMatchObject({ status: 412, body: { code: 'agents-in-flight' } });
});
