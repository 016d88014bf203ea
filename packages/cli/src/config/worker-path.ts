import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** A bundle has its workers beside itself; null in a checkout, where each package knows its own. */
export function bundledWorkerPath(name: string): string | null {
  const path = fileURLToPath(new URL(`./${name}.cjs`, import.meta.url));
  return existsSync(path) ? path : null;
}
