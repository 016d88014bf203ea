/* What releases there are in a life, and what each of them does when it runs. */
import { createHash } from 'node:crypto';
import { type Slot, slotDirOf } from '@moult/core/boot';
import type { Component } from '@moult/core/component';
import { encodeManifest, type Manifest } from '@moult/core/manifest';

export const AGENT_CHARACTERS = [
  'good',
  'unstartable',
  'crashes-at-start',
  'crashes-later',
  'stops-by-itself',
  'hangs-at-start',
  'hangs-later',
  'deaf',
  'cannot-upgrade',
  'unwell',
  'unpublished',
] as const;

export const LAUNCHER_CHARACTERS = [
  'good',
  'unstartable',
  'crashes-at-start',
  'crashes-later',
  'hangs',
  'cannot-spawn',
] as const;

export type AgentCharacter = (typeof AGENT_CHARACTERS)[number];
export type LauncherCharacter = (typeof LAUNCHER_CHARACTERS)[number];
export type Character = AgentCharacter | LauncherCharacter;

/** *Two-faced*: passes, and goes wrong when it serves. */
export const REHEARSALS = ['none', 'honest', 'two-faced'] as const;

export interface SimRelease {
  readonly component: Component;
  readonly character: Character;
  readonly rehearsal: (typeof REHEARSALS)[number];
  readonly slot: Slot;
  readonly manifest: Manifest;
  /** What `manifest.json` holds; stands for the whole tree. */
  readonly text: string;
  /** When a version that goes wrong later does so, in ms after its start. */
  readonly laterMs: number;
}

const UNFIT: ReadonlySet<Character> = new Set<Character>([
  'unstartable',
  'crashes-at-start',
  'hangs-at-start',
  'deaf',
  'cannot-upgrade',
]);

/** No rehearsal of it passes, however well the world is. */
export function isUnfit(release: SimRelease | null): boolean {
  if (release === null || !release.manifest.rehearses) return false;
  return (
    UNFIT.has(release.character) &&
    (release.rehearsal === 'honest' || release.character === 'unstartable')
  );
}

export class Releases {
  readonly #byDigest = new Map<string, SimRelease>();

  add(wanted: {
    readonly component: Component;
    readonly version: string;
    readonly character: Character;
    readonly rehearsal: SimRelease['rehearsal'];
    readonly laterMs: number;
    readonly probationMs: number;
  }): SimRelease {
    const { component, version, character, rehearsal, laterMs, probationMs } = wanted;
    const program = { path: 'bin/node', sha256: sha256('runtime'), length: 1, executable: true };
    const scriptPath = `lib/${component}.cjs`;
    const script = { path: scriptPath, sha256: sha256(version), length: 1, executable: false };
    const manifest: Manifest = {
      format: 1,
      component,
      version,
      platform: 'linux-x64',
      program: program.path,
      script: script.path,
      files: [program, script],
      minimumLauncher: null,
      stateSchema: 1,
      readableSince: 1,
      probationMs,
      irreversible: false,
      rehearses: component === 'agent' && rehearsal !== 'none',
    };
    const text = encodeManifest(manifest);
    const digest = sha256(text);
    const slot: Slot = { version, digest, dir: slotDirOf(version, digest) };
    const release: SimRelease = {
      ...{ component, character, rehearsal, slot, manifest, text, laterMs },
    };
    this.#byDigest.set(digest, release);
    return release;
  }

  ofDigest(digest: string): SimRelease | null {
    return this.#byDigest.get(digest) ?? null;
  }

  find(component: Component, version: string): SimRelease | null {
    for (const release of this.#byDigest.values()) {
      if (release.component === component && release.slot.version === version) return release;
    }
    return null;
  }
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
