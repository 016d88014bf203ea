/*
 * One life of an agent process: learn from the launcher what was booted, serve, end with an exit code.
 */
import { EXIT, type Spawned } from '@moult/core/boot';
import { noteCommitted } from './database/committed-since.ts';
import { type AgentStore, isDiskTrouble } from './database/index.ts';
import { Ending, signalExitOf } from './ending.ts';
import { PipeClient } from './launcher/pipe-client.ts';
import type { AgentPorts } from './ports.ts';
import { Serving } from './serving.ts';

/** A new launcher, which is there after two seconds, gives the process that it finds ten. */
const ORPHAN_GRACE_MS = 10_000;

/** A disk that does not take it leaves the time unknown (P11). */
function noteFound({ clock }: AgentPorts, { meta }: AgentStore, spawned: Spawned): void {
  try {
    noteCommitted(meta, spawned.components.agent.committed, clock.nowMs());
  } catch (error) {
    if (!isDiskTrouble(error)) throw error;
  }
}

export interface Agent {
  /** Serves until told to stop or to make way. Resolves to the exit code; rejects for a defect: crash then. */
  run(stop: AbortSignal): Promise<number>;
}

export function createAgent(ports: AgentPorts): Agent {
  return {
    run: async (stop) => {
      const store = ports.openStore();
      if (store.setAsidePath !== null) {
        const keptAt = store.setAsidePath;
        ports.log.error('agent.db could not be read; a new one was begun', { keptAt });
      }
      const ending = new Ending();
      const pipe = new PipeClient({
        channel: ports.launcher,
        clock: ports.clock,
        log: ports.log,
        events: {
          onDial: () => serving?.dial(),
          onStop: (graceMs) => ending.end(EXIT.stop, graceMs),
          onProbed: (reached) => serving?.probed(reached),
          // Without its launcher nobody could roll it back: it must not outlive it.
          onClosed: () => ending.end(EXIT.stop, ORPHAN_GRACE_MS),
        },
      });
      let serving: Serving | null = null;
      let spawned: Spawned | null = null;
      try {
        spawned = await pipe.spawned(stop);
        noteFound(ports, store, spawned);
        serving = new Serving({ ports, store, pipe, spawned, ending });
        return await serving.run(stop);
      } catch (error) {
        if (stop.aborted) return signalExitOf(spawned);
        throw error;
      } finally {
        pipe.close();
        store.close();
      }
    },
  };
}
