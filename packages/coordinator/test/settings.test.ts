/* Settings over the API, and the rollouts that go on by them. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Fixture } from './support/fixture.ts';

let fixture: Fixture;
beforeEach(async () => {
  fixture = await Fixture.make();
  await fixture.publishTwo();
});
afterEach(() => fixture.stop());

const set = (key: string, body: object) =>
  fixture.call('PUT', `/v1/settings/${key}`, { body: { why: 'change 42', ...body } });

test('R3: a rollout goes on by the settings of its group, or of the fleet, where its maker left something out', async () => {
  for (const [name, group] of [
    ['eu-1', 'eu'],
    ['us-1', 'us'],
  ] as const) {
    await fixture.enroll(name, { group });
  }
  expect((await set('rollout.soak', { value: '600s' })).body).toMatchObject({
    value: '10m',
    from: 'fleet',
    changed: { by: 'admin', why: 'change 42' },
  });
  await set('rollout.on-error', { value: 'continue', group: 'eu' });
  const made = async (agents: readonly string[], spec: object = {}) => {
    const body = { agents, version: '2.0.0', spec, why: '' };
    return (await fixture.call('POST', '/v1/rollouts', { body })).body.spec;
  };
  expect(await made(['eu-1'])).toMatchObject({ soakMs: 600_000, onError: 'continue' });
  expect(await made(['eu-1', 'us-1'])).toMatchObject({ soakMs: 600_000, onError: 'stop' });
  expect(await made(['eu-1'], { soakMs: 0 })).toMatchObject({ soakMs: 0, onError: 'continue' });
  await set('rollout.soak', { value: null });
  const { settings } = (await fixture.call('GET', '/v1/settings?group=eu')).body;
  const at = (key: string) => settings.find((one: { readonly key: string }) => one.key === key);
  expect(at('rollout.soak')).toMatchObject({ value: '0', from: 'default', changed: null });
  expect(at('rollout.on-error')).toMatchObject({ value: 'continue', from: 'group' });
});

test('what is no setting, or not of its form, is refused, with what was meant', async () => {
  expect(await set('rollout.soaks', { value: '1h' })).toMatchObject({
    status: 404,
    body: { code: 'setting-unknown', detail: expect.stringContaining('rollout.soak?') },
  });
  expect(await set('rollout.soak', { value: 'long' })).toMatchObject({
    status: 400,
    body: { code: 'setting-invalid' },
  });
});
