/*
 * One life of an agent process: learn from the launcher what was booted, serve, end with an exit code.
 */
import { EXIT, type Spawned } from '@moult/core/boot';
import { Ending, signalExitOf } from './ending.ts';
import { PipeClient } from './launcher/pipe-client.ts';
import type { AgentPorts } from './ports.ts';
import { Serving } from './serving.ts';

export interface Agent {
  /** Serves until told to stop or to make way. Resolves to the exit code; rejects for a defect: crash then. */
  run(stop: AbortSignal): Promise<number>;
}

export function createAgent(ports: AgentPorts): Agent {
  return {
    run: async (stop) => {
      const store = ports.openStore();
      const ending = new Ending();
      const pipe = new PipeClient({
        channel: ports.launcher,
        clock: ports.clock,
        log: ports.log,
        events: {
          onDial: () => serving?.dial(),
          onStop: () => ending.end(EXIT.stop),
          // Without its launcher nobody could roll it back: it must not outlive it.
          onClosed: () => ending.end(EXIT.stop),
        },
      });
      let serving: Serving | null = null;
      let spawned: Spawned | null = null;
      try {
        spawned = await pipe.spawned(stop);
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
