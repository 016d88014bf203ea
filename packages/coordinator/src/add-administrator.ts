/*
 * The way back in where nobody has an administrator's token any more: on the machine of a coordinator that is stopped, by
 * whoever may write its database, and who therefore can do all of this already.
 */
import { CodedError } from '@moult/core/errors';
import { hasRepository } from '@moult/release/repository';
import type { Clock } from '@moult/runtime/clock';
import type { Random } from '@moult/runtime/random';
import { openSqliteStore, type Store } from '@moult/store';
import { finishRestore } from './backup/swap.ts';
import type { CoordinatorPaths } from './config.ts';
import { accessTokenText, newSecret, secretHashOf } from './http/tokens.ts';

export interface AddAdministratorOptions {
  readonly paths: CoordinatorPaths;
  /** New, or one that is there or was revoked. */
  readonly name: string;
  readonly why: string;
  readonly storeWorkerPath: string;
  readonly clock: Clock;
  readonly random: Random;
  /** This program's. */
  readonly version: string;
}

/**
 * Gives the text of its new token. Throws `database-locked` while the coordinator serves, `principal-exists`,
 * `coordinator-not-initialized`.
 */
export async function addAdministrator(options: AddAdministratorOptions): Promise<string> {
  const { paths, clock, version, storeWorkerPath: workerPath } = options;
  await finishRestore(paths);
  if (!(await hasRepository(paths.repositoryDir))) {
    throw new CodedError(
      'coordinator-not-initialized',
      `there is no coordinator in ${paths.stateDir}`,
    );
  }
  const store = await openSqliteStore({ path: paths.databasePath, workerPath });
  try {
    // RS3: what follows has positions that no lost history had.
    await store.write('beginRun', { nowMs: clock.nowMs(), version });
    return await admit(store, options);
  } finally {
    await store.close();
  }
}

async function admit(store: Store, options: AddAdministratorOptions): Promise<string> {
  const { name, why } = options;
  const order = { nowMs: options.clock.nowMs(), principal: 'coordinator', why };
  const secret = newSecret(options.random);
  const token = { ...order, secretHash: secretHashOf(secret), expiresMs: null };
  const known = (await store.read('allPrincipals', order)).find((one) => one.name === name);
  if (known === undefined || known.revoked_ms !== null) {
    const made = await store.write('addPrincipal', { ...token, name, role: 'admin' });
    return accessTokenText({ id: made.token.id, secret });
  }
  // The token first: a role that nobody can use would leave no administrator.
  const { id } = await store.write('createToken', {
    ...token,
    kind: 'access',
    subject: name,
    role: null,
  });
  await store.write('setPrincipalRole', { ...order, name, role: 'admin' });
  return accessTokenText({ id, secret });
}
