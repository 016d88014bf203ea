/* `run` and `--probe` on the real host; also what `moult agent run` starts. */
import { PROBE_EXIT } from '@moult/core/boot';
import { CodedError, codedErrorFrom } from '@moult/core/errors';
import type { Layout } from '@moult/core/layout';
import { makeDirectoryDurably } from '@moult/runtime/files';
import { openLogger } from '@moult/runtime/logger';
import { createAgent } from './agent.ts';
import { composeAgent, composeHost } from './compose.ts';
import { readAgentConfig } from './config.ts';
import { takeLock } from './host/lock.ts';
import { ownSlot } from './host/own-slot.ts';
import { openInheritedChannel } from './launcher/fd-channel.ts';
import { probe } from './probe.ts';

export interface RunOptions {
  readonly layout: Layout;
  readonly flags?: Readonly<Record<string, string>>;
  /** Of this program's text; a slot's own manifest comes before it. */
  readonly version: string;
  readonly stop: AbortSignal;
}

/** Serves until the end; resolves to the exit code. Rejects with a coded error when it cannot begin. */
export async function runAgent(options: RunOptions): Promise<number> {
  const { layout, stop } = options;
  const config = await readAgentConfig(options);
  const log = openLogger({ level: config.logLevel, name: 'agent' });
  const launcher = openInheritedChannel();
  if (launcher === null) {
    throw new CodedError('launcher-missing', 'this process was not started by a launcher');
  }
  await makeDirectoryDurably(layout.stateDir, 0o700);
  const lock = await takeLock(layout);
  try {
    return await createAgent(await composeAgent({ layout, config, log, launcher })).run(stop);
  } finally {
    lock.release();
  }
}

/** Resolves to an exit code of PROBE_EXIT; whatever goes wrong means that nothing was reached. */
export async function runProbe(options: RunOptions): Promise<number> {
  const { layout, stop } = options;
  const log = openLogger({ level: 'info', name: 'probe' });
  try {
    const config = await readAgentConfig(options);
    const host = await composeHost({ layout, config, trustDir: `${layout.trustDir}-probe` });
    const slot = await ownSlot(process.argv[1] ?? '');
    const own = { version: slot?.version ?? options.version, digest: slot?.digest ?? '' };
    return await probe({ ...host, log, own }, stop);
  } catch (caught) {
    const error = codedErrorFrom(caught);
    log.error(error.message, { code: error.code, remedy: error.remedy });
    return PROBE_EXIT.notReached;
  }
}
