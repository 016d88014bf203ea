// The trust worker as it is, out of the cache of compiled sources. A client gives its worker no environment, which
// would say where that is, and stripping types anew takes longer than the rest of most tests here.
import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

enableCompileCache(fileURLToPath(new URL('../../../../.cache/compiled', import.meta.url)));
await import('../../src/trust-worker.ts');
