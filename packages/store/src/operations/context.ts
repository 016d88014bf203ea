import type { Kysely } from 'kysely';
import type { Database } from '../database.ts';

/** What a write works with: the transaction it is in, and chance from the engine's door. */
export interface WriteContext {
  readonly db: Kysely<Database>;
  /** A sortable id. */
  newId(nowMs: number): string;
  /** 32 random bytes, hex. */
  newNonce(): string;
}

/** What a read works with; a write may read as well. */
export type ReadContext = Kysely<Database>;

/** Who does it, when, and why: stored with every order. */
export interface Order {
  readonly nowMs: number;
  readonly principal: string;
  readonly why: string;
}

/** What is done by the coordinator itself. */
export const COORDINATOR = 'coordinator';
