/* What an upgrade waits for on its host before it takes it from its work (H10, P5). */
import { attemptIdOf, type UpgradeOrder } from '@moult/core/upgrade';
import type { AgentFrame } from '@moult/protocol';
import { ownerHoldOn } from '../owner/consent.ts';
import type { WorkResult } from './upgrader.ts';
import type { WorkerOptions } from './workers.ts';

type DrainingOptions = Pick<
  WorkerOptions,
  'clock' | 'log' | 'desk' | 'owner' | 'view' | 'link' | 'quiet' | 'isBusy' | 'idle'
>;

/** U25: a soft upgrade asks for nothing while a task runs. */
export async function whenIdle(
  options: DrainingOptions,
  order: UpgradeOrder,
  signal: AbortSignal,
): Promise<void> {
  if (order.pace !== 'soft') return;
  let wasBusy = false;
  const tell = (holdReason: string) =>
    options.link.send(waitingAt(order, { step: 'rehearsed', holdReason }));
  await options.idle({
    signal,
    onBusy: () => {
      wasBusy = true;
      tell('busy');
    },
  });
  if (wasBusy) tell('');
}

export async function drain(
  options: DrainingOptions,
  order: UpgradeOrder,
  signal: AbortSignal,
): Promise<WorkResult> {
  // U25: a task has begun before its answer came. It goes on, and so does the host.
  const isTooLate = order.pace === 'soft' && options.isBusy();
  // H10: tasks that run are waited for.
  const onBusy = () =>
    void options.link.send(waitingAt(order, { step: 'draining', holdReason: 'busy' }));
  if (!isTooLate) await options.quiet({ signal, onBusy });
  // A8: tasks may have run for hours.
  const reason = isTooLate ? 'busy' : await ownerHoldOn(options, order);
  if (reason === null) return options.desk.ask({ ...order, point: 'switch' }, signal);
  const about = { attemptId: attemptIdOf(order), nowMs: options.clock.nowMs() };
  return { kind: 'permission-denied', point: 'switch', ...about, reason, isFinal: false };
}

/** So that people see what an upgrade waits for. */
function waitingAt(
  { commandId, attempt }: UpgradeOrder,
  at: { readonly step: string; readonly holdReason: string },
): AgentFrame {
  const rest = { detail: '', bytesDone: 0, bytesTotal: 0 };
  return { kind: 'progress', message: { commandId, attempt, ...at, ...rest } };
}
