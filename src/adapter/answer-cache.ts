/** Answers by question, the least recently used leaving first when entries or octets run over the budget. */
export interface CacheLimits {
  readonly entries: number;
  /** An estimate of the memory held, not a measurement. */
  readonly bytes: number;
}
interface Entry<V> {
  readonly value: V;
  /** Milliseconds of the monotonic clock. */
  readonly expires: number;
  readonly bytes: number;
}
/** What the map, the key and the objects of an entry take besides their text. */
const ENTRY_BYTES = 300;

export class AnswerCache<V> {
  /** In the order of use: a map keeps the order of insertion. */
  readonly #entries = new Map<string, Entry<V>>();
  readonly #limits: CacheLimits;
  #bytes = 0;

  constructor(limits: CacheLimits) {
    this.#limits = limits;
  }
  get size(): number {
    return this.#entries.size;
  }
  get bytes(): number {
    return this.#bytes;
  }
  /** The value and how many milliseconds it is still good for. */
  get(key: string, now: number): { readonly value: V; readonly leftMs: number } | null {
    const entry = this.#entries.get(key);
    if (entry === undefined) return null;
    this.#entries.delete(key);
    if (entry.expires <= now) {
      this.#bytes -= entry.bytes;
      return null;
    }
    this.#entries.set(key, entry);
    return { value: entry.value, leftMs: entry.expires - now };
  }
  set(key: string, value: V, options: { readonly expires: number; readonly valueBytes: number }): void {
    const bytes = ENTRY_BYTES + key.length + options.valueBytes;
    const old = this.#entries.get(key);
    this.#entries.delete(key);
    this.#bytes += bytes - (old?.bytes ?? 0);
    this.#entries.set(key, { value, expires: options.expires, bytes });
    for (const [oldest, entry] of this.#entries) {
      if (this.#bytes <= this.#limits.bytes && this.#entries.size <= this.#limits.entries) break;
      this.#entries.delete(oldest);
      this.#bytes -= entry.bytes;
    }
  }
}
