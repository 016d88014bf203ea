/** The one question that a peer has under way. */
export class Question {
  #asked: { resolve(): void; reject(error: Error): void } | null = null;

  /** Resolves with the answer; rejects when the connection is lost before it. */
  ask(send: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#asked = { resolve, reject };
      send();
    });
  }

  answered(): void {
    this.#asked?.resolve();
    this.#asked = null;
  }

  lost(who: string): void {
    this.#asked?.reject(new Error(`${who} was lost while it waited for an answer`));
    this.#asked = null;
  }
}
