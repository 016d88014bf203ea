export { loadRecord, rewriteLinks } from './boot-store.ts';
export { FileDisk } from './file-disk.ts';
export {
  chooseFirst,
  type FirstChoice,
  type FirstLauncherPorts,
  type StartCheck,
} from './first.ts';
export { Launcher, type LauncherOptions } from './launcher.ts';
export type {
  AgentEnd,
  AgentListener,
  AgentProcess,
  BootDisk,
  Host,
  LauncherLog,
  LauncherPorts,
  LinkName,
  RehearsalResult,
  Spawner,
  SpawnResult,
} from './ports.ts';
export { ProcessSpawner, readStartTime } from './process-spawner.ts';
export { type LauncherArguments, launcherMain, parseLauncherArguments } from './program.ts';
export { FIRST_LAUNCHER, firstLauncherCommand, type UnitOptions, unitText } from './unit.ts';
