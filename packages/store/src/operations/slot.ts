/** A version of a component on a host, by the digest of its manifest. */
export interface Slot {
  readonly version: string;
  readonly digest: string;
}
