/*
 * The TUF target of a release: `releases/<component>/<version>.json`, signed by the delegated role
 * `<component>-<major>`. It names the manifest of each platform by hash; manifests and files are blobs,
 * fetched by hash from `/blobs/sha256/<hex>`. Frozen contract.
 */
import type { Component } from './component.ts';
import type { Platform } from './platform.ts';
import { majorOf, type Version } from './versions.ts';

export interface ReleaseDocument {
  readonly format: 1;
  readonly component: Component;
  readonly version: Version;
  readonly manifests: Readonly<
    Partial<Record<Platform, { readonly sha256: string; readonly length: number }>>
  >;
}

export function targetPathOf(component: Component, version: Version): string {
  return `releases/${component}/${version}.json`;
}

/** One delegated role per component and major version: metadata stays small. */
export function roleNameOf(component: Component, version: Version): string {
  return `${component}-${majorOf(version)}`;
}

/** Where metadata and blobs lie below the coordinator's address, or any static file server's. */
export const TUF_PATH = '/tuf';
export const BLOBS_PATH = '/blobs/sha256';
