// What end-to-end tests copy is made while the tests before them run: they would all wait for it, one core idle. Only for
// runs that have such tests; who comes before it is there waits for it, and says what is wrong with it.

import { prepareFleets } from './real-fleet.ts';

export function setup(): () => Promise<void> {
  const prepared = prepareFleets().then(
    () => undefined,
    () => undefined,
  );
  return () => prepared;
}
