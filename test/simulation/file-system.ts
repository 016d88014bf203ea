/*
 * A disk with a memory in front of it. What was written is in memory until it is synced, and so is a name until
 * its directory is. A power cut leaves, of what was not synced, whatever the seed says: nothing, a torn part, all.
 */
import type { SeededRandom } from './seeded-random.ts';

interface Content {
  now: string;
  /** Null: never synced. */
  synced: string | null;
}

interface NameChange {
  readonly path: string;
  readonly content: Content | null;
}

export class FileSystem {
  readonly #random: SeededRandom;
  readonly #names = new Map<string, Content>();
  readonly #syncedNames = new Map<string, Content>();
  /** Changes of names since the last sync, by directory, in their order: a journal loses its tail. */
  readonly #unsynced = new Map<string, NameChange[]>();
  isFull = false;
  /** Raised with each change of what can be read. */
  revision = 0;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  read(path: string): string | null {
    return this.#names.get(path)?.now ?? null;
  }

  /** What a power cut now would leave for sure. */
  readSynced(path: string): string | null {
    return this.#syncedNames.get(path)?.synced ?? null;
  }

  list(dir: string): readonly string[] {
    const prefix = `${dir}/`;
    return [...this.#names.keys()]
      .filter((path) => path.startsWith(prefix) && !path.slice(prefix.length).includes('/'))
      .map((path) => path.slice(prefix.length))
      .sort();
  }

  write(path: string, text: string): void {
    if (this.isFull) throw new DiskFull(path);
    const content = this.#names.get(path);
    if (content === undefined) this.#name(path, { now: text, synced: null });
    else content.now = text;
    this.revision += 1;
  }

  sync(path: string): void {
    const content = this.#names.get(path);
    if (content !== undefined) content.synced = content.now;
  }

  rename(from: string, to: string): void {
    const content = this.#names.get(from);
    if (content === undefined) throw new Error(`no such file: ${from}`);
    this.#name(from, null);
    this.#name(to, content);
  }

  remove(path: string): void {
    if (this.#names.has(path)) this.#name(path, null);
  }

  syncDirectory(dir: string): void {
    for (const change of this.#unsynced.get(dir) ?? []) this.#settle(change);
    this.#unsynced.delete(dir);
  }

  /** Bits that rot: durable, and nobody wrote them. */
  damage(path: string, text: string): void {
    const content: Content = { now: text, synced: text };
    this.#names.set(path, content);
    this.#syncedNames.set(path, content);
    this.revision += 1;
  }

  syncAll(): void {
    for (const dir of [...this.#unsynced.keys()]) this.syncDirectory(dir);
    for (const path of this.#names.keys()) this.sync(path);
  }

  powerCut(): void {
    for (const changes of this.#unsynced.values()) {
      const kept = this.#random.between(0, changes.length);
      for (const change of changes.slice(0, kept)) this.#settle(change);
    }
    this.#unsynced.clear();
    this.#names.clear();
    for (const [path, content] of this.#syncedNames) {
      const now = content.synced === content.now ? content.now : this.#torn(content);
      const survivor: Content = { now, synced: now };
      this.#names.set(path, survivor);
      this.#syncedNames.set(path, survivor);
    }
    this.revision += 1;
  }

  #torn(content: Content): string {
    const { now, synced } = content;
    const part = now.slice(0, this.#random.between(0, now.length));
    return this.#random.pick([synced ?? '', part, now]);
  }

  #name(path: string, content: Content | null): void {
    if (content === null) this.#names.delete(path);
    else this.#names.set(path, content);
    const dir = path.slice(0, path.lastIndexOf('/'));
    const changes = this.#unsynced.get(dir) ?? [];
    changes.push({ path, content });
    this.#unsynced.set(dir, changes);
    this.revision += 1;
  }

  #settle(change: NameChange): void {
    if (change.content === null) this.#syncedNames.delete(change.path);
    else this.#syncedNames.set(change.path, change.content);
  }
}

export class DiskFull extends Error {
  override readonly name: string = 'DiskFull';
  readonly code = 'ENOSPC';

  constructor(path: string) {
    super(`no space left on device: ${path}`);
  }
}
