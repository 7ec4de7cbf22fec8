/** The end of the process, announced: sessions finish what they are in and begin nothing new, so that a restart costs nobody a message. */
export interface Drain {
  readonly draining: boolean;
  /** Calls `fn` once, when it begins; not when it has begun already. The answer takes it back. */
  onDrain(fn: () => void): () => void;
}

export const neverDrains: Drain = { draining: false, onDrain: () => () => {} };

export class DrainSwitch implements Drain {
  #draining = false;
  readonly #listeners = new Set<() => void>();

  get draining(): boolean {
    return this.#draining;
  }
  onDrain(fn: () => void): () => void {
    // The same function may be given twice, and each is taken back by itself.
    const listener = (): void => fn();
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
  /** The second time it does nothing. */
  begin(): void {
    if (this.#draining) return;
    this.#draining = true;
    const listeners = [...this.#listeners];
    this.#listeners.clear();
    for (const listener of listeners) listener();
  }
}
