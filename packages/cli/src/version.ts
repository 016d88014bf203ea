import manifest from '../package.json' with { type: 'json' };

/** All packages of a checkout bear one version, which is Moult's. */
export const MOULT_VERSION: string = manifest.version;
