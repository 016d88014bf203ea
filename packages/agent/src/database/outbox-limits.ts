import type { Amount } from './outbox-item.ts';

export interface OutboxLimits {
  /** What all items weigh, see `weightOf`. */
  readonly bytesMax: number;
  /** Of a record, while an agent runs. */
  readonly ageMsMax: number;
}

export const OUTBOX_LIMITS: OutboxLimits = {
  bytesMax: 256 * 1_048_576,
  ageMsMax: 7 * 86_400_000,
};

/** Items in a batch: far below the wire's limit; the coordinator stores a batch in one transaction. */
export const BATCH_ITEMS_MAX = 1_000;
export const BATCH_BYTES_MAX = 524_288;
/** Sent and not acknowledged. What they hold is never dropped, by this process or the next one. */
export const BATCHES_IN_FLIGHT_MAX = 4;

/** What lies on the disk: base64 makes four bytes of three, and a row has keys, names and an index entry. */
const ROW_BYTES = 128;

export function weightOf({ items, bytes }: Amount): number {
  return items * ROW_BYTES + (bytes * 4) / 3;
}
