import manifest from '../package.json' with { type: 'json' };

declare const __MOULT_VERSION__: string | undefined;

/** What a bundle was made as; in a checkout, what all of its packages bear. */
export const MOULT_VERSION: string =
  typeof __MOULT_VERSION__ === 'string' ? __MOULT_VERSION__ : manifest.version;
