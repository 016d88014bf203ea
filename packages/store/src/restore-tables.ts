/* Tables of what restores leave behind; conventions are those of database.ts. */

/** Since schema 3. Lives that began by a restore; the first life of a store has no row. */
export interface LifeTable {
  readonly generation: number;
  readonly from_generation: number;
  /** The last position of history that is left of the life before. */
  readonly from_position: number;
  /** Of the restore itself. */
  readonly position: number;
  readonly began_ms: number;
  /** `restored`: by command. `noticed`: an agent showed more than this store had. */
  readonly origin: 'restored' | 'noticed';
  readonly why: string;
  /** Null: everything holds until an operator adopts. */
  readonly adopted_ms: number | null;
  readonly adopted_by: string | null;
  readonly adopted_why: string | null;
}

/** Finishes of commands that this store does not know: after a restore, or of another coordinator. Kept, never dropped. */
export interface OrphanTable {
  readonly instance_id: string;
  readonly command_id: string;
  readonly attempt: number;
  readonly received_ms: number;
  readonly content: string;
}
