/**
 * Hints between processes and nodes: "the journal under this prefix has reached this sequence number".
 *
 * Lossy, unordered, possibly duplicated, and never awaited. Losing every hint costs latency, never mail: who follows a journal also
 * looks at it by a timer. A subject is a journal's prefix without its last slash: "a/<account>", "q/<shard>".
 */
export interface Hints {
  /** Tells whoever is subscribed elsewhere. Never throws and never blocks, whatever the state of the network. Ignored after `close`. */
  publish(subject: string, seq: number): void;
  /** Calls `fn` for hints of others; it must not throw. Whether one's own hints come back is not said. The answer ends the subscription. */
  subscribe(subject: string, fn: (seq: number) => void): () => void;
  close(): Promise<void>;
}

/** For a process that is alone: there is nobody to tell. */
export const noHints: Hints = { publish() {}, subscribe: () => () => {}, close: async () => {} };

/** One over several ways: each hint goes over all of them, and comes by any. */
export function joinHints(ways: readonly Hints[]): Hints {
  const [only, ...more] = ways;
  if (only === undefined) return noHints;
  if (more.length === 0) return only;
  return {
    publish: (subject, seq) => { for (const way of ways) way.publish(subject, seq); },
    subscribe: (subject, fn) => {
      const ends = ways.map((way) => way.subscribe(subject, fn));
      return () => { for (const end of ends) end(); };
    },
    close: async () => void await Promise.all(ways.map((way) => way.close())),
  };
}

/** Who listens to which subject: what every adapter keeps. `first` and `last` are told when a subject gets or loses its only listener. */
export class HintListeners {
  readonly #listeners = new Map<string, Set<(seq: number) => void>>();
  readonly #first: (subject: string) => void;
  readonly #last: (subject: string) => void;

  constructor(first: (subject: string) => void, last: (subject: string) => void) {
    this.#first = first;
    this.#last = last;
  }
  get subjects(): Iterable<string> {
    return this.#listeners.keys();
  }
  add(subject: string, fn: (seq: number) => void): () => void {
    // The same function may be given twice, and each is ended by itself.
    const listener = (seq: number): void => fn(seq);
    const existing = this.#listeners.get(subject);
    if (existing !== undefined) existing.add(listener);
    else {
      this.#listeners.set(subject, new Set([listener]));
      this.#first(subject);
    }
    return () => this.#remove(subject, listener);
  }
  #remove(subject: string, listener: (seq: number) => void): void {
    const listeners = this.#listeners.get(subject);
    if (listeners === undefined || !listeners.delete(listener) || listeners.size > 0) return;
    this.#listeners.delete(subject);
    this.#last(subject);
  }
  /** What comes from a peer is checked by the adapter; here it is a subject and a sequence number. */
  tell(subject: string, seq: number): void {
    for (const listener of [...(this.#listeners.get(subject) ?? [])]) listener(seq);
  }
  clear(): void {
    this.#listeners.clear();
  }
}

/** Hints that wait to leave: the highest of each subject, so that a burst is one; and no more than so many subjects. */
export class WaitingHints {
  readonly #waiting = new Map<string, number>();
  readonly #subjectsMax: number;
  dropped = 0;

  constructor(subjectsMax: number) {
    this.#subjectsMax = subjectsMax;
  }
  get size(): number {
    return this.#waiting.size;
  }
  add(subject: string, seq: number): void {
    const waiting = this.#waiting.get(subject);
    if (waiting === undefined && this.#waiting.size >= this.#subjectsMax) this.dropped += 1;
    else if (waiting === undefined || waiting < seq) this.#waiting.set(subject, seq);
  }
  /** All of them, or the first so many. */
  take(count = Number.POSITIVE_INFINITY): [subject: string, seq: number][] {
    const taken: [string, number][] = [];
    for (const hint of this.#waiting) {
      if (taken.length >= count) break;
      taken.push(hint);
    }
    for (const [subject] of taken) this.#waiting.delete(subject);
    return taken;
  }
}

/** Whether a number from a peer can be a sequence number. */
export function isSeq(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}
