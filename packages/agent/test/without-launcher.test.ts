import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  encodeBootRecord,
  firstRecord,
  type LauncherPipeMessage,
  type Slot,
  slotDirOf,
} from '@moult/core/boot';
import { type Layout, layoutOf } from '@moult/core/layout';
import { encodeManifest } from '@moult/core/manifest';
import { describe, expect, test } from 'vitest';
import { until } from '../../../test/support/manual-clock.ts';
import { createAgent } from '../src/agent.ts';
import {
  chooseOwnBoot,
  chosenOwnBoot,
  ownChannel,
  programToBecome,
  startableBoot,
} from '../src/launcher/without-launcher.ts';
import { NO_EVIDENCE } from '../src/upgrade/workers.ts';
import { manifestOf, NEW, OLD, TestHost } from './support/host.ts';

class AloneHost extends TestHost {
  readonly layout: Layout = layoutOf(this.dir);
  tries = 0;

  constructor() {
    super();
    mkdirSync(this.layout.stateDir, { recursive: true });
    mkdirSync(join(this.layout.prefixDir, 'versions'), { recursive: true });
    writeFileSync(this.layout.bootRecordPath, encodeBootRecord(firstRecord(OLD)));
    this.coordinator.onFrame = (frame, session) => {
      if (frame.kind === 'permission') session.send({ kind: 'granted', message: frame.message });
      if (frame.kind === 'report' && frame.message.upgrade?.isHealthy === true) {
        session.send({ kind: 'confirm', message: { commandId: 'command-1', attempt: 1 } });
      }
      return false;
    };
  }

  /** One process that somebody started, until it ends or `isEnough`. */
  async start(isEnough: () => boolean): Promise<number> {
    const before = this.coordinator.sessions.length;
    const boot = await chooseOwnBoot(this.layout, 'boot-1');
    expect(await chosenOwnBoot(this.layout, boot.slot.digest)).toEqual(boot);
    const stop = new AbortController();
    let exit: number | null = null;
    const ended = createAgent(this.ports(ownChannel(this.layout, boot)))
      .run(stop.signal)
      .then((code) => {
        exit = code;
      });
    await until(
      () =>
        this.coordinator.sessions.length > before &&
        this.coordinator.last.frames.some(({ kind }) => kind === 'report'),
      'a session',
    );
    expect(this.coordinator.of('hello').at(-1)).toMatchObject({
      version: boot.slot.version,
      launcherVersion: '',
    });
    if (this.coordinator.of('accept').length === 0) this.order();
    for (let turn = 0; turn < 1_500 && exit === null && !isEnough(); turn++)
      await this.clock.advance(500);
    stop.abort(new Error('stopped'));
    await ended;
    return exit ?? -1;
  }

  order(): void {
    this.coordinator.last.send({
      kind: 'command',
      message: {
        commandId: 'command-1',
        attempt: 1,
        notAfterMs: 2e12,
        generation: 1,
        position: 1,
        autoUpgrade: {
          component: 'agent',
          version: '1.1.0',
          isForced: false,
          isRevert: false,
          nonce: 'cd',
        },
      },
    });
  }

  get record(): { components: { agent: Record<string, unknown> } } {
    return JSON.parse(readFileSync(this.layout.bootRecordPath, 'utf8'));
  }

  get outcomes(): unknown[] {
    return this.coordinator.received
      .flatMap(({ items }) => items)
      .map((item) => (item.item === 'finish' ? item.finish.outcome : item.item));
  }
}

/** A slot with a manifest, and nothing else. */
function slotIn(layout: Layout, version: string): Slot {
  const text = encodeManifest(manifestOf({ ...OLD, version }));
  const digest = createHash('sha256').update(text).digest('hex');
  const slot = { version, digest, dir: slotDirOf(version, digest) };
  const dir = join(layout.prefixDir, 'versions/agent', slot.dir);
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, 'manifest.json'), text);
  return slot;
}

describe('H14 B22: without a launcher', () => {
  test('the agent replaces itself, stays down, and is committed once somebody started it', async () => {
    const host = new AloneHost();
    expect(await host.start(() => false)).toBe(75);
    expect(host.record.components.agent).toMatchObject({
      committed: OLD,
      trial: { slot: NEW, tries: 0 },
    });
    await host.start(() => host.outcomes.length > 0);
    expect(host.outcomes).toEqual(['succeeded']);
    expect(host.record.components.agent).toMatchObject({
      committed: NEW,
      previous: OLD,
      trial: null,
    });
    expect(readlinkSync(join(host.layout.prefixDir, 'versions', 'current'))).toBe(
      `agent/${NEW.dir}`,
    );
  });

  test('a version that ends three times uncommitted is refused, and the one before reports it', async () => {
    const host = new AloneHost();
    await host.start(() => false);
    for (let tries = 0; tries < 3; tries++)
      expect((await chooseOwnBoot(host.layout, 'boot-1')).slot).toEqual(NEW);
    await host.start(() => host.outcomes.length > 0);
    expect(host.outcomes).toEqual(['rolled-back']);
    expect(host.record.components.agent).toMatchObject({
      committed: OLD,
      trial: null,
      refused: [{ digest: NEW.digest }],
    });
  });

  test('B21: its owner goes back to the version before by hand; whoever starts it gets that one', async () => {
    const host = new AloneHost();
    await host.start(() => false);
    await host.start(() => host.outcomes.length > 0);
    const boot = await chooseOwnBoot(host.layout, 'boot-1');
    const answers: LauncherPipeMessage[] = [];
    const channel = ownChannel(host.layout, boot);
    channel.listen({
      onMessage: (message) => void answers.push(message),
      onClosed: () => undefined,
    });
    const evidence = { ...NO_EVIDENCE, reason: 'rolled-back-by-owner' } as const;
    const asked = {
      kind: 'roll-back',
      component: 'agent',
      attemptId: 'owner/1',
      evidence,
    } as const;
    channel.post({ ...asked, id: 1 });
    channel.post({ ...asked, id: 2, attemptId: 'owner/2' });
    await until(() => answers.length === 3, 'both answers');
    expect(answers.slice(1)).toMatchObject([
      { kind: 'done', id: 1 },
      { kind: 'failed', id: 2, code: 'boot-slot-refused' },
    ]);
    expect(await chooseOwnBoot(host.layout, 'boot-1')).toMatchObject({ slot: OLD });
    expect(host.record.components.agent).toMatchObject({ committed: OLD, previous: NEW });
  });

  test('a committed version that is not there gives way to the one before, and the record stays', async () => {
    const { layout } = new AloneHost();
    const slots = [OLD, NEW].map(({ version }) => slotIn(layout, version));
    const [old, recent] = slots;
    if (old === undefined || recent === undefined) throw new Error('two were made');
    const first = firstRecord(recent);
    const { agent } = first.components;
    const components = { ...first.components, agent: { ...agent, previous: old } };
    const record = encodeBootRecord({ ...first, components });
    writeFileSync(layout.bootRecordPath, record);
    const boot = await chooseOwnBoot(layout, 'b');
    expect((await startableBoot(layout, boot)).slot).toEqual(recent);
    rmSync(join(layout.prefixDir, 'versions/agent', recent.dir), { recursive: true });
    const other = await startableBoot(layout, boot);
    expect(other.slot).toEqual(old);
    expect((await chosenOwnBoot(layout, old.digest)).slot).toEqual(old);
    rmSync(join(layout.prefixDir, 'versions/agent', old.dir), { recursive: true });
    expect((await startableBoot(layout, boot)).slot).toEqual(recent);
    expect(readFileSync(layout.bootRecordPath, 'utf8')).toBe(record);
  });

  test('a host without a record begins one from the slot that is current; without either it says what is missing', async () => {
    const host = new AloneHost();
    const { layout } = host;
    const text = encodeManifest(manifestOf(OLD));
    const dir = join(layout.prefixDir, 'versions/agent/1.0.0-any');
    mkdirSync(join(dir, 'lib'), { recursive: true });
    writeFileSync(join(dir, 'manifest.json'), text);
    writeFileSync(layout.bootRecordPath, 'rubbish');
    await expect(chooseOwnBoot(layout, 'b')).rejects.toMatchObject({ code: 'launcher-missing' });
    const fresh = layoutOf(join(host.dir, 'fresh'));
    await expect(chooseOwnBoot(fresh, 'b')).rejects.toMatchObject({ code: 'launcher-missing' });
    mkdirSync(join(fresh.prefixDir, 'versions/agent'), { recursive: true });
    symlinkSync(dir, join(fresh.prefixDir, 'versions/agent/1.0.0-any'));
    symlinkSync('agent/1.0.0-any', join(fresh.prefixDir, 'versions/current'));
    const boot = await chooseOwnBoot(fresh, 'b');
    expect(boot.slot.version).toBe('1.0.0');
    await expect(programToBecome(fresh, boot.slot, 'x')).rejects.toMatchObject({
      code: 'boot-slot-incomplete',
    });
  });
});
