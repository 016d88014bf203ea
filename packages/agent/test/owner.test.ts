/* P6: the word of the host's owner, between an order and its upgrade. */
import { EXIT } from '@moult/core/boot';
import { describe, expect, test } from 'vitest';
import { settle, until } from '../../../test/support/manual-clock.ts';
import { bootLive, ended, endOf, grantsAll, order } from './support/driving.ts';
import { TestHost } from './support/host.ts';

const SAID = { by: 'ann', why: 'month end' };

function heldBy(host: TestHost): string | undefined {
  return host.coordinator.of('progress').at(-1)?.holdReason;
}

describe('the word of the owner', () => {
  test('A8: holds an order from its first step on, is reported with who and why, and goes on when it is taken back', async () => {
    const host = new TestHost();
    const agent = await bootLive(host);
    grantsAll(host);
    expect(await host.askOwner({ ask: 'pin', ...SAID })).toMatchObject({ marks: ['pinned'] });
    order(host);
    await until(() => heldBy(host) === 'pinned', 'the hold');
    await host.clock.advance(1_000);
    const report = host.coordinator.of('report').at(-1);
    expect(report).toMatchObject({
      state: 'Up',
      marks: ['pinned'],
      upgrade: { step: 'preflight' },
    });
    expect(report?.facts.find(({ name }) => name === 'pinned')?.value).toMatch(
      /^1\.0\.0, ann: month end, since /,
    );
    expect(host.coordinator.of('permission')).toEqual([]);
    await host.askOwner({ ask: 'unpin', ...SAID });
    await ended(agent);
    expect(agent.exit).toBe(EXIT.bootRecorded);
  });

  test('A9: outlives the process', async () => {
    const host = new TestHost();
    const first = await bootLive(host);
    await host.askOwner({ ask: 'postpone', forMs: 7_200_000, ...SAID });
    first.stop();
    await first.ended;
    const second = await bootLive(host);
    grantsAll(host);
    order(host);
    await until(() => heldBy(host) === 'postponed', 'the hold');
    second.stop();
    await second.ended;
  });

  test('A8: a lock file that appears while tasks are being waited for is seen before the switch', async () => {
    const host = new TestHost();
    const agent = await bootLive(host);
    host.coordinator.onFrame = (frame, session) => {
      if (frame.kind !== 'permission') return false;
      const { commandId, attempt, point } = frame.message;
      expect(point).toBe('drain');
      host.locks = ['backup'];
      session.send({ kind: 'granted', message: { commandId, attempt, point } });
      return true;
    };
    order(host);
    await until(() => host.coordinator.of('permission').length > 0, 'draining');
    await host.clock.advance(2_000);
    await until(() => heldBy(host) === 'host-locked', 'the hold');
    expect(agent.launcher.requests('try')).toEqual([]);
    await host.clock.advance(6_000);
    expect(host.coordinator.of('report').at(-1)).toMatchObject({
      state: 'Up',
      marks: ['host-locked'],
    });
    host.locks = [];
    grantsAll(host);
    await host.clock.advance(6_000);
    await ended(agent);
    expect(agent.exit).toBe(EXIT.bootRecorded);
  });

  test('A8 H18: force overrides all of it, and the log says so', async () => {
    const host = new TestHost();
    const warnings: unknown[] = [];
    host.log = { ...host.log, warn: (message) => void warnings.push(message) };
    host.locks = ['backup'];
    const agent = await bootLive(host);
    grantsAll(host);
    await host.askOwner({ ask: 'pin', ...SAID });
    order(host, { isForced: true });
    await ended(agent);
    expect(agent.exit).toBe(EXIT.bootRecorded);
    expect(warnings).toContain('an upgrade is forced over the word of the owner');
  });

  test('A11: an order that is held for ten minutes makes way for the others of its group', async () => {
    const host = new TestHost();
    host.locks = ['backup'];
    const agent = await bootLive(host);
    order(host);
    await until(() => heldBy(host) === 'host-locked', 'the hold');
    await host.clock.advance(600_000);
    expect(await endOf(host)).toMatchObject({
      outcome: 'failed',
      code: 'held-by-owner',
      message: 'host-locked: backup',
    });
    agent.stop();
    await agent.ended;
  });

  test('A9: what cannot be read forbids', async () => {
    const host = new TestHost();
    host.ownerText = 'rubbish';
    const agent = await bootLive(host);
    order(host);
    await until(() => heldBy(host) === 'host-locked', 'the hold');
    await expect(host.askOwner({ ask: 'unpin', ...SAID })).rejects.toMatchObject({
      code: 'owner-word-unreadable',
    });
    agent.stop();
    await agent.ended;
  });

  test('A10: nobody postpones for ever', async () => {
    const host = new TestHost();
    const agent = await bootLive(host);
    await expect(
      host.askOwner({ ask: 'postpone', forMs: 8 * 86_400_000, ...SAID }),
    ).rejects.toMatchObject({ code: 'postponed-too-long' });
    await settle();
    agent.stop();
    await agent.ended;
  });
});
