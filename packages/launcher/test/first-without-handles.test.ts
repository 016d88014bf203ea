import { encodeBootRecord, firstRecord, readBootRecord, type Slot } from '@moult/core/boot';
import { systemClock } from '@moult/runtime/clock';
import { expect, test } from 'vitest';
import { chooseFirst, type StartCheck } from '../src/first.ts';
import type { BootDisk } from '../src/index.ts';

const AGENT: Slot = { version: '1.0.0', digest: 'a'.repeat(64), dir: '1.0.0-aaaaaaaa' };
const LAUNCHER: Slot = { version: '2.0.0', digest: 'c'.repeat(64), dir: '2.0.0-cccccccc' };

/** A disk with nothing but a boot record, in which a launcher is on trial. */
function diskWithTrial(): { readonly disk: BootDisk; readonly tries: () => number | undefined } {
  const first = firstRecord(AGENT);
  const { launcher } = first.components;
  const trial = {
    slot: LAUNCHER,
    attemptId: 'c1/1',
    tries: 0,
    rebootTries: 0,
    bootId: null,
    watchedLeftMs: 60_000,
  };
  const components = { ...first.components, launcher: { ...launcher, trial } };
  let text = encodeBootRecord({ ...first, components });
  return {
    disk: {
      readRecord: () => Promise.resolve(text),
      writeRecord: (next) => {
        text = next;
        return Promise.resolve();
      },
      keepRecordAside: () => Promise.resolve(),
      readLink: () => Promise.resolve(null),
      writeLink: () => Promise.resolve(),
      completeSlots: () => Promise.resolve([]),
      readHolder: () => Promise.resolve(null),
    },
    tries: () => {
      const reading = readBootRecord(text);
      return reading.kind === 'read' ? reading.record.components.launcher.trial?.tries : undefined;
    },
  };
}

const LOG = {
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  forward: () => undefined,
};

async function choose(disk: BootDisk, isHostTrouble: boolean): Promise<string> {
  const check: StartCheck = { kind: 'unstartable', why: 'EMFILE', isHostTrouble, logLines: [] };
  const ports = { disk, clock: systemClock, log: LOG, bootId: 'boot-1' };
  return (await chooseFirst({ ...ports, checkStart: () => Promise.resolve(check) })).kind;
}

test('B5 B7: a launcher on trial loses no try to a host that can start no program just now', async () => {
  const { disk, tries } = diskWithTrial();
  expect(await choose(disk, true)).toBe('stay');
  expect(tries()).toBe(0);
});

test('B7: a launcher on trial that cannot be started itself is refused after its tries', async () => {
  const { disk, tries } = diskWithTrial();
  expect(await choose(disk, false)).toBe('stay');
  expect(tries()).toBeUndefined();
});
