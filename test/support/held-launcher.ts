import type { Host } from '../../scripts/fleet/host.ts';
import { signalPid } from '../../scripts/fleet/processes.ts';

/**
 * A launcher that answers nothing: its agent stays in the state that waits for an answer, for half a minute at most. It
 * takes that for a machine that was paused.
 */
export class HeldLauncher {
  readonly #pid: number;

  private constructor(pid: number) {
    this.#pid = pid;
  }

  static async of(host: Host): Promise<HeldLauncher> {
    const pid = await host.launcherPid();
    if (pid === null) throw new Error(`no launcher runs on ${host.name}`);
    return new HeldLauncher(pid);
  }

  /** Resolves when the host has said that it is at this step: there, or at the next that asks the launcher, it is held. */
  hold(host: Host, step: string): Promise<void> {
    return new Promise((resolve) => {
      const end = host.listen((line) => {
        if (!line.includes(`"step":"${step}"`)) return;
        signalPid(this.#pid, 'SIGSTOP');
        end();
        resolve();
      });
    });
  }

  release(): void {
    signalPid(this.#pid, 'SIGCONT');
  }
}
