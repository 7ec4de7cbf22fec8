/**
 * An object store in memory, with the faults that real ones have. Without faults it is a complete store.
 *
 * What it never does, because no store that passes the contract does: show half a value, answer a list that is behind, forget what it confirmed.
 * Its etags are hashes of the bytes, as those of S3 are, so code that takes an equal etag for "nobody wrote" fails here too.
 */
import { createHash } from "node:crypto";
import { assert, unreachable } from "../base/assert.ts";
import type { Clock } from "./clock.ts";
import { assertGetOptions, assertKey, assertListOptions, assertPrefix } from "./object-key.ts";
import type { DeleteAnswer, GetAnswer, GetOptions, ListAnswer, ListOptions, ObjectStore, PutAnswer, PutCondition, StoreFailure } from "./object-store.ts";
import type { Random } from "./random.ts";

export type StoreOperation = "get" | "put" | "delete" | "list";

/** What goes wrong with one call. */
export type StoreFault = {
  readonly failure?:
    /** It had no effect, and the caller knows. */
    | "before"
    /** It had its effect, but the answer was lost. */
    | "after"
    /** It had no effect, but the caller cannot know: a write that broke off in the middle. */
    | "torn"
    /** The store is busy: no effect. */
    | "throttled"
    /** No room: no effect. Reads never see it. */
    | "full";
  /** Milliseconds until the answer. The effect comes somewhere in between. Needs a clock. */
  readonly latencyMs?: number;
};

/** How often each fault befalls a call, from 0 to 1. Their sum is at most 1. */
export interface FaultRates {
  readonly before?: number;
  readonly after?: number;
  readonly torn?: number;
  readonly throttled?: number;
  /** Each call takes from 0 to this many milliseconds, rounded down. */
  readonly latencyMsMax?: number;
}

export interface MemoryStoreOptions {
  /** Needed for latency. */
  readonly clock?: Clock;
  /** Needed for rates and latency. */
  readonly random?: Random;
  readonly faults?: FaultRates;
  /** Asked for each call before the rates are; null leaves the call to them. */
  readonly fail?: (operation: StoreOperation, key: string) => StoreFault | null;
}

interface Stored {
  readonly bytes: Buffer;
  readonly etag: string;
}
type Failure = NonNullable<StoreFault["failure"]>;

const RATE_STEPS = 1_000_000;
const failures: { readonly [K in Failure]: StoreFailure } = {
  before: { kind: "failure", because: "unavailable", outcome: "none", retryable: true, detail: "told to fail before the effect" },
  after: { kind: "failure", because: "timeout", outcome: "unknown", retryable: true, detail: "told to lose the answer" },
  torn: { kind: "failure", because: "timeout", outcome: "unknown", retryable: true, detail: "told to break off" },
  throttled: { kind: "failure", because: "throttled", outcome: "none", retryable: true, detail: "told to be busy" },
  full: { kind: "failure", because: "full", outcome: "none", retryable: true, detail: "told to be full" },
};
const CLOSED: StoreFailure = { kind: "failure", because: "closed", outcome: "none", retryable: false, detail: "the store is closed" };

export class MemoryStore implements ObjectStore {
  readonly #options: MemoryStoreOptions;
  readonly #objects = new Map<string, Stored>();
  /** The keys of `#objects`, in order. */
  readonly #keys: string[] = [];
  #closed = false;

  constructor(options: MemoryStoreOptions = {}) {
    const { faults, random, clock } = options;
    assert(faults === undefined || random !== undefined, "fault rates need a random port");
    assert(faults?.latencyMsMax === undefined || clock !== undefined, "latency needs a clock");
    this.#options = options;
  }

  /** How many objects there are. */
  get size(): number {
    return this.#objects.size;
  }
  /** A view without faults on the same objects, which stays open: for a test to look at what is really there. */
  peek(key: string): Buffer | null {
    const stored = this.#objects.get(key);
    return stored === undefined ? null : Buffer.from(stored.bytes);
  }
  /** All keys, in order. */
  keys(): readonly string[] {
    return [...this.#keys];
  }

  async get(key: string, options: GetOptions = {}): Promise<GetAnswer> {
    assertKey(key);
    assertGetOptions(options);
    return this.#call<GetAnswer>("get", key, () => {
      const stored = this.#objects.get(key);
      if (stored === undefined) return { kind: "absent" };
      if (options.ifNoneMatch === stored.etag) return { kind: "unchanged" };
      const { start, end } = options.range ?? { start: 0, end: stored.bytes.byteLength };
      return { kind: "found", bytes: Buffer.from(stored.bytes.subarray(start, end)), etag: stored.etag };
    });
  }

  async put(key: string, bytes: Uint8Array, condition: PutCondition): Promise<PutAnswer> {
    assertKey(key);
    const own = Buffer.from(bytes);
    return this.#call<PutAnswer>("put", key, () => {
      const stored = this.#objects.get(key);
      if ("ifAbsent" in condition && stored !== undefined) return { kind: "conflict" };
      const match = "ifAbsent" in condition ? undefined : condition["ifMatch"];
      if (match !== undefined && stored?.etag !== match) return { kind: "conflict" };
      if (stored === undefined) this.#keys.splice(this.#place(key), 0, key);
      const etag = createHash("md5").update(own).digest("hex");
      this.#objects.set(key, { bytes: own, etag });
      return { kind: "done", etag };
    });
  }

  async delete(key: string): Promise<DeleteAnswer> {
    assertKey(key);
    return this.#call<DeleteAnswer>("delete", key, () => {
      if (this.#objects.delete(key)) this.#keys.splice(this.#place(key), 1);
      return { kind: "done" };
    });
  }

  async list(prefix: string, options: ListOptions): Promise<ListAnswer> {
    assertPrefix(prefix);
    assertListOptions(options);
    return this.#call<ListAnswer>("list", prefix, () => {
      const after = options.after ?? "";
      let at = this.#place(after > prefix ? after : prefix);
      if (this.#keys[at] === options.after) at++;
      const keys: string[] = [];
      for (; keys.length < options.limit; at++) {
        const key = this.#keys[at];
        if (key === undefined || !key.startsWith(prefix)) break;
        keys.push(key);
      }
      return { kind: "keys", keys };
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  /** The index of the first key that is not less than `key`. Code units are octets here, so strings compare as the octets do. */
  #place(key: string): number {
    let low = 0;
    let high = this.#keys.length;
    if (high > 0 && (this.#keys[high - 1] ?? "") < key) return high;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#keys[middle] ?? "") < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Applies `effect` in one step, with the faults around it. */
  async #call<A>(operation: StoreOperation, key: string, effect: () => A): Promise<A | StoreFailure> {
    if (this.#closed) return CLOSED;
    const { failure, latencyMs = 0 } = this.#options.fail?.(operation, key) ?? this.#drawn();
    const sent = this.#below(latencyMs + 1);
    if (latencyMs > 0) await this.#sleep(sent);
    const answer = this.#effectOf(operation, failure, effect);
    if (latencyMs > 0) await this.#sleep(latencyMs - sent);
    return answer;
  }

  #effectOf<A>(operation: StoreOperation, failure: Failure | undefined, effect: () => A): A | StoreFailure {
    switch (failure) {
      case undefined:
        return effect();
      case "before": case "torn": case "throttled":
        return failures[failure];
      case "full":
        return operation === "put" || operation === "delete" ? failures.full : effect();
      case "after":
        effect();
        return failures.after;
      default:
        return unreachable(failure);
    }
  }

  #drawn(): StoreFault {
    const { faults } = this.#options;
    if (faults === undefined) return {};
    const latency = faults.latencyMsMax === undefined ? {} : { latencyMs: this.#below(faults.latencyMsMax + 1) };
    let drawn = this.#below(RATE_STEPS) / RATE_STEPS;
    for (const failure of ["before", "after", "torn", "throttled"] as const) {
      drawn -= faults[failure] ?? 0;
      if (drawn < 0) return { failure, ...latency };
    }
    return latency;
  }

  #below(below: number): number {
    return below <= 1 ? 0 : this.#options.random?.below(below) ?? below >>> 1;
  }

  #sleep(ms: number): Promise<void> {
    const { clock } = this.#options;
    assert(clock !== undefined, "latency needs a clock");
    return clock.sleep(ms);
  }
}
