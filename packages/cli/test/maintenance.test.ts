import type { Maintenance } from '@moult/api';
import { describe, expect, it } from 'vitest';
import { type Handler, problemOf, startCoordinator } from './support/fake-coordinator.ts';
import { runHere } from './support/run-here.ts';

const OFF: Maintenance = {
  isOn: false,
  ordered: null,
  settlingSinceMs: null,
  inFlight: [],
  inFlightCount: 0,
};
const ON: Maintenance = { ...OFF, isOn: true, ordered: { sinceMs: 0, by: 'ada', why: '1.5.0' } };
const FLYING = [
  { agent: 'web-1', component: 'agent', version: '1.4.0', commandId: '01kq3v8m6t5n9y2x' },
] as const;
const WAITING: Maintenance = { ...ON, inFlight: [...FLYING], inFlightCount: 1 };

const ASK = 'GET /v1/coordinator/maintenance';
const SET = 'PUT /v1/coordinator/maintenance';

/** One after the other; the last one stays. */
function are(...values: readonly Maintenance[]): Handler {
  let asked = 0;
  return () => {
    const value = values[Math.min(asked, values.length - 1)];
    asked += 1;
    return { status: 200, value };
  };
}

async function maintenance(handlers: Readonly<Record<string, Handler>>, ...args: string[]) {
  await using coordinator = await startCoordinator(handlers);
  const all = ['coordinator', 'maintenance', ...args, '--url', coordinator.url, '--token', 'x'];
  const ended = await runHere(all);
  return { ...ended, asked: coordinator.asked, bodies: coordinator.bodies };
}

describe('moult coordinator maintenance', () => {
  it('begins, says by whom and why, and ends', async () => {
    const on = await maintenance({ [SET]: are(ON) }, 'on', '-m', '1.5.0');
    expect(on).toMatchObject({ exitCode: 0, bodies: [{ isOn: true, waits: false, why: '1.5.0' }] });
    expect(on.out).toContain('by ada: 1.5.0');
    expect(on.out).toContain('the coordinator can be upgraded');
    const off = await maintenance({ [SET]: are(OFF) }, 'off');
    expect(off).toMatchObject({ exitCode: 0, out: 'No maintenance.\n' });
  });

  it('names those that are upgrading where it is refused', async () => {
    const refusal = () => problemOf(412, 'agents-in-flight', 'web-1 is upgrading');
    const refused = await maintenance({ [SET]: refusal }, 'on');
    expect(refused.exitCode).toBe(1);
    expect(refused.err).toContain('web-1 is upgrading');
  });

  it('waits until nobody is upgrading any more', async () => {
    const handlers = { [SET]: are(WAITING), [ASK]: are(WAITING, ON) };
    const waited = await maintenance(handlers, 'on', '--wait');
    expect(waited).toMatchObject({ exitCode: 0, asked: [SET, ASK, ASK] });
    expect(waited.err).toContain('web-1 (agent 1.4.0)');
  });

  it('leaves it off where the wait was in vain, and says who kept it', async () => {
    const handlers = { [SET]: are(WAITING, OFF), [ASK]: are(WAITING) };
    const ended = await maintenance(handlers, 'on', '--wait', '--timeout', '2s');
    expect(ended.exitCode).toBe(3);
    expect(ended.asked.filter((route) => route === SET)).toHaveLength(2);
    expect(ended.bodies.at(-1)).toMatchObject({ isOn: false });
    expect(ended.err).toContain('web-1 (agent 1.4.0): still upgrading; maintenance is off');
  });

  it('says in which wait a new version of the coordinator is', async () => {
    const settling = { ...WAITING, ordered: null, settlingSinceMs: 0 };
    const { out } = await maintenance({ [ASK]: are(settling) }, 'status');
    expect(out).toContain('upgrades are held until those in flight have come');
    const wrong = await maintenance({}, 'status', '--wait');
    expect(wrong).toMatchObject({ exitCode: 2, asked: [] });
  });
});
