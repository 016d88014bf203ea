import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import {
  type BootRecord,
  encodeBootRecord,
  firstRecord,
  type Slot,
  slotDirOf,
} from '@moult/core/boot';
import type { Component } from '@moult/core/component';
import { type Layout, layoutOf, versionsDirOf } from '@moult/core/layout';
import { encodeManifest, type Manifest } from '@moult/core/manifest';

/** Speaks the agent's end of the pipe. `on(message)` is a test's own; `print` reaches the launcher's log. */
const PRELUDE = readFileSync(new URL('../fixtures/agent-prelude.cjs', import.meta.url), 'utf8');

export interface FakeRelease {
  readonly component?: Component;
  readonly version: string;
  /** Script after the prelude, unless `isRaw`. */
  readonly script: string;
  readonly isRaw?: boolean;
  /** Content of `bin/node`; a link to this Node unless given. */
  readonly program?: { readonly bytes: string; readonly mode: number };
}

interface Content {
  readonly sha256: string;
  readonly length: number;
}

function contentOf(bytes: string | Buffer): Content {
  return {
    sha256: createHash('sha256').update(bytes).digest('hex'),
    length: Buffer.byteLength(bytes),
  };
}

let thisNode: Content | null = null;

/** A link to it stands for the runtime. Read once: it has a hundred megabytes. */
function contentOfThisNode(): Content {
  thisNode ??= contentOf(readFileSync(process.execPath));
  return thisNode;
}

/** A host's directories under a temporary root, removed by `dispose`. */
export class HostRoot implements Disposable {
  readonly root: string;
  readonly layout: Layout;

  constructor() {
    this.root = mkdtempSync(`${tmpdir()}/moult launcher `);
    this.layout = layoutOf(this.root);
    for (const dir of [this.layout.stateDir, this.layout.configDir, this.layout.firstLauncherDir]) {
      mkdirSync(dir, { recursive: true });
    }
    for (const component of ['agent', 'launcher'] as const) {
      mkdirSync(versionsDirOf(this.layout, component), { recursive: true });
    }
  }

  install(release: FakeRelease): Slot {
    const component = release.component ?? 'agent';
    const script = release.isRaw === true ? release.script : `${PRELUDE}\n${release.script}`;
    const scriptName = component === 'agent' ? 'lib/agent.cjs' : 'lib/launcher.cjs';
    const { program = null } = release;
    const contentOfProgram = program === null ? contentOfThisNode() : contentOf(program.bytes);
    const manifest: Manifest = {
      format: 1,
      component,
      version: release.version,
      platform: 'linux-x64',
      program: 'bin/node',
      script: scriptName,
      files: [
        { path: 'bin/node', ...contentOfProgram, executable: true },
        { path: scriptName, ...contentOf(script), executable: false },
      ],
      minimumLauncher: null,
      stateSchema: 1,
      readableSince: 1,
      probationMs: 5_000,
      irreversible: false,
      rehearses: false,
    };
    return this.#write({ manifest, script, scriptName, program });
  }

  #write(parts: {
    readonly manifest: Manifest;
    readonly script: string;
    readonly scriptName: string;
    readonly program: { readonly bytes: string; readonly mode: number } | null;
  }): Slot {
    const { manifest, script, scriptName, program } = parts;
    const text = encodeManifest(manifest);
    const digest = createHash('sha256').update(text).digest('hex');
    const slot = { version: manifest.version, digest, dir: slotDirOf(manifest.version, digest) };
    const dir = this.slotDir(slot, manifest.component);
    mkdirSync(`${dir}/bin`, { recursive: true });
    mkdirSync(`${dir}/lib`, { recursive: true });
    writeFileSync(`${dir}/manifest.json`, text);
    writeFileSync(`${dir}/${scriptName}`, script);
    if (program === null) symlinkSync(process.execPath, `${dir}/bin/node`);
    else {
      writeFileSync(`${dir}/bin/node`, program.bytes);
      chmodSync(`${dir}/bin/node`, program.mode);
    }
    return slot;
  }

  slotDir(slot: Slot, component: Component = 'agent'): string {
    return `${versionsDirOf(this.layout, component)}/${slot.dir}`;
  }

  record(): BootRecord {
    return JSON.parse(readFileSync(this.layout.bootRecordPath, 'utf8')) as BootRecord;
  }

  writeRecord(record: BootRecord | Slot): void {
    const whole = 'components' in record ? record : firstRecord(record);
    writeFileSync(this.layout.bootRecordPath, encodeBootRecord(whole));
  }

  copyFirstLauncher(scriptPath: string): void {
    const dir = this.layout.firstLauncherDir;
    mkdirSync(`${dir}/bin`, { recursive: true });
    mkdirSync(`${dir}/lib`, { recursive: true });
    symlinkSync(process.execPath, `${dir}/bin/node`);
    copyFileSync(scriptPath, `${dir}/lib/launcher.cjs`);
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}
