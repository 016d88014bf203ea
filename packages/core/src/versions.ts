import compare from 'semver/functions/compare.js';
import major from 'semver/functions/major.js';
import parse from 'semver/functions/parse.js';

/** Versions are SemVer 2.0.0 in canonical form: no leading `v`, no build metadata, at most 64 characters. */
export type Version = string;

const VERSION_LENGTH_MAX = 64;

export function isVersion(text: string): text is Version {
  return text.length <= VERSION_LENGTH_MAX && parse(text)?.version === text;
}

/** Ascending order by SemVer precedence; both must be versions. */
export function compareVersions(a: Version, b: Version): number {
  return compare(a, b);
}

export function newestFirst(versions: readonly Version[]): readonly Version[] {
  return [...versions].sort((a, b) => compare(b, a));
}

export function isMajorChange(change: { readonly from: Version; readonly to: Version }): boolean {
  return major(change.from) !== major(change.to);
}

export function majorOf(version: Version): number {
  return major(version);
}
