/*
 * `moult doctor` on a host: the pre-upgrade test as it would run now, and whatever else a host needs to be well. It changes
 * nothing, takes no lock (DR1), and works beside an agent that runs, is stopped, or is broken.
 */
import { stat } from 'node:fs/promises';
import { type DoctorCheck, type HostFacts, hostChecks, notLookedAt } from '@moult/core/doctor';
import type { Layout } from '@moult/core/layout';
import type { Clock } from '@moult/runtime/clock';
import { codeOf } from '@moult/runtime/files';
import { look } from '@moult/runtime/look';
import { soundnessOf } from '../database/soundness.ts';
import { preflightHost } from '../preflight-host.ts';
import { ownerIn, tasksIn } from '../status.ts';
import { bootIn, firstLauncherIn, processesIn, slotsIn } from './boot.ts';
import { caIn, keptAsideIn, metadataIn, stateIn } from './state.ts';

export interface DoctorHostOptions {
  readonly layout: Layout;
  /** Null: an installation of the system, whose first launcher has to be root's. */
  readonly root: string | null;
  /** Of this program, for the session that it opens. */
  readonly own: string;
  /** Every byte is read of what else is only counted. */
  readonly isDeep: boolean;
  readonly clock: Clock;
  readonly stop: AbortSignal;
  /** What is being done, for people who wait. */
  readonly onStep: (text: string) => void;
}

/** Whether there is anything of one where it is looked for. */
export async function isAgentThere(layout: Layout): Promise<boolean> {
  const signs = [layout.agentConfigPath, layout.bootRecordPath, layout.identityKeyPath];
  const found = await Promise.all(signs.map(isThere));
  return found.includes(true);
}

async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    // Who may not look is told by the checks.
    return codeOf(error) !== 'ENOENT';
  }
}

export async function doctorHost(options: DoctorHostOptions): Promise<readonly DoctorCheck[]> {
  const { layout, own, stop, onStep } = options;
  onStep('looking at what an upgrade would be held up by');
  const preflight = await look(() => preflightHost({ layout, version: null, own, stop }), stop);
  onStep('looking at the host');
  return [
    ...(preflight.isFound ? preflight.value : [notLookedAt('preflight', preflight)]),
    ...hostChecks(await factsOf(options)),
  ];
}

async function factsOf(options: DoctorHostOptions): Promise<HostFacts> {
  const { layout, isDeep, stop } = options;
  const { stateDir } = layout;
  return {
    nowMs: options.clock.nowMs(),
    firstLauncher: await look(() => firstLauncherIn(options), stop),
    boot: await look(() => bootIn(layout), stop),
    processes: await look(() => processesIn(layout), stop),
    slots: await look(() => slotsIn(layout, { isDeep, stop }), stop),
    database: await look(() => soundnessOf(layout.agentDatabasePath, { isDeep }), stop),
    state: await look(() => stateIn(layout), stop),
    owner: await look(() => ownerIn(layout), stop),
    tasks: await look(() => tasksIn(layout), stop),
    ca: await look(() => caIn(layout.caPath), stop),
    metadata: await look(() => metadataIn(layout), stop),
    keptAside: await look(() => keptAsideIn(stateDir), stop),
  };
}
