/* Choosing versions over the API: for whom, in which order they are offered, and what is refused. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Fixture } from './support/fixture.ts';

let fixture: Fixture;
beforeEach(async () => {
  fixture = await Fixture.make();
});
afterEach(() => fixture.stop());

test('versions are offered newest first, by precedence and not by letters', async () => {
  const versions = ['1.9.0', '1.10.0', '1.10.0-rc.1', '1.2.0'];
  for (const [index, version] of versions.entries()) {
    await fixture.publish(version, String(index).repeat(64));
  }
  const { body } = await fixture.call('GET', '/v1/offers');
  expect(body.platforms).toMatchObject([
    {
      platform: 'linux-x64',
      agents: 0,
      versions: [
        { version: '1.10.0' },
        { version: '1.10.0-rc.1' },
        { version: '1.9.0' },
        { version: '1.2.0' },
      ],
    },
  ]);
});

test('a choice for a group is for its agents alone, and pages of choices follow one another', async () => {
  await fixture.publishTwo();
  for (const [name, group] of [
    ['eu-1', 'eu'],
    ['us-1', 'us'],
  ] as const) {
    const agent = await fixture.enroll(name, { group });
    await agent.connect();
    agent.report();
    agent.send({ kind: 'check', message: { isFirst: false } });
    await agent.expect('hold');
  }
  const choose = (path: string, version: string | null) =>
    fixture.call('PUT', `/v1/${path}/desired/agent`, { body: { version, why: 'because' } });
  expect((await choose('fleet', '1.0.0')).status).toBe(200);
  const { body } = await choose('groups/eu', '2.0.0');
  expect(body).toMatchObject({
    commands: [],
    rollout: { name: 'eu-agent-2.0.0', state: 'running', agents: 1, waves: 1 },
  });
  const first = (await fixture.call('GET', '/v1/choices?limit=1')).body;
  expect(first.choices).toMatchObject([
    { scope: 'group', subject: 'eu', version: '2.0.0', agents: 1, why: 'because' },
  ]);
  const second = (await fixture.call('GET', `/v1/choices?limit=1&before=${first.next}`)).body;
  expect(second).toMatchObject({
    choices: [{ scope: 'fleet', subject: '', version: '1.0.0', agents: 1 }],
    next: null,
  });
  expect(await choose('groups/asia', '2.0.0')).toMatchObject({
    status: 404,
    body: { code: 'not-found' },
  });
  expect(await choose('groups/eu', '3.0.0')).toMatchObject({
    status: 400,
    body: { code: 'desired-version-invalid' },
  });
});
