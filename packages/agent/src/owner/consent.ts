/*
 * P6: before anything of the host is touched, and again before tasks are stopped, an order waits for its owner. So long only,
 * that others of its group are not held up: then its attempt is over, and what the owner said keeps the coordinator from the next.
 */
import { CodedError } from '@moult/core/errors';
import type { OwnerHold } from '@moult/core/owner-word';
import type { BootView, UpgradeOrder } from '@moult/core/upgrade';
import type { Clock } from '@moult/runtime/clock';
import type { Logger } from '@moult/runtime/logger';
import type { Link } from '../session/link.ts';
import { type Bell, pause } from '../waiting.ts';
import type { OwnersWord } from './owners-word.ts';

export interface ConsentOptions {
  readonly owner: OwnersWord;
  readonly clock: Clock;
  readonly log: Logger;
  readonly link: Pick<Link, 'send'>;
  readonly sessionOpened: Bell;
  readonly view: () => BootView;
}

/** As long as an upgrade goes before all else (H9). */
const HELD_MS_MAX = 600_000;

/** What holds it now; null: nothing. A forced order over the owner's word is said in the log. */
export async function ownerHoldOn(
  options: Pick<ConsentOptions, 'owner' | 'view' | 'log'>,
  order: UpgradeOrder,
): Promise<OwnerHold | null> {
  const current = options.view()[order.component].committed?.version ?? null;
  const hold = await options.owner.holdOf(order, current);
  if (!order.isForced) return hold;
  const overridden = await options.owner.holdOf({ ...order, isForced: false }, current);
  if (overridden !== null) {
    const { commandId, version } = order;
    options.log.warn('an upgrade is forced over the word of the owner', {
      commandId,
      version,
      overridden,
    });
  }
  return null;
}

/** Resolves when nothing holds it. Rejects with `held-by-owner` when it was held for too long. */
export async function ownersConsent(
  options: ConsentOptions,
  order: UpgradeOrder,
  step: string,
  signal: AbortSignal,
): Promise<void> {
  const { owner, clock, link, sessionOpened } = options;
  const sinceMs = clock.monotonicMs();
  const tell = (holdReason: string) => {
    const { commandId, attempt } = order;
    const detail = holdReason === '' ? '' : heldText(owner, holdReason);
    const bytes = { bytesDone: 0, bytesTotal: 0 };
    link.send({
      kind: 'progress',
      message: { commandId, attempt, step, detail, holdReason, ...bytes },
    });
  };
  let hold = await ownerHoldOn(options, order);
  if (hold === null) return;
  while (hold !== null) {
    tell(hold);
    const leftMs = sinceMs + HELD_MS_MAX - clock.monotonicMs();
    if (leftMs <= 0) throw new CodedError('held-by-owner', `${hold}: ${heldText(owner, hold)}`);
    const done = new AbortController();
    const either = AbortSignal.any([done.signal, signal]);
    await Promise.race([
      owner.changed(either).catch(() => undefined),
      // Whoever has a new session knows nothing of what was said in the one before.
      sessionOpened.next(either).catch(() => undefined),
      pause(clock, leftMs, either),
    ]);
    done.abort(new Error('waited'));
    signal.throwIfAborted();
    hold = await ownerHoldOn(options, order);
  }
  tell('');
}

function heldText(owner: OwnersWord, hold: string): string {
  return owner.facts.find(({ name }) => name === hold)?.value ?? '';
}
