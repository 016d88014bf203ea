/*
 * P6: the word of the host's owner, as the agent keeps it. Files are the truth, and are looked at again whenever something
 * depends on them; in between they are looked at every few seconds, so that the coordinator soon knows of a lock.
 */
import { CodedError } from '@moult/core/errors';
import {
  encodeOwnerWord,
  NO_WORD,
  type OwnerHold,
  type OwnerWord,
  ownerHoldOf,
  ownerMarks,
  postpone,
  readOwnerWord,
  type Said,
} from '@moult/core/owner-word';
import type { UpgradeOrder } from '@moult/core/upgrade';
import type { Clock } from '@moult/runtime/clock';
import type { Logger } from '@moult/runtime/logger';
import type { OwnerFiles } from '../ports.ts';
import { Bell, pause } from '../waiting.ts';

export interface OwnersWordOptions {
  readonly files: OwnerFiles;
  readonly clock: Clock;
  readonly log: Logger;
  /** What the agent says of itself has changed. */
  readonly onChange: () => void;
}

/** All that was said, for display. */
export interface OwnersSay extends OwnerWord {
  readonly marks: readonly OwnerHold[];
  readonly locks: readonly string[];
}

/** A file that was put there holds the next upgrade at once; this is how soon operators see it. */
const LOOK_MS = 5_000;
/** What the coordinator is told of it. */
const TEXT_LENGTH_MAX = 200;

export class OwnersWord {
  readonly #options: OwnersWordOptions;
  readonly #changed = new Bell();
  #say: OwnersSay = { ...NO_WORD, marks: [], locks: [] };
  #writing: Promise<unknown> = Promise.resolve();

  constructor(options: OwnersWordOptions) {
    this.#options = options;
  }

  /** As it was when somebody looked last. */
  get say(): OwnersSay {
    return this.#say;
  }

  /** For the report: who has said it, and why. */
  get facts(): readonly { readonly name: string; readonly value: string }[] {
    const { pin, postponement, marks, locks } = this.#say;
    const fact = (name: string, value: string) => ({
      name,
      value: value.slice(0, TEXT_LENGTH_MAX),
    });
    return marks.map((mark) => {
      if (mark === 'pinned' && pin !== null)
        return fact(mark, `${pin.version}${saidText(pin)}, since ${timeText(pin.sinceMs)}`);
      if (mark === 'postponed' && postponement !== null)
        return fact(mark, `until ${timeText(postponement.untilMs)}${saidText(postponement)}`);
      return fact(mark, locks.join(', '));
    });
  }

  /** What holds this order now; null: nothing. Looks at the files. */
  async holdOf(
    order: Pick<UpgradeOrder, 'component' | 'version' | 'isForced'>,
    currentVersion: string | null,
  ): Promise<OwnerHold | null> {
    await this.look();
    return ownerHoldOf(this.#say.marks, { ...order, currentVersion });
  }

  /** Resolves when something has changed. Rejects with the signal's reason. */
  changed(signal: AbortSignal): Promise<void> {
    return this.#changed.next(signal);
  }

  pin(ask: Said & { readonly version: string }): Promise<OwnersSay> {
    return this.#change((word, nowMs) => {
      const { by, why, version } = ask;
      return { ...word, pin: { by, why, version, sinceMs: nowMs } };
    });
  }

  unpin(): Promise<OwnersSay> {
    return this.#change((word) => ({ ...word, pin: null }));
  }

  /** Rejects with `postponed-too-long`. */
  postpone(ask: Said & { readonly forMs: number }): Promise<OwnersSay> {
    return this.#change((word, nowMs) => {
      const answer = postpone(word, { ...ask, nowMs });
      if (answer.kind === 'postponed') return answer.word;
      const until = timeText(answer.untilMs);
      throw new CodedError('postponed-too-long', `it may be postponed until ${until} at most`);
    });
  }

  /** Until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    do await this.look();
    while (await pause(this.#options.clock, LOOK_MS, signal));
  }

  async look(): Promise<OwnersSay> {
    const { files } = this.#options;
    const [text, locks] = await Promise.all([files.readWord(), files.locks()]);
    const word = readOwnerWord(text);
    // Whoever cannot tell what was said does nothing.
    if (word === null) return this.#take(NO_WORD, [...locks, `${files.wordPath} cannot be read`]);
    return this.#take(word, locks);
  }

  /** One after the other: each begins with what the one before has left. */
  #change(change: (word: OwnerWord, nowMs: number) => OwnerWord): Promise<OwnersSay> {
    const said = this.#writing.then(async () => {
      const { files, clock } = this.#options;
      const before = await files.readWord();
      const word = readOwnerWord(before);
      if (word === null) throw new CodedError('owner-word-unreadable', files.wordPath);
      const next = change(word, clock.nowMs());
      await files.writeWord(encodeOwnerWord(next, before));
      return this.look();
    });
    this.#writing = said.catch(() => undefined);
    return said;
  }

  #take(word: OwnerWord, locks: readonly string[]): OwnersSay {
    const { clock, log, onChange } = this.#options;
    const marks = ownerMarks({ word, isLocked: locks.length > 0, nowMs: clock.nowMs() });
    const say = { ...word, marks, locks };
    const isSame = JSON.stringify(say) === JSON.stringify(this.#say);
    this.#say = say;
    if (isSame) return say;
    log.info('the word of the owner', { marks, locks });
    this.#changed.ring();
    onChange();
    return say;
  }
}

function saidText({ by, why }: Said): string {
  return `${by === '' ? '' : `, ${by}`}${why === '' ? '' : `: ${why}`}`;
}

function timeText(atMs: number): string {
  return new Date(atMs).toISOString();
}
