import { dirname } from 'node:path';

/** The checkout. Scripts run from any directory and from a path with blanks. */
export const ROOT_DIR: string = dirname(import.meta.dirname);
