/**
 * A store that nobody writes to while it has a fence: one object, put there by whoever copies the store to another place.
 *
 * Every process looks for it at most FENCE_CHECK_MS before each of its writes, and again after a write that took long; only
 * then is a write answered as done. So whoever put the fence and waited FENCE_SETTLE_MS sees everything that was ever
 * acknowledged. Reading goes on.
 */
import type { Clock } from "./clock.ts";
import type { DeleteAnswer, GetAnswer, GetOptions, ListAnswer, ListOptions, ObjectStore, PutAnswer, PutCondition, StoreFailure } from "./object-store.ts";

export const FENCE_KEY = "fence";
export const FENCE_CHECK_MS = 1_000;
/** A write that took longer counts only if there is no fence after it. */
const WRITE_MS_MAX = 3_000;
/** With room for clocks that do not run alike. */
export const FENCE_SETTLE_MS = FENCE_CHECK_MS + WRITE_MS_MAX + 1_000;

export interface Fence {
  /** `moved`: the store is served from `other` now. `copying`: it is a copy of `other` that is not whole yet. */
  readonly because: "moved" | "copying";
  /** A store's url. */
  readonly other: string;
}
export type FenceAnswer = { readonly kind: "fenced"; readonly fence: Fence; readonly etag: string } | { readonly kind: "open" } | StoreFailure;

export async function readFence(store: ObjectStore): Promise<FenceAnswer> {
  const answer = await store.get(FENCE_KEY);
  if (answer.kind === "failure") return answer;
  return answer.kind === "found" ? { kind: "fenced", fence: parseFence(answer.bytes), etag: answer.etag } : { kind: "open" };
}
export function writeFence(fence: Fence): Buffer {
  return Buffer.from(JSON.stringify({ format: 1, ...fence }), "utf8");
}
/** What can't be read is a fence all the same. */
function parseFence(bytes: Buffer): Fence {
  try {
    const value: unknown = JSON.parse(bytes.toString("utf8"));
    if (typeof value === "object" && value !== null && "because" in value && "other" in value && typeof value.other === "string") {
      return { because: value.because === "moved" ? "moved" : "copying", other: value.other };
    }
  } catch {
    // Falls through: a fence without a reason.
  }
  return { because: "copying", other: "an unknown place" };
}
export function describeFence({ because, other }: Fence): string {
  return because === "moved" ? `the store has moved to ${other}` : `the store is a copy of ${other} that is not whole yet`;
}

const CLOSED: StoreFailure = { kind: "failure", because: "closed", outcome: "none", retryable: false, detail: "the store is closed" };

/** A moment by both clocks: a suspended machine's monotonic clock stands still, and a wall clock can be set back. */
interface Moment {
  readonly monotonic: number;
  readonly wall: number;
}

export class FencedStore implements ObjectStore {
  readonly #store: ObjectStore;
  readonly #clock: Clock;
  /** When it was last certain that there is no fence: the moment before the store was asked. */
  #openAt: Moment = { monotonic: -Infinity, wall: -Infinity };
  #looking: Promise<StoreFailure | null> | null = null;
  /** Writes that wait for a look. */
  readonly #waiting = new Set<Promise<unknown>>();
  #closed = false;

  constructor(store: ObjectStore, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  get(key: string, options?: GetOptions): Promise<GetAnswer> {
    return this.#store.get(key, options);
  }
  list(prefix: string, options: ListOptions): Promise<ListAnswer> {
    return this.#store.list(prefix, options);
  }
  put(key: string, bytes: Uint8Array, condition: PutCondition): Promise<PutAnswer> {
    // Whoever has to wait for a look waits with octets of its own: the caller may change them as soon as this returns.
    const own = this.#isFresh() ? bytes : Buffer.from(bytes);
    return this.#write(() => this.#store.put(key, own, condition));
  }
  delete(key: string): Promise<DeleteAnswer> {
    return this.#write(() => this.#store.delete(key));
  }
  /** What was asked before is done first. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled([...this.#waiting]);
    await this.#store.close();
  }

  async #write<A extends { readonly kind: string }>(act: () => Promise<A>): Promise<A | StoreFailure> {
    if (this.#closed) return CLOSED;
    if (this.#isFresh()) return this.#acted(act());
    const looked = this.#look().then((refusal) => (refusal === null ? { writing: act() } : { refusal }));
    this.#waiting.add(looked);
    const entered = await looked.finally(() => this.#waiting.delete(looked));
    return "refusal" in entered ? { ...entered.refusal, outcome: "none" } : this.#acted(entered.writing);
  }
  async #acted<A extends { readonly kind: string }>(writing: Promise<A>): Promise<A | StoreFailure> {
    const openAt = this.#openAt;
    const answer = await writing;
    if (answer.kind !== "done" || this.#ageMs(openAt) <= FENCE_CHECK_MS + WRITE_MS_MAX) return answer;
    const refusal = await this.#look();
    return refusal === null ? answer : { ...refusal, outcome: "unknown" };
  }
  /** Writes that come at once share one look. */
  #look(): Promise<StoreFailure | null> {
    this.#looking ??= this.#lookNow().finally(() => (this.#looking = null));
    return this.#looking;
  }
  async #lookNow(): Promise<StoreFailure | null> {
    const askedAt = { monotonic: this.#clock.monotonic(), wall: this.#clock.now() };
    const answer = await readFence(this.#store);
    if (answer.kind === "failure") return answer;
    if (answer.kind === "fenced") return { kind: "failure", because: "unavailable", retryable: false, outcome: "none", detail: describeFence(answer.fence) };
    this.#openAt = askedAt;
    return null;
  }
  #isFresh(): boolean {
    return this.#ageMs(this.#openAt) < FENCE_CHECK_MS;
  }
  #ageMs(since: Moment): number {
    return Math.max(this.#clock.monotonic() - since.monotonic, this.#clock.now() - since.wall);
  }
}
