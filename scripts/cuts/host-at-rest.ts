/*
 * What must be so of a host when an upgrade is over, whatever was done to it on the way (U17): boot record, coordinator
 * and the process that runs say the same version, nothing is on trial, nothing waits, one launcher and one agent live.
 */
import { readdir } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { type AgentStatus, readStatus } from '@moult/agent/status';
import type { Attempt, Command } from '@moult/api';
import type { Component } from '@moult/core/component';
import type { RealFleet } from '../../test/support/real-fleet.ts';
import type { Host } from '../fleet/host.ts';
import { processesOf } from '../fleet/processes.ts';
import { until } from '../fleet/until.ts';

/** After its command ended: the longest backoff, of crashes or of sessions (60 s), and a session. */
const REST_MS = 90_000;
/** Cleanup is work of the idle agent; it begins when the coordinator has seen the end. */
const TIDY_MS = 10_000;

export interface Wanted {
  readonly component: Component;
  readonly version: string;
}

/** Resolves when all of it is so; rejects with what is not. */
export async function requireAtRest(fleet: RealFleet, host: Host, wanted: Wanted): Promise<void> {
  let troubles: readonly string[] = [];
  await until(
    `${host.name} is at rest with ${wanted.component} ${wanted.version}`,
    async () => {
      troubles = await troublesOf(fleet, host, wanted);
      return troubles.length === 0;
    },
    { timeoutMs: REST_MS, detail: () => `${troubles.join('\n')}\n${host.tail()}` },
  );
}

async function troublesOf(
  fleet: RealFleet,
  host: Host,
  { component, version }: Wanted,
): Promise<readonly string[]> {
  const agent = await fleet.coordinator.client.getAgent({ params: { name: host.name } });
  const status = await readStatus(host.layout);
  const running = await runningSlots(host);
  const committed = status.boot?.[component].committed ?? null;
  const current = agent.components.find((one) => one.component === component)?.current ?? null;
  return [
    ...claim(agent.state === 'Up', `the coordinator calls it ${agent.state}`),
    ...claim(agent.marks.length === 0, `it is marked ${agent.marks.join(', ')}`),
    ...claim(agent.upgrade === null, 'the coordinator believes it to be upgrading'),
    ...claim(current?.version === version, `the coordinator sees ${JSON.stringify(current)}`),
    ...claim(committed?.version === version, `the record commits ${JSON.stringify(committed)}`),
    ...claim(current?.digest === committed?.digest, 'coordinator and record name two digests'),
    ...claim(
      running[component].join() === committed?.dir,
      `of the ${component} run ${running[component].join(', ') || 'none'}`,
    ),
    ...claim(running.agent.length === 1, `${running.agent.length} agents run`),
    ...claim(running.launcher.length === 1, `${running.launcher.length} launchers run`),
    ...ownTroubles(status),
  ];
}

function ownTroubles(status: AgentStatus): readonly string[] {
  const { boot, upgrade, trouble, inboxItems, outboxItems, pid } = status;
  const trials = [boot?.agent.trial, boot?.launcher.trial];
  return [
    ...claim(
      trials.every((trial) => trial === null),
      `on trial: ${JSON.stringify(trials)}`,
    ),
    ...claim(upgrade.kind === 'idle', `the upgrade is ${upgrade.kind}`),
    ...claim(inboxItems === 0, `${inboxItems} commands have not ended`),
    ...claim(outboxItems === 0, `${outboxItems} items of output wait`),
    ...claim(trouble === null, `agent.db: ${trouble}`),
    ...claim(pid !== null, 'no agent holds the lock'),
  ];
}

function claim(isSo: boolean, otherwise: string): readonly string[] {
  return isSo ? [] : [otherwise];
}

/** Directories of the slots that agents and launchers run from; `launcher` is the first launcher itself. */
async function runningSlots(host: Host): Promise<Readonly<Record<Component, readonly string[]>>> {
  const slots: Record<Component, string[]> = { agent: [], launcher: [] };
  for (const { args } of await processesOf(host.root)) {
    const script = args[1] ?? '';
    if (script.endsWith('/lib/agent.cjs') && args.includes('run')) slots.agent.push(slotOf(script));
    if (script.endsWith('/lib/launcher.cjs') && !args.includes('--check'))
      slots.launcher.push(slotOf(script));
  }
  return slots;
}

function slotOf(script: string): string {
  return basename(dirname(dirname(script)));
}

/** Said of an order that never should come to the coordinator, or to its reader, in an ordinary life. */
const NEVER = ['output-missing', 'output-epoch', 'orphan-kept', 'quarantined', 'reopened'];

/** One end, told once, and no hole in what the host said. */
export async function requireOneEnd(
  fleet: RealFleet,
  ended: { readonly command: Command; readonly attempts: readonly Attempt[] },
): Promise<void> {
  const { command, attempts } = ended;
  const open = attempts.filter(({ outcome }) => outcome === null);
  const { entries } = await fleet.coordinator.client.listHistory({
    query: { agent: command.agent, limit: 200 },
  });
  const ends = entries.filter(
    ({ kind, commandId }) =>
      commandId === command.id && ['command-succeeded', 'command-failed'].includes(kind),
  );
  const strange = entries.filter(({ kind }) => NEVER.includes(kind)).map(({ kind }) => kind);
  const troubles = [
    ...claim(attempts.length === 1, `${attempts.length} attempts`),
    ...claim(open.length === 0, `${open.length} attempts have no end`),
    ...claim(ends.length === 1, `${ends.length} ends in the history`),
    ...claim(strange.length === 0, `in the history: ${strange.join(', ')}`),
  ];
  if (troubles.length > 0) throw new Error(`${command.agent}: ${troubles.join('; ')}`);
}

/** Nothing of what was being written stays for ever. */
export async function requireTidy(host: Host): Promise<void> {
  let left: readonly string[] = [];
  await until(
    `nothing of the cut is left on ${host.name}`,
    async () => {
      left = await leftovers(host);
      return left.length === 0;
    },
    { timeoutMs: TIDY_MS, detail: () => left.join('\n') },
  );
}

/** What kill -9 may leave for a while, and must not leave for ever: files that were being written. */
async function leftovers(host: Host): Promise<readonly string[]> {
  const names = await Promise.all(
    [host.layout.stateDir, host.layout.prefixDir].map((dir) => readdir(dir, { recursive: true })),
  );
  return names
    .flat()
    .filter((name) => /\.tmp$|\/work\.\d|\.staging\/(?:partial\/)?[^/]+\.\d+\./.test(name));
}
