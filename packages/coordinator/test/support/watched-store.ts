import type { Store } from '@moult/store';

/** A store over another one, whose writes a test sees, delays or refuses. */
export class WatchedStore implements Store {
  around: (name: string, args: unknown, write: () => Promise<unknown>) => Promise<unknown> = (
    _name,
    _args,
    write,
  ) => write();
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  write: Store['write'] = (name, args) =>
    this.around(name, args, () => this.#store.write(name, args)) as never;

  read: Store['read'] = (name, args) => this.#store.read(name, args);

  get lost(): Promise<unknown> {
    return this.#store.lost;
  }

  close(): Promise<void> {
    return this.#store.close();
  }
}
