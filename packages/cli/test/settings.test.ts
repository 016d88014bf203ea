import type { ResponseOf } from '@moult/api/client';
import { describe, expect, it } from 'vitest';
import { type Handler, problemOf, startCoordinator } from './support/fake-coordinator.ts';
import { runHere } from './support/run-here.ts';

const SOAK: ResponseOf<'changeSetting'> = {
  key: 'rollout.soak',
  value: '10m',
  from: 'fleet',
  default: '0',
  text: 'how long a wave must stay good before the next opens',
  form: 'a duration such as 0, 90s, 10m or 1h',
  isOfGroups: true,
  changed: { atMs: 0, by: 'ada', why: 'change 42' },
};
const LIST = 'GET /v1/settings';
const PUT = 'PUT /v1/settings/rollout.soak';

async function settings(handlers: Readonly<Record<string, Handler>>, ...args: string[]) {
  await using coordinator = await startCoordinator(handlers);
  const all = ['settings', ...args, '--url', coordinator.url, '--token', 'x'];
  return { ...(await runHere(all)), bodies: coordinator.bodies };
}

const is =
  (value: unknown): Handler =>
  () => ({ status: 200, value });

describe('moult settings', () => {
  it('lists them with where they come from', async () => {
    const { out, exitCode } = await settings({ [LIST]: is({ settings: [SOAK] }) }, 'list');
    expect(exitCode).toBe(0);
    expect(out).toMatch(/rollout\.soak +10m +fleet +ada +how long a wave/);
  });

  it('shows one with who set it, why, its form and its default', async () => {
    const { out } = await settings({ [LIST]: is({ settings: [SOAK] }) }, 'get', 'rollout.soak');
    expect(out).toContain('rollout.soak: 10m (fleet, by ada 1970-01-01 00:00:00: change 42)');
    expect(out).toContain('a duration such as 0, 90s, 10m or 1h; default 0');
    const other = await settings({ [LIST]: is({ settings: [SOAK] }) }, 'get', 'rollout.soaks');
    expect(other.exitCode).toBe(2);
    expect(other.err).toContain('did you mean rollout.soak?');
  });

  it('sets and resets, for the fleet or a group', async () => {
    const set = await settings({ [PUT]: is(SOAK) }, 'set', 'rollout.soak', '10m', '-m', 'why');
    expect(set).toMatchObject({ exitCode: 0, bodies: [{ value: '10m', why: 'why' }] });
    const reset = await settings({ [PUT]: is(SOAK) }, 'reset', 'rollout.soak', '--group', 'eu');
    expect(reset.bodies).toEqual([{ value: null, group: 'eu' }]);
  });

  it('ends with 2 for what is not of its form', async () => {
    const refusal = () => problemOf(400, 'setting-invalid', 'rollout.soak is a duration');
    const refused = await settings({ [PUT]: refusal }, 'set', 'rollout.soak', 'long');
    expect(refused.exitCode).toBe(2);
  });
});
