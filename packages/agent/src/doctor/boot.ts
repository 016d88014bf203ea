/* What starts on this host, and what lies there to be started. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { readBootRecord, type Slot } from '@moult/core/boot';
import type { Component } from '@moult/core/component';
import type { BootFacts, FirstLauncherFacts, ProcessFacts, SlotFacts } from '@moult/core/doctor';
import { type Layout, versionsDirOf } from '@moult/core/layout';
import { readSlotManifest, verifySlot } from '@moult/release/verify-slot';
import { codeOf, readTextIfPresent } from '@moult/runtime/files';
import { livingPid } from '../host/living-pid.ts';
import { slotAt } from '../host/own-slot.ts';

export async function firstLauncherIn(of: {
  readonly layout: Layout;
  readonly root: string | null;
  readonly stop: AbortSignal;
}): Promise<FirstLauncherFacts> {
  const dir = of.layout.firstLauncherDir;
  const common = { dir, wantsRoot: of.root === null };
  const found = await statIfPresent(dir);
  if (found === null) {
    return { ...common, isThere: false, version: null, damage: null, ownerUid: 0 };
  }
  const there = { ...common, isThere: true, ownerUid: found.uid };
  const read = await slotAt(dir);
  if (read === null) return { ...there, version: null, damage: `${dir} has no manifest.json` };
  const { version, digest } = read.slot;
  return { ...there, version, damage: await damageIn({ dir, digest, stop: of.stop }) };
}

async function damageIn(of: {
  readonly dir: string;
  readonly digest: string;
  readonly stop: AbortSignal;
}): Promise<string | null> {
  const { dir, digest, stop: signal } = of;
  const verdict = await verifySlot({ dir, digest, signal });
  return verdict.kind === 'sound' ? null : `${dir}/${verdict.path}: ${verdict.why}`;
}

export async function bootIn({ bootRecordPath: path }: Layout): Promise<BootFacts> {
  const reading = readBootRecord(await readTextIfPresent(path));
  return { path, reading, writtenMs: (await statIfPresent(path))?.mtimeMs ?? null };
}

export async function processesIn({ stateDir, holderPath }: Layout): Promise<ProcessFacts> {
  return {
    launcher: await livingPid(`${stateDir}/launcher.json`),
    agent: await livingPid(holderPath),
  };
}

/** Not the committed agent: the pre-upgrade test reads every byte of it. */
export async function slotsIn(
  layout: Layout,
  of: { readonly isDeep: boolean; readonly stop: AbortSignal },
): Promise<readonly SlotFacts[]> {
  const { reading } = await bootIn(layout);
  if (reading.kind !== 'read') return [];
  const { agent, launcher } = reading.record.components;
  const named = [
    { component: 'agent', kind: 'previous', slot: agent.previous },
    { component: 'launcher', kind: 'committed', slot: launcher.committed },
    { component: 'launcher', kind: 'previous', slot: launcher.previous },
  ] as const;
  const facts: SlotFacts[] = [];
  for (const { component, kind, slot } of named) {
    if (slot === null) continue;
    const damage = await slotDamage({ layout, component, slot, ...of });
    facts.push({ component, kind, version: slot.version, damage });
  }
  return facts;
}

async function slotDamage(of: {
  readonly layout: Layout;
  readonly component: Component;
  readonly slot: Slot;
  readonly isDeep: boolean;
  readonly stop: AbortSignal;
}): Promise<string | null> {
  const { layout, component, slot, isDeep, stop } = of;
  const dir = join(versionsDirOf(layout, component), slot.dir);
  if (isDeep) return damageIn({ dir, digest: slot.digest, stop });
  const manifest = await readSlotManifest(dir);
  if (manifest === null) return `${dir} has no manifest that can be read`;
  for (const { path, length } of manifest.files) {
    const size = (await statIfPresent(join(dir, path)))?.size;
    if (size !== length)
      return `${dir}/${path}: ${size === undefined ? 'missing' : 'of another length'}`;
  }
  return null;
}

async function statIfPresent(path: string) {
  try {
    return await stat(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw error;
  }
}
