/** Hosts that releases are made for. Windows and macOS would be more entries here, and nothing else in core. */
export const PLATFORMS = ['linux-x64', 'linux-arm64'] as const;

export type Platform = (typeof PLATFORMS)[number];

export function isPlatform(value: string): value is Platform {
  return (PLATFORMS as readonly string[]).includes(value);
}

/** The platform of a host from Node's `process.platform` and `process.arch`; null where no release is made. */
export function platformOf(host: { readonly os: string; readonly arch: string }): Platform | null {
  const name = `${host.os}-${host.arch}`;
  return isPlatform(name) ? name : null;
}
