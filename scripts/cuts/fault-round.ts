/*
 * One fault: a fresh host, an upgrade, and at the word of its agent that a step begins the fault; it lasts a while and is
 * mended. While it lasts somebody who asks is told what is wrong, by name; afterwards the attempt comes to its one end,
 * done or given up, and another upgrade succeeds.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { UpgradeStep } from '@moult/core/upgrade';
import { GOOD } from '../../test/support/e2e-releases.ts';
import type { RealFleet } from '../../test/support/real-fleet.ts';
import type { Host } from '../fleet/host.ts';
import { moult } from '../fleet/moult.ts';
import { until } from '../fleet/until.ts';
import { beginFault, type Fault, mountDisk } from './faults.ts';
import { requireAtRest, requireOneEnd, requireTidy } from './host-at-rest.ts';

/** The agent's word for a step comes when the step was saved; `ordered`: before there is an order at all. */
export const FAULT_STEPS = [
  'ordered',
  'preflight',
  'fetching',
  'staged',
  'switching',
  'probation',
  'committing',
  'reporting',
] as const satisfies readonly (UpgradeStep | 'ordered')[];

export type FaultStep = (typeof FAULT_STEPS)[number];

export interface FaultCase {
  readonly fault: Fault;
  readonly step: FaultStep;
}

export interface FaultResult {
  readonly outcome: string;
  /** What was said of it while it lasted: lines that name it, by who said them. */
  readonly said: readonly string[];
}

const [SECOND, THIRD] = GOOD;
/** Longer than the pauses between tries of local work, shorter than those of preflight and fetching. */
const LASTS_MS = 10_000;
const STEP_MS = 30_000;
/** Preflight and fetching are tried again after a minute. */
const END_MS = 180_000;

/** How the faults are called where a person reads of them. */
const NAMED =
  /no space|is full|disk-(?:full|reserve)|ENOSPC|EDQUOT|read-only|EROFS|i\/o error|EIO|EMFILE|too many open files|unwritable|cannot (?:be )?(?:write|written|save|lock)/i;

export async function runFault(
  fleet: RealFleet,
  { fault, step }: FaultCase,
  options: {
    readonly name: string;
    readonly onLog?: ((lines: readonly string[]) => void) | undefined;
  },
): Promise<FaultResult> {
  const root = join(fleet.dir, options.name);
  const unmount = await mountDisk(root);
  const host = await fleet.host(options.name, { root });
  try {
    const entered = step === 'ordered' ? null : whenStep(host, step);
    const command = entered === null ? null : await fleet.order(host.name, SECOND);
    await entered;
    const from = host.lines.length;
    const begun = await beginFault(fault, host, { isOwn: unmount !== null });
    let said: readonly string[] = [];
    let ordered = command;
    try {
      ordered ??= await fleet.order(host.name, SECOND);
      await new Promise((resolve) => setTimeout(resolve, LASTS_MS));
      said = await whatIsSaid(fleet, host, from);
    } finally {
      await begun.mend();
    }
    const ended = await fleet.ended(ordered, END_MS);
    const isDone = ended.command.state === 'succeeded';
    await requireAtRest(fleet, host, { component: 'agent', version: isDone ? SECOND : '1.0.0' });
    await requireOneEnd(fleet, ended);
    const again = await fleet.upgrade(host.name, THIRD);
    if (again.command.state !== 'succeeded') {
      throw new Error(`the upgrade after it ended as ${JSON.stringify(again)}\n${host.tail()}`);
    }
    await requireAtRest(fleet, host, { component: 'agent', version: THIRD });
    await requireTidy(host);
    return { outcome: ended.command.code ?? ended.command.outcome ?? ended.command.state, said };
  } finally {
    await fleet.leave(host).catch(() => undefined);
    await unmount?.();
    await rm(root, { recursive: true, force: true });
    options.onLog?.(host.lines);
  }
}

async function whenStep(host: Host, step: UpgradeStep): Promise<void> {
  let isEntered = false;
  const stopListening = host.listen((line) => {
    isEntered ||= /"step":"([a-z-]+)".*"msg":"upgrade"/.exec(line)?.[1] === step;
  });
  try {
    await until(`${host.name} is ${step}`, () => isEntered, { timeoutMs: STEP_MS });
  } finally {
    stopListening();
  }
}

/** What an operator, the owner of the host and a reader of its log see. */
async function whatIsSaid(fleet: RealFleet, host: Host, from: number): Promise<readonly string[]> {
  const { coordinator } = fleet;
  const status = ['agent', 'status', '--root', host.root];
  const texts = {
    show: (await coordinator.moult(['agents', 'show', host.name])).stdout,
    history: (await coordinator.moult(['history', host.name])).stdout,
    why: (await coordinator.moult(['why', host.name])).stdout,
    status: (await moult(status, { homeDir: coordinator.dir })).stdout,
    log: host.lines.slice(from).join('\n'),
  };
  return Object.entries(texts).flatMap(([who, text]) => {
    const line = text.split('\n').find((one) => NAMED.test(one));
    return line === undefined ? [] : [`${who}: ${line.trim().slice(0, 300)}`];
  });
}
