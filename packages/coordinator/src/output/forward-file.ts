/*
 * A file as the target of a forward. What is in it says itself how far it goes: its last whole line has the position to go
 * on from, so that a crash between the file and the store's own mark repeats nothing. It may be rotated at any time.
 */
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { CodedError } from '@moult/core/errors';
import { codeOf, syncDirectory } from '@moult/runtime/files';
import type { ForwardSink, ResumeFacts } from './forwarder.ts';

/** A line is a record of half a MiB at most, and each of its bytes six of JSON. */
const LINE_BYTES_MAX = 8_388_608;
const NEWLINE = 0x0a;

export class ForwardFile implements ForwardSink {
  readonly target: string;
  readonly #path: string;

  constructor(path: string) {
    this.target = `file:${path}`;
    this.#path = path;
  }

  /** A file that is ahead of the store is of a life that was lost: then its word does not count, and lines may repeat. */
  async resume({ storedPosition, newestPosition }: ResumeFacts): Promise<number> {
    const position = await this.#guarded(() => this.#lastPosition());
    return position === null || position > newestPosition ? storedPosition : position;
  }

  deliver(lines: string): Promise<void> {
    return this.#guarded(async () => {
      const flags = constants.O_APPEND | constants.O_CREAT | constants.O_WRONLY;
      const file = await open(this.#path, flags, 0o600);
      try {
        const isNew = (await file.stat()).size === 0;
        await file.writeFile(lines);
        await file.sync();
        if (isNew) await syncDirectory(dirname(this.#path));
      } finally {
        await file.close();
      }
    });
  }

  /** Null: there is no line. A piece of one at its end is cut off. */
  async #lastPosition(): Promise<number | null> {
    let file: FileHandle;
    try {
      file = await open(this.#path, 'r+');
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return null;
      throw error;
    }
    try {
      const { size } = await file.stat();
      const length = Math.min(size, 2 * LINE_BYTES_MAX);
      const tail = Buffer.alloc(length);
      await file.read(tail, 0, length, size - length);
      const end = tail.lastIndexOf(NEWLINE) + 1;
      if (end < length) {
        await file.truncate(size - length + end);
        await file.sync();
      }
      if (end === 0) return null;
      const begin = end < 2 ? 0 : tail.lastIndexOf(NEWLINE, end - 2) + 1;
      return this.#positionIn(tail.subarray(begin, end).toString());
    } finally {
      await file.close();
    }
  }

  #positionIn(line: string): number {
    try {
      const { position } = JSON.parse(line) as { readonly position?: unknown };
      if (Number.isSafeInteger(position)) return Number(position);
    } catch {
      // Not JSON: said below.
    }
    throw new CodedError(
      'forward-failed',
      `the last line of ${this.#path} is not a line of output`,
    );
  }

  async #guarded<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (cause) {
      if (cause instanceof CodedError) throw cause;
      const text = cause instanceof Error ? cause.message : String(cause);
      throw new CodedError('forward-failed', `${this.#path}: ${text}`, { cause });
    }
  }
}
