import type { Component } from '@moult/core/component';
import { type Layout, layoutOf, linkPathOf, versionsDirOf } from '@moult/core/layout';

export const LAYOUT: Layout = layoutOf('/host');

/** A slot is one file here: its manifest, which stands for the whole tree. */
export function slotPathOf(component: Component, dir: string): string {
  return `${versionsDirOf(LAYOUT, component)}/${dir}`;
}

export function linkPath(component: Component, name: 'current' | 'previous'): string {
  return linkPathOf(LAYOUT, { component, name });
}

export function dirOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'));
}
