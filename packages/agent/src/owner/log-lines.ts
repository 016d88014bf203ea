/** The last lines of the agent's log, for who asks on the host; what was before them is where the launcher's output goes. */
import { LOG_LINES_MAX } from './asks.ts';

const BYTES_MAX = 262_144;

export class LogLines {
  #lines: string[] = [];
  #length = 0;
  readonly #followers = new Set<(line: string) => void>();

  write(text: string): void {
    const line = text.trimEnd();
    this.#lines.push(line);
    this.#length += line.length;
    while (this.#lines.length > LOG_LINES_MAX || this.#length > BYTES_MAX) {
      this.#length -= this.#lines.shift()?.length ?? 0;
    }
    for (const follower of [...this.#followers]) follower(line);
  }

  last(count: number): readonly string[] {
    return count === 0 ? [] : this.#lines.slice(-count);
  }

  /** Until the signal aborts. */
  follow(onLine: (line: string) => void, signal: AbortSignal): Promise<void> {
    this.#followers.add(onLine);
    return new Promise((resolve) => {
      const end = () => {
        this.#followers.delete(onLine);
        resolve();
      };
      if (signal.aborted) end();
      else signal.addEventListener('abort', end, { once: true });
    });
  }
}
