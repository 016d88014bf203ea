/* Rounds side by side, with a line for each that ends, and at the end how many failed. */

export interface Round {
  /** In a line: `fsync 12 of 62, process`. */
  readonly title: string;
  /** The command that repeats it alone. */
  readonly command: string;
  /** Resolves to what there is to say of it; rejects when it failed. */
  readonly run: () => Promise<string>;
}

export interface Rounds {
  readonly rounds: readonly Round[];
  /** How many at once. */
  readonly jobs: number;
  /** No round begins after this long. */
  readonly budgetMs: number;
  /** Aborted: none begins any more; those that began come to their end. */
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
}

export interface Tally {
  readonly done: number;
  readonly failed: number;
  /** Where to go on when the time was over before the rounds were; null: all were run. */
  readonly next: Round | null;
}

export async function runRounds({ rounds, jobs, budgetMs, signal, say }: Rounds): Promise<Tally> {
  const startedMs = performance.now();
  const queue = rounds.values();
  let done = 0;
  let failed = 0;
  let next: Round | null = null;
  const worker = async (): Promise<void> => {
    for (const round of queue) {
      if (signal.aborted || performance.now() - startedMs > budgetMs) {
        next ??= round;
        return;
      }
      const beganMs = performance.now();
      const end = await round.run().then(
        (said) => ({ isGood: true, said }),
        (caught: unknown) => ({ isGood: false, said: textOf(caught) }),
      );
      done += 1;
      if (!end.isGood) failed += 1;
      const passedMs = performance.now() - startedMs;
      const leftS = ((passedMs / done) * (rounds.length - done)) / 1_000;
      const tookS = (performance.now() - beganMs) / 1_000;
      const counts = `[${done}/${rounds.length}, ${failed} failed, ${timeText(leftS)} left]`;
      say(
        `${counts} ${round.title}: ${end.isGood ? 'good' : 'FAILED'} in ${tookS.toFixed(1)} s${end.isGood ? `, ${end.said}` : ''}`,
      );
      if (!end.isGood) say(`${end.said}\nrepeat it: ${round.command}`);
    }
  };
  await Promise.all(Array.from({ length: jobs }, worker));
  return { done, failed, next };
}

function timeText(seconds: number): string {
  return seconds < 90 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`;
}

function textOf(caught: unknown): string {
  if (!(caught instanceof Error)) return String(caught);
  return caught.cause === undefined ? caught.message : `${caught.message}\n${textOf(caught.cause)}`;
}
