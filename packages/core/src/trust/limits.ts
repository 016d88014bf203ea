/**
 * How much metadata a client reads. The client's parser is quadratic (512 kB block it for 21 s, before any
 * signature is checked), so these are small, and publishing refuses what clients would refuse.
 */
export const TRUST_LIMITS = {
  /** A root with a dozen keys is 8 KiB. */
  rootBytesMax: 32_768,
  /** Names one file. */
  timestampBytesMax: 8_192,
  /** Some 200 bytes a role: 300 component majors. */
  snapshotBytesMax: 65_536,
  /** Some 180 bytes a release: 700 releases of one component and major version. Parses within 1.5 s. */
  roleBytesMax: 131_072,
  /** A host asleep through more root rotations is pinned anew. */
  rootRotationsMax: 64,
  /** Top-level targets and one delegation; two more leave room for a level between. */
  delegationsMax: 4,
  /** A document names one manifest a platform, some 100 bytes each. */
  documentBytesMax: 16_384,
  /** A worker that says nothing for so long is parsing something made to be slow. */
  workerQuietMs: 10_000,
  /** A whole refresh: 64 KiB at the least rate that a fetch may have, and more. */
  refreshMs: 120_000,
} as const;

/** Publishing warns here and refuses at the limit, so that somebody retires releases in time. */
export const LIMIT_WARN_SHARE = 0.75;

export interface MetadataSize {
  readonly role: string;
  readonly sizeBytes: number;
}

/** `within`, `near` (75 % and above) or `above` the limit of its role. */
export function sizeVerdict(size: MetadataSize): 'within' | 'near' | 'above' {
  const limit = metadataBytesMax(size.role);
  if (size.sizeBytes > limit) return 'above';
  return size.sizeBytes >= limit * LIMIT_WARN_SHARE ? 'near' : 'within';
}

/** The limit for a role by its TUF name; every name but the top-level ones is a targets role. */
export function metadataBytesMax(role: string): number {
  switch (role) {
    case 'root':
      return TRUST_LIMITS.rootBytesMax;
    case 'timestamp':
      return TRUST_LIMITS.timestampBytesMax;
    case 'snapshot':
      return TRUST_LIMITS.snapshotBytesMax;
    default:
      return TRUST_LIMITS.roleBytesMax;
  }
}
