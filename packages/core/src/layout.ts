/*
 * Where things are on a host. Frozen contract: units, launchers and agents of all versions agree on it.
 * Paths are built with `/`; a platform that differs gets its own table beside this one.
 */
import type { Component } from './component.ts';

export interface Layout {
  readonly prefixDir: string;
  /** Blobs that were carried to this host by hand, each under its sha256. */
  readonly dropDir: string;
  readonly firstLauncherDir: string;
  readonly configDir: string;
  readonly agentConfigPath: string;
  /** What the owner allows to be run here. */
  readonly tasksPath: string;
  /** The TUF root that enrollment pinned. */
  readonly pinnedRootPath: string;
  readonly caPath: string;
  /** Where enrollment keeps the password for a proxy that was given as text. */
  readonly proxyPasswordPath: string;
  readonly stateDir: string;
  /** For the owner's socket and locks; gone with a reboot. */
  readonly runDir: string;
  readonly ownerSocketPath: string;
  /** Any file in it forbids upgrades. */
  readonly locksDir: string;
  /** What the owner of the host has said about upgrades. */
  readonly ownerWordPath: string;
  readonly bootRecordPath: string;
  readonly agentDatabasePath: string;
  /** Unix socket where programs of the host hand in output. */
  readonly outputSocketPath: string;
  readonly lockPath: string;
  readonly holderPath: string;
  readonly identityKeyPath: string;
  readonly trustDir: string;
  /** Of V8, for each version of the agent; without it a start takes longer. */
  readonly compileCacheDir: string;
  /** What somebody had changed in slots that were replaced or removed (H16); its owner's to look through and remove. */
  readonly keptDir: string;
  /** Partial blobs and trees being staged; on the same file system as the slots. */
  readonly stagingDir: string;
}

/** Without a root: the paths of a system-wide installation; with one, the same below it. */
export function layoutOf(root: string | null): Layout {
  const base = root === null ? '' : root.replace(/\/+$/, '');
  const prefixDir = `${base}/opt/moult`;
  const configDir = `${base}/etc/moult`;
  const stateDir = `${base}/var/lib/moult`;
  const runDir = `${base}/run/moult`;
  return {
    prefixDir,
    dropDir: `${prefixDir}/drop`,
    firstLauncherDir: `${prefixDir}/launcher`,
    configDir,
    agentConfigPath: `${configDir}/agent.yaml`,
    tasksPath: `${configDir}/tasks.yaml`,
    pinnedRootPath: `${configDir}/trust-root.json`,
    caPath: `${configDir}/ca.pem`,
    proxyPasswordPath: `${stateDir}/proxy-password`,
    stateDir,
    runDir,
    ownerSocketPath: `${runDir}/agent.sock`,
    locksDir: `${runDir}/locks`,
    ownerWordPath: `${stateDir}/owner.json`,
    bootRecordPath: `${stateDir}/boot.json`,
    agentDatabasePath: `${stateDir}/agent.db`,
    outputSocketPath: `${stateDir}/output.sock`,
    lockPath: `${stateDir}/lock.db`,
    holderPath: `${stateDir}/holder.json`,
    identityKeyPath: `${stateDir}/identity.key`,
    trustDir: `${stateDir}/trust`,
    compileCacheDir: `${stateDir}/compile-cache`,
    keptDir: `${stateDir}/kept`,
    stagingDir: `${prefixDir}/versions/.staging`,
  };
}

export function versionsDirOf(layout: Layout, component: Component): string {
  return `${layout.prefixDir}/versions/${component}`;
}

/** Display links of what boot.json says, read only when boot.json cannot be. */
export function linkPathOf(
  layout: Layout,
  link: { readonly component: Component; readonly name: 'current' | 'previous' },
): string {
  const dir = `${layout.prefixDir}/versions`;
  return link.component === 'agent' ? `${dir}/${link.name}` : `${dir}/launcher-${link.name}`;
}
