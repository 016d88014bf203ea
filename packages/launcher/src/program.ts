/*
 * The launcher as a program. `first --root DIR` is what the unit starts; it becomes `run --root DIR --digest HEX` of
 * the chosen slot (the first launcher's argument contract: frozen). `--check` only proves that the program starts.
 */
import { spawn } from 'node:child_process';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { EVIDENCE_LIMITS, EXIT, type Slot } from '@moult/core/boot';
import { CodedError } from '@moult/core/errors';
import { type Layout, layoutOf, versionsDirOf } from '@moult/core/layout';
import { isSha256 } from '@moult/core/manifest';
import { systemClock } from '@moult/runtime/clock';
import { cleanEnvironment } from '@moult/runtime/environment';
import { messageOf } from './boot-store.ts';
import { claimState } from './claim.ts';
import { FileDisk, firstMissing, readManifest } from './file-disk.ts';
import { chooseFirst, type StartCheck } from './first.ts';
import { Launcher } from './launcher.ts';
import { readLines } from './lines.ts';
import { openLog } from './log.ts';
import type { LauncherLog } from './ports.ts';
import { isHostTrouble, ProcessSpawner } from './process-spawner.ts';
import { notifyEnvironment, openHost, readBootId } from './system-host.ts';

export interface LauncherArguments {
  readonly verb: 'first' | 'run' | 'check';
  readonly root: string | null;
  /** Digest of the slot that this program was started from; null: the first launcher itself. */
  readonly digest: string | null;
}

/** Throws `usage`. */
export function parseLauncherArguments(argv: readonly string[]): LauncherArguments {
  try {
    const { values, positionals } = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: { root: { type: 'string' }, digest: { type: 'string' }, check: { type: 'boolean' } },
    });
    if (values.check === true) return { verb: 'check', root: null, digest: null };
    const [verb, ...rest] = positionals;
    if ((verb !== 'first' && verb !== 'run') || rest.length > 0)
      throw new Error('say `first` or `run`');
    const digest = values.digest ?? null;
    if (digest !== null && !isSha256(digest)) throw new Error('--digest takes 64 hex digits');
    const root = values.root ?? null;
    if (root !== null && !root.startsWith('/')) throw new Error('--root takes an absolute path');
    return { verb, root, digest };
  } catch (cause) {
    throw new CodedError('usage', `launcher: ${messageOf(cause)}`, {
      cause,
      remedy: 'Use: launcher first|run [--root DIR]',
    });
  }
}

/**
 * B7. What the first launcher does before it catches signals: it becomes the chosen one, in which case it does not return. One that was
 * caught between the choice and the execve would be lost, and whoever asked wait until the launcher is killed.
 */
export async function becomeChosenFirst(argv: readonly string[]): Promise<void> {
  const { verb, root } = parseLauncherArguments(argv);
  if (verb !== 'first') return;
  const layout = layoutOf(root);
  const log = openLog();
  await claimState(layout, log);
  await becomeChosen({ layout, root, log });
}

/** What the launcher program does, up to its exit code. `scriptPath`: its own script, beside whose tree its manifest lies. */
export async function launcherMain(
  options: { readonly argv: readonly string[]; readonly scriptPath: string },
  stop: AbortSignal,
): Promise<number> {
  const { verb, root, digest } = parseLauncherArguments(options.argv);
  if (verb === 'check') return 0;
  const layout = layoutOf(root);
  const log = openLog();
  await claimState(layout, log);
  // Asked to stop before anything was started: nothing has to be.
  if (stop.aborted) return EXIT.stop;
  return await runHere(
    { layout, root, log, digest, version: await ownVersion(options.scriptPath) },
    stop,
  );
}

/** Does not return if another launcher than this program is chosen: the process becomes it. */
async function becomeChosen(own: {
  readonly layout: Layout;
  readonly root: string | null;
  readonly log: LauncherLog;
}): Promise<void> {
  const { layout, root, log } = own;
  const choice = await chooseFirst({
    disk: new FileDisk(layout),
    clock: systemClock,
    log,
    bootId: await readBootId(),
    checkStart: (slot) => checkStart(layout, slot),
  });
  if (choice.kind === 'stay') return;
  const found = await startOf(layout, choice.slot);
  if (found.kind === 'unstartable' || process.execve === undefined) return;
  const rootArguments = root === null ? [] : ['--root', root];
  const argv = [
    found.program,
    found.script,
    'run',
    ...rootArguments,
    '--digest',
    choice.slot.digest,
  ];
  process.execve(found.program, argv, { ...cleanEnvironment(notifyEnvironment()) });
}

async function runHere(
  own: {
    readonly layout: Layout;
    readonly root: string | null;
    readonly log: LauncherLog;
    readonly digest: string | null;
    readonly version: string;
  },
  stop: AbortSignal,
): Promise<number> {
  await using host = await openHost();
  const { layout, root, log, digest, version } = own;
  const launcher = new Launcher({
    disk: new FileDisk(layout),
    spawner: new ProcessSpawner({ layout, root, clock: systemClock }),
    clock: systemClock,
    host,
    log,
    self: { version, digest },
  });
  return await launcher.run(stop);
}

/** The tree around `<tree>/lib/launcher.cjs` has a manifest; one that was put there by hand may lack it. */
async function ownVersion(scriptPath: string): Promise<string> {
  const read = await readManifest(dirname(dirname(scriptPath))).catch(() => null);
  return read?.manifest.version ?? '0.0.0';
}

type Start =
  | { readonly kind: 'startable'; readonly program: string; readonly script: string }
  | Extract<StartCheck, { readonly kind: 'unstartable' }>;

async function startOf(layout: Layout, slot: Slot): Promise<Start> {
  const slotDir = `${versionsDirOf(layout, 'launcher')}/${slot.dir}`;
  try {
    const read = await readManifest(slotDir);
    if (read?.digest !== slot.digest) return unstartable(`${slotDir} has another manifest`);
    // A script that is empty would pass `--check`, and end the unit for good with 0.
    const missing = await firstMissing(slotDir, read.manifest);
    if (missing !== null) return unstartable(`${slotDir}/${missing} is not all there`);
    const { program, script } = read.manifest;
    return { kind: 'startable', program: `${slotDir}/${program}`, script: `${slotDir}/${script}` };
  } catch (caught) {
    return unstartable(messageOf(caught));
  }
}

/** A launcher that cannot say `--check` within this would not be READY in time either. */
const CHECK_MS = 20_000;

async function checkStart(layout: Layout, slot: Slot): Promise<StartCheck> {
  const start = await startOf(layout, slot);
  if (start.kind === 'unstartable') return start;
  return await new Promise((resolve) => {
    const logLines: string[] = [];
    const child = spawn(start.program, [start.script, '--check'], {
      cwd: '/',
      env: cleanEnvironment(),
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: CHECK_MS,
      killSignal: 'SIGKILL',
    });
    readLines(
      child.stderr,
      { bytesMax: EVIDENCE_LIMITS.logLineLengthMax, overlong: 'cut' },
      (line) => {
        if (logLines.length < EVIDENCE_LIMITS.logLinesMax) logLines.push(line);
      },
    );
    child.once('error', (error) =>
      resolve({ ...unstartable(error.message, logLines), isHostTrouble: isHostTrouble(error) }),
    );
    child.once('close', (code, signal) => {
      if (code === 0) resolve({ kind: 'startable' });
      else resolve(unstartable(`--check ended with ${signal ?? code}`, logLines));
    });
  });
}

function unstartable(
  why: string,
  logLines: readonly string[] = [],
): Extract<StartCheck, { kind: 'unstartable' }> {
  return { kind: 'unstartable', why, isHostTrouble: false, logLines };
}
