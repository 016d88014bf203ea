/* What a published role may become: the next version, with everything that was published still in it. */
import { CodedError } from '@moult/core/errors';
import { sizeVerdict } from '@moult/core/trust';
import type { Metadata, Targets } from '@tufjs/models';
import type { Change } from './repository-change.ts';

export function versioned(
  name: string,
  text: string,
  metadata: Metadata<Targets>,
): Change['roles'][number] {
  const bytes = Buffer.from(text);
  if (sizeVerdict({ role: name, sizeBytes: bytes.length }) === 'above') {
    throw new CodedError(
      'metadata-too-large',
      `the metadata of ${name} is beyond what agents read`,
    );
  }
  return { name, bytes, version: metadata.signed.version };
}

/** Published targets never go or change by publishing: hosts may need them (RL15). */
export function requireSuccessor(options: {
  readonly name: string;
  readonly next: Metadata<Targets>;
  readonly current: Metadata<Targets> | null;
}): void {
  const { name, next, current } = options;
  const wanted = (current?.signed.version ?? 0) + 1;
  if (next.signed.version !== wanted) {
    throw new CodedError(
      'submission-conflict',
      `${name} was signed as version ${next.signed.version}, next is ${wanted}`,
    );
  }
  for (const [path, target] of Object.entries(current?.signed.targets ?? {})) {
    const kept = next.signed.targets[path];
    if (kept?.hashes['sha256'] === target.hashes['sha256']) continue;
    throw new CodedError(
      'release-exists',
      `${name}: ${path} is published already and would go or change`,
    );
  }
}

export function requireDelegationsKept(current: Metadata<Targets>, next: Metadata<Targets>): void {
  for (const name of Object.keys(current.signed.delegations?.roles ?? {})) {
    if (next.signed.delegations?.roles?.[name] !== undefined) continue;
    throw new CodedError('submission-invalid', `the new targets drop the role ${name}`);
  }
}
