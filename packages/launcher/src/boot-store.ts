/* Boot record and display links on a disk: loading with recovery, saving, and rewriting what people look at. */
import {
  type BootRecord,
  encodeBootRecord,
  type Found,
  readBootRecord,
  recoveredRecord,
} from '@moult/core/boot';
import { COMPONENTS, type Component } from '@moult/core/component';
import { CodedError } from '@moult/core/errors';
import type { BootDisk, LauncherPorts } from './ports.ts';

/**
 * The record, recovered from links and slots if it cannot be read (B10). Throws `nothing-to-boot` and
 * `boot-record-too-new`. A recovered record that cannot be written is used all the same.
 */
export async function loadRecord(
  ports: Pick<LauncherPorts, 'disk' | 'clock' | 'log'>,
): Promise<BootRecord> {
  const { disk, log } = ports;
  const reading = readBootRecord(await readText(ports));
  if (reading.kind === 'read') return reading.record;
  if (reading.kind === 'too-new') {
    throw new CodedError(
      'boot-record-too-new',
      `boot.json has format ${reading.format}; this launcher reads 1`,
    );
  }
  const record = recoveredRecord({
    agent: await found(disk, 'agent'),
    launcher: await found(disk, 'launcher'),
  });
  if (record === null) {
    throw new CodedError(
      'nothing-to-boot',
      'there is no boot record and no complete version of the agent',
    );
  }
  log.warn('the boot record is recovered from links and slots', {
    code: 'boot-record-recovered',
    why: reading.kind === 'unreadable' ? reading.why : 'there is none',
    boots: record.components.agent.committed?.dir,
  });
  try {
    // Kept aside for whoever has to find out what happened; colons do not belong in names of files.
    const at = new Date(ports.clock.nowMs()).toISOString().replaceAll(':', '');
    if (reading.kind === 'unreadable') await disk.keepRecordAside(`unreadable-${at}`);
    await disk.writeRecord(encodeBootRecord(record));
  } catch (caught) {
    log.error('the recovered boot record cannot be written', { why: messageOf(caught) });
  }
  return record;
}

/** What cannot be read at all is treated like a text that makes no sense: the host still boots. */
async function readText(ports: Pick<LauncherPorts, 'disk' | 'log'>): Promise<string | null> {
  try {
    return await ports.disk.readRecord();
  } catch (caught) {
    ports.log.error('the boot record cannot be read', { why: messageOf(caught) });
    return '';
  }
}

async function found(disk: BootDisk, component: Component): Promise<Found> {
  const complete = await disk.completeSlots(component).catch(() => []);
  const current = await disk.readLink({ component, name: 'current' }).catch(() => null);
  const previous = await disk.readLink({ component, name: 'previous' }).catch(() => null);
  return { complete, current, previous };
}

/** Makes the links show what the record says, never a trial. They are for display: failing is only logged. */
export async function rewriteLinks(
  ports: Pick<LauncherPorts, 'disk' | 'log'>,
  record: BootRecord,
): Promise<void> {
  for (const component of COMPONENTS) {
    const { committed, previous } = record.components[component];
    await rewriteLink(ports, { component, name: 'previous' }, previous?.dir ?? null);
    await rewriteLink(ports, { component, name: 'current' }, committed?.dir ?? null);
  }
}

async function rewriteLink(
  ports: Pick<LauncherPorts, 'disk' | 'log'>,
  link: Parameters<BootDisk['readLink']>[0],
  dir: string | null,
): Promise<void> {
  try {
    if ((await ports.disk.readLink(link)) !== dir) await ports.disk.writeLink(link, dir);
  } catch (caught) {
    ports.log.warn('a display link cannot be written', { ...link, why: messageOf(caught) });
  }
}

export function messageOf(caught: unknown): string {
  return caught instanceof Error ? caught.message : String(caught);
}
