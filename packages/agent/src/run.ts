/* `run` and `--probe` on the real host; also what `moult agent run` starts. */
import { createSecureContext } from 'node:tls';
import { EXIT, PROBE_EXIT, REHEARSAL_EXIT } from '@moult/core/boot';
import { codedErrorFrom } from '@moult/core/errors';
import type { Layout } from '@moult/core/layout';
import { systemClock } from '@moult/runtime/clock';
import { cleanEnvironment, environmentVariable } from '@moult/runtime/environment';
import { makeDirectoryDurably } from '@moult/runtime/files';
import { type Logger, openLogger } from '@moult/runtime/logger';
import { becomeProgram } from '@moult/runtime/program';
import { createAgent } from './agent.ts';
import { composeAgent, composeHost } from './compose.ts';
import { readAgentConfig } from './config/agent-config.ts';
import { readInvocation } from './config/invocation.ts';
import { takeLock } from './database/lock.ts';
import { ownSlot } from './host/own-slot.ts';
import { requireOwnership } from './host/ownership.ts';
import { bootId } from './host/self.ts';
import { type FirstWord, isPrepared, openInheritedChannel } from './launcher/fd-channel.ts';
import { LogLines } from './owner/log-lines.ts';
import type { LauncherChannel } from './ports.ts';
import { probe } from './probe.ts';

export interface RunOptions {
  readonly layout: Layout;
  /** What `layout` was made of: passed on to the version that this process becomes. */
  readonly root: string | null;
  readonly flags?: Readonly<Record<string, string>>;
  /** Of this program's text; a slot's own manifest comes before it. */
  readonly version: string;
  readonly stop: AbortSignal;
}

/** Serves until the end; resolves to the exit code. Rejects with a coded error when it cannot begin. */
export async function runAgent(options: RunOptions): Promise<number> {
  const { layout, stop } = options;
  const inherited = openInheritedChannel();
  if (inherited !== null && isPrepared() && !(await isWanted(options, inherited))) {
    return EXIT.stop;
  }
  const config = await readAgentConfig(options);
  const lines = new LogLines();
  const log = openLogger({ level: config.logLevel, name: 'agent', listener: lines });
  await makeDirectoryDurably(layout.stateDir, 0o700);
  await requireOwnership(layout);
  const lock = await takeLock(layout);
  try {
    const launcher = inherited ?? (await withoutLauncher(options, log));
    if (launcher === null) return EXIT.stop;
    return await createAgent(await composeAgent({ layout, config, log, lines, launcher })).run(
      stop,
    );
  } finally {
    lock.release();
  }
}

/**
 * B20: everything that takes time and leaves no trace is done before it waits. False: its launcher has gone, or it was told to
 * stop, and nothing was touched.
 */
async function isWanted(options: RunOptions, launcher: FirstWord): Promise<boolean> {
  const { layout, stop } = options;
  const config = await readAgentConfig(options);
  const host = await composeHost({ layout, config, trustDir: layout.trustDir });
  const { ca } = await host.way();
  if (ca !== null) createSecureContext({ ca, minVersion: 'TLSv1.3' });
  launcher.post({ kind: 'prepared' });
  const stopped = new Promise<boolean>((resolve) => {
    stop.addEventListener('abort', () => resolve(false), { once: true });
    if (stop.aborted) resolve(false);
  });
  return await Promise.race([launcher.spoke, stopped]);
}

/** Becomes (execve) the version that the boot record names, unless this is it already. Null: it was asked to stop first. */
async function withoutLauncher(options: RunOptions, log: Logger): Promise<LauncherChannel | null> {
  const { layout, root } = options;
  const { chooseOwnBoot, chosenOwnBoot, ownChannel, programToBecome, startableBoot } = await import(
    './launcher/without-launcher.ts'
  );
  const chosen = environmentVariable(CHOSEN);
  const boot =
    chosen === null
      ? await startableBoot(layout, await chooseOwnBoot(layout, bootId()))
      : await chosenOwnBoot(layout, chosen);
  const program =
    chosen === null ? await programToBecome(layout, boot.slot, readInvocation().scriptPath) : null;
  log.warn('no launcher: a version that hangs is not rolled back, and nobody starts the next one', {
    slot: boot.slot.dir,
  });
  if (program !== null) {
    const argv = [program.program, program.script, 'run', '--root', root ?? 'system'];
    const env = cleanEnvironment({ [CHOSEN]: boot.slot.digest });
    await becomeProgram({ path: program.program, argv }, { env, stop: options.stop });
    if (options.stop.aborted) return null;
  }
  return ownChannel(layout, boot);
}

/** Tells the process that this one becomes what was chosen, so that its try is not counted twice. */
const CHOSEN = 'MOULT_OWN_BOOT';

/** Resolves to an exit code of PROBE_EXIT; whatever goes wrong means that nothing was reached. */
export async function runProbe(options: RunOptions): Promise<number> {
  const { layout, stop } = options;
  const log = openLogger({ level: 'info', name: 'probe' });
  try {
    const config = await readAgentConfig(options);
    const host = await composeHost({ layout, config, trustDir: `${layout.trustDir}-probe` });
    const slot = await ownSlot(readInvocation().scriptPath);
    const own = { version: slot?.version ?? options.version, digest: slot?.digest ?? '' };
    const { 'web-socket': webSocket, https } = host.transports;
    return await probe({ ...host, transports: [webSocket, https], log, own }, stop);
  } catch (caught) {
    const error = codedErrorFrom(caught);
    log.error(error.message, { code: error.code, remedy: error.remedy });
    return PROBE_EXIT.notReached;
  }
}

/**
 * Resolves to an exit code of REHEARSAL_EXIT; says on standard output why it did not pass. Nothing of the host changes but
 * a copy of the metadata of its own, and V8's cache.
 */
export async function runRehearsal(options: RunOptions): Promise<number> {
  const { layout, stop } = options;
  const log = openLogger({ level: 'info', name: 'rehearsal' });
  const { rehearse } = await import('./rehearsal.ts');
  const { rehearsalSteps } = await import('./rehearsal-steps.ts');
  const slot = await ownSlot(readInvocation().scriptPath);
  const own = { version: slot?.version ?? options.version, digest: slot?.digest ?? '' };
  const steps = rehearsalSteps({ layout, readConfig: () => readAgentConfig(options), own, log });
  const verdict = await rehearse(steps, { clock: systemClock, log, stop });
  process.stdout.write(`${verdict.detail.replaceAll('\n', ' ')}\n`);
  return REHEARSAL_EXIT[verdict.outcome];
}
