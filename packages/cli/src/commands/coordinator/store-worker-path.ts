import { bundledWorkerPath } from '../../config/worker-path.ts';

export async function storeWorkerPath(): Promise<string> {
  const { sourceWorkerPath } = await import('@moult/store');
  return bundledWorkerPath('store-worker') ?? sourceWorkerPath();
}
