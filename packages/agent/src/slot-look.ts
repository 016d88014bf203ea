/*
 * H16: looks from time to time whether somebody has changed what is installed, and what is kept of earlier changes, so that people
 * see it before an upgrade replaces it. Every byte is read once in a life of the process, then only what was written to since.
 */
import { type Keeping, NO_CHANGES, type SlotChanges } from '@moult/core/changed-files';
import { COMPONENTS, type Component } from '@moult/core/component';
import type { BootView, UpgradeState } from '@moult/core/upgrade';
import type { Clock } from '@moult/runtime/clock';
import type { Logger } from '@moult/runtime/logger';
import type { Slots } from './ports.ts';
import { Bell, pause } from './waiting.ts';

export interface SlotLookOptions {
  readonly slots: Slots;
  readonly clock: Clock;
  readonly log: Logger;
  readonly parts: () => {
    readonly upgrader: { readonly state: UpgradeState };
    readonly view: BootView;
  };
  /** Something is other than it was. */
  readonly onChange: () => void;
}

/** A start, and the end of an upgrade, have better things to do than to read two runtimes. */
const LOOK_AFTER_MS = 20_000;

export class SlotLook {
  readonly #options: SlotLookOptions;
  readonly #asked = new Bell();
  #isAsked = true;
  readonly #found = new Map<
    Component,
    { readonly digest: string; readonly changes: SlotChanges }
  >();
  #kept: readonly Keeping[] = [];

  constructor(options: SlotLookOptions) {
    this.#options = options;
  }

  get kept(): readonly Keeping[] {
    return this.#kept;
  }

  /** Of what is committed, as far as it was looked at. */
  changesOf(component: Component): SlotChanges {
    const found = this.#found.get(component);
    const committed = this.#options.parts().view[component].committed;
    return found !== undefined && found.digest === committed?.digest ? found.changes : NO_CHANGES;
  }

  /** Soon, once for all who ask meanwhile. */
  look(): void {
    this.#isAsked = true;
    this.#asked.ring();
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    while (!signal.aborted) {
      if (!this.#isAsked) await this.#asked.next(signal).catch(() => undefined);
      if (!(await pause(clock, LOOK_AFTER_MS, signal))) return;
      this.#isAsked = false;
      // Asked again when it is.
      if (!this.#isIdle()) continue;
      try {
        await this.#lookNow(signal);
      } catch (error) {
        if (!signal.aborted)
          log.warn('what is installed was not looked at', { message: String(error) });
      }
    }
  }

  async #lookNow(signal: AbortSignal): Promise<void> {
    const { slots, log, parts, onChange } = this.#options;
    const before = this.#text();
    for (const component of COMPONENTS) {
      const { committed } = parts().view[component];
      if (committed === null) continue;
      const changes = await slots.changesOf(component, committed, { signal, isQuick: true });
      // A slot that makes way meanwhile looks as if everything in it were gone.
      if (!this.#isIdle()) return;
      this.#found.set(component, { digest: committed.digest, changes });
    }
    this.#kept = await slots.keepings();
    if (this.#text() === before) return;
    for (const component of COMPONENTS) {
      const { count, files } = this.changesOf(component);
      if (count > 0) log.warn('what is installed was changed by hand', { component, count, files });
    }
    onChange();
  }

  /** Nothing is staged, and nothing about to be. */
  #isIdle(): boolean {
    return this.#options.parts().upgrader.state.kind === 'idle';
  }

  #text(): string {
    return JSON.stringify([COMPONENTS.map((component) => this.changesOf(component)), this.#kept]);
  }
}
