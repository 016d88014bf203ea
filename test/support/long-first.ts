// The order of test files: the longest first, so that none begins last and runs alone while other workers have nothing
// to do. What is not listed goes by what vitest remembers, which in a fresh checkout is nothing.

import { BaseSequencer, type TestSpecification, type Vitest } from 'vitest/node';

export interface Sequencer {
  shard(files: TestSpecification[]): Promise<TestSpecification[]>;
  sort(files: TestSpecification[]): Promise<TestSpecification[]>;
}

/** A class, as vitest makes it itself. Paths end like those that are given. */
export function longFirst(paths: readonly string[]): new (vitest: Vitest) => Sequencer {
  const rankOf = ({ moduleId }: TestSpecification): number => {
    const rank = paths.findIndex((path) => moduleId.endsWith(`/${path}`));
    return rank === -1 ? paths.length : rank;
  };
  return class implements Sequencer {
    readonly #rest: BaseSequencer;

    constructor(vitest: Vitest) {
      this.#rest = new BaseSequencer(vitest);
    }

    shard(files: TestSpecification[]): Promise<TestSpecification[]> {
      return this.#rest.shard(files);
    }

    async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
      // Groups of projects run one after the other whatever the order is; within one it is kept as it comes.
      return (await this.#rest.sort(files)).sort((a, b) => rankOf(a) - rankOf(b));
    }
  };
}
