import type { Reads, Writes } from './operations/index.ts';

export type WriteName = keyof Writes;
export type ReadName = keyof Reads;
export type WriteArgs<N extends WriteName> = Parameters<Writes[N]>[1];
export type WriteResult<N extends WriteName> = Awaited<ReturnType<Writes[N]>>;
export type ReadArgs<N extends ReadName> = Parameters<Reads[N]>[1];
export type ReadResult<N extends ReadName> = Awaited<ReturnType<Reads[N]>>;

/**
 * The coordinator's store: named operations, so that every engine has the same ones. A write is one transaction; it
 * resolves when it is durable. A read that starts after a write resolved sees it.
 */
export interface Store {
  write<N extends WriteName>(name: N, args: WriteArgs<N>): Promise<WriteResult<N>>;
  read<N extends ReadName>(name: N, args: ReadArgs<N>): Promise<ReadResult<N>>;
  /** Resolves with the cause when the store can never write again; its process must end then and be started anew. */
  readonly lost: Promise<unknown>;
  /** Writes that were submitted are finished first. Idempotent. */
  close(): Promise<void>;
}
