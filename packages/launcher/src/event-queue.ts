/** First in, first out, one reader. Bounded for what comes from outside; ends and ticks of our own always fit. */
export class EventQueue<T> {
  readonly #waitingMax: number;
  readonly #items: T[] = [];
  #reader: ((item: T) => void) | null = null;

  constructor(waitingMax: number) {
    this.#waitingMax = waitingMax;
  }

  /** False: the queue is full and the item was dropped. */
  push(item: T): boolean {
    if (this.#reader === null && this.#items.length >= this.#waitingMax) return false;
    this.pushAlways(item);
    return true;
  }

  pushAlways(item: T): void {
    const reader = this.#reader;
    if (reader === null) {
      this.#items.push(item);
      return;
    }
    this.#reader = null;
    reader(item);
  }

  next(): Promise<T> {
    const item = this.#items.shift();
    if (item !== undefined) return Promise.resolve(item);
    return new Promise((resolve) => {
      this.#reader = resolve;
    });
  }
}
