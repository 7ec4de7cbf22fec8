/**
 * Which messages have something to do, and when: a binary heap by time. An entry is a hint: who takes one looks at the
 * state, so entries of messages that changed or went need not be searched and removed.
 */
export class DueTimes {
  readonly #at: number[] = [];
  readonly #ids: string[] = [];

  get size(): number {
    return this.#at.length;
  }
  add(id: string, at: number): void {
    let child = this.#at.length;
    this.#at.push(at);
    this.#ids.push(id);
    while (child > 0) {
      const parent = (child - 1) >> 1;
      if (this.#at[parent]! <= this.#at[child]!) return;
      this.#swap(parent, child);
      child = parent;
    }
  }
  /** The next message that is due at `now`, null when none is. */
  take(now: number): string | null {
    const first = this.#at[0];
    if (first === undefined || first > now) return null;
    const id = this.#ids[0]!;
    const lastAt = this.#at.pop()!;
    const lastId = this.#ids.pop()!;
    if (this.#at.length > 0) {
      this.#at[0] = lastAt;
      this.#ids[0] = lastId;
      this.#sink();
    }
    return id;
  }
  #sink(): void {
    let parent = 0;
    for (;;) {
      let least = parent;
      for (const child of [2 * parent + 1, 2 * parent + 2]) {
        if (child < this.#at.length && this.#at[child]! < this.#at[least]!) least = child;
      }
      if (least === parent) return;
      this.#swap(parent, least);
      parent = least;
    }
  }
  #swap(a: number, b: number): void {
    [this.#at[a], this.#at[b]] = [this.#at[b]!, this.#at[a]!];
    [this.#ids[a], this.#ids[b]] = [this.#ids[b]!, this.#ids[a]!];
  }
}
