export { CATALOGUE, type ErrorCode } from './catalogue.ts';
export { CodedError, type CodedErrorOptions, codedErrorFrom } from './coded-error.ts';
export type { CatalogueEntry } from './entry.ts';
export { HTTP_STATUS, type Status } from './status.ts';
export { type Told, toldIn } from './told.ts';
