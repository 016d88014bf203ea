/*
 * Group commit: a batch of writes, each in a savepoint, one COMMIT (one fsync), then all are answered. One that
 * fails takes only itself back; a failed COMMIT fails all of them. Nothing is answered before it is durable.
 */
import type { DatabaseSync } from 'node:sqlite';
import { CodedError, codedErrorFrom } from '@moult/core/errors';
import { newId, type Random } from '@moult/runtime/random';
import type { Kysely } from 'kysely';
import type { Database } from '../database.ts';
import type { WriteContext } from '../operations/context.ts';
import { WRITES } from '../operations/index.ts';
import { kyselyOver } from './adapter.ts';
import { databaseError, lockDatabase, openForWriting } from './open.ts';

export interface WriteRequest {
  readonly name: string;
  readonly args: unknown;
}

export type WriteAnswer =
  | { readonly isDone: true; readonly result: unknown }
  | {
      readonly isDone: false;
      readonly code: string;
      readonly message: string;
      readonly remedy: string;
    };

const NONCE_BYTES = 32;

type AnyWrite = (context: WriteContext, args: unknown) => Promise<unknown>;

export class WriteEngine {
  readonly #path: string;
  readonly #connection: DatabaseSync;
  readonly #lock: DatabaseSync;
  readonly #db: Kysely<Database>;
  readonly #context: WriteContext;

  private constructor(options: {
    readonly path: string;
    readonly connection: DatabaseSync;
    readonly lock: DatabaseSync;
    readonly random: Random;
  }) {
    this.#path = options.path;
    this.#connection = options.connection;
    this.#lock = options.lock;
    this.#db = kyselyOver(options.connection);
    this.#context = {
      db: this.#db,
      newId: (nowMs) => newId(nowMs, options.random),
      newNonce: () => Buffer.from(options.random.bytes(NONCE_BYTES)).toString('hex'),
    };
  }

  /** Throws `database-locked`, `database-corrupt`, `database-too-new`, `database-foreign`, `database-unwritable`. */
  static async open(path: string, random: Random): Promise<WriteEngine> {
    const lock = lockDatabase(path);
    try {
      return new WriteEngine({ path, connection: await openForWriting(path), lock, random });
    } catch (error) {
      lock.close();
      throw error;
    }
  }

  async runBatch(requests: readonly WriteRequest[]): Promise<readonly WriteAnswer[]> {
    try {
      this.#connection.exec('BEGIN IMMEDIATE');
      const answers: WriteAnswer[] = [];
      for (const request of requests) answers.push(await this.#runOne(request));
      this.#connection.exec('COMMIT');
      return answers;
    } catch (caught) {
      this.#rollBack();
      const answer = this.#failure(caught);
      return requests.map(() => answer);
    }
  }

  close(): void {
    this.#connection.close();
    this.#lock.close();
  }

  async #runOne(request: WriteRequest): Promise<WriteAnswer> {
    const write = (WRITES as unknown as Readonly<Record<string, AnyWrite>>)[request.name];
    if (write === undefined) {
      return this.#failure(new CodedError('internal', `there is no write ${request.name}`));
    }
    this.#connection.exec('SAVEPOINT one');
    try {
      const result = await write(this.#context, request.args);
      this.#connection.exec('RELEASE one');
      return { isDone: true, result };
    } catch (caught) {
      // A full disk ends the whole transaction, and with it the batch.
      if (!this.#connection.isTransaction) throw caught;
      this.#connection.exec('ROLLBACK TO one; RELEASE one;');
      return this.#failure(caught);
    }
  }

  #rollBack(): void {
    if (this.#connection.isTransaction) this.#connection.exec('ROLLBACK');
  }

  #failure(caught: unknown): WriteAnswer {
    const { code, message, remedy } = codedErrorFrom(databaseError(caught, this.#path));
    return { isDone: false, code, message, remedy };
  }
}
