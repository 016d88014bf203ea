export {
  effectiveNow,
  isRenewalDue,
  LIFETIME_MS,
  nextFloor,
  nextOnlineVersion,
  type SignedRole,
} from './lifetime.ts';
export {
  LIMIT_WARN_SHARE,
  type MetadataSize,
  metadataBytesMax,
  sizeVerdict,
  TRUST_LIMITS,
} from './limits.ts';
export {
  type CheckedTarget,
  checkMetadata,
  checkReleaseDocument,
  checkTarget,
  type PolicyVerdict,
  type ReleaseName,
} from './policy.ts';
export {
  checkRootChain,
  isChainLong,
  lostBelow,
  type RootChain,
  type RootLink,
} from './root-chain.ts';
