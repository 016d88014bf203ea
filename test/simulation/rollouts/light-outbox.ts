/* What a light agent has to say durably: ends, until they are acknowledged. Always from the first that is not. */
import type { AgentFrame, FinishMessage } from '@moult/protocol';

export class LightOutbox {
  readonly #send: (frame: AgentFrame) => void;
  #items: FinishMessage[] = [];
  #epoch = 1;
  /** Of the first item. */
  #first = 1;

  constructor(send: (frame: AgentFrame) => void) {
    this.#send = send;
  }

  get size(): number {
    return this.#items.length;
  }

  add(finish: FinishMessage): void {
    this.#items.push(finish);
    this.send();
  }

  send(): void {
    if (this.#items.length === 0) return;
    const items = this.#items.map((finish) => ({ item: 'finish' as const, finish }));
    const message = { epoch: this.#name, firstSequence: this.#first, items };
    this.#send({ kind: 'output', message });
  }

  acknowledged(epoch: string, lastSequence: number): void {
    if (epoch !== this.#name) return;
    const count = Math.min(this.#items.length, lastSequence - this.#first + 1);
    if (count <= 0) return;
    this.#items.splice(0, count);
    this.#first += count;
  }

  /** Where the coordinator stands; one that was put back knows less than it has acknowledged: then all begins anew. */
  agree(epoch: string, sequence: number): void {
    const isNew = epoch === '' && this.#epoch === 1 && this.#first === 1;
    const isKnown = epoch === this.#name && sequence >= this.#first - 1;
    if (isKnown) this.acknowledged(epoch, sequence);
    else if (!isNew) {
      this.#epoch += 1;
      this.#first = 1;
    }
  }

  get #name(): string {
    return `e${this.#epoch}`;
  }
}
