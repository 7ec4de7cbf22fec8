/**
 * The shared store as one node sees it: over a network with latency, with the faults of `MemoryStore` and one more
 * (a request that is done long after its sender gave up), and stopped while the node is paused or dead.
 *
 * Everything that changes the store is told to an observer at the moment of its effect, whatever the node learns of it.
 */
import { createHash } from "node:crypto";
import { MemoryStore, type StoreFault, type StoreOperation } from "../src/port/object-store.fake.ts";
import type { DeleteAnswer, GetAnswer, GetOptions, ListAnswer, ListOptions, ObjectStore, PutAnswer, PutCondition, StoreFailure } from "../src/port/object-store.ts";
import type { Random } from "../src/port/random.ts";
import type { Life, Scheduler } from "./scheduler.ts";
import type { Trace } from "./trace.ts";

/** How often, of 1000 calls; latency in milliseconds. */
export interface Weather {
  readonly before: number;
  readonly after: number;
  readonly torn: number;
  readonly throttled: number;
  readonly late: number;
  readonly full: boolean;
  readonly latencyMsMax: number;
}
export const CALM: Weather = { before: 0, after: 0, torn: 0, throttled: 0, late: 0, full: false, latencyMsMax: 20 };

export interface StoreObserver {
  /** `bytes` lie under `key` now. */
  wrote(node: string, key: string, bytes: Buffer): void;
  deleted(node: string, key: string): void;
}
type Failure = NonNullable<StoreFault["failure"]> | "late";

const LATE: StoreFailure = { kind: "failure", because: "timeout", outcome: "unknown", retryable: true, detail: "told to be late" };
const LATE_MS_MAX = 20_000;

/** The store itself, and the weather around it. */
export class SharedStore {
  readonly memory: MemoryStore;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly trace: Trace;
  weather: Weather = CALM;
  observer: StoreObserver = { wrote() {}, deleted() {} };
  #fault: StoreFault | null = null;

  constructor(scheduler: Scheduler, random: Random, trace: Trace) {
    this.scheduler = scheduler;
    this.random = random;
    this.trace = trace;
    this.memory = new MemoryStore({ fail: () => this.#fault });
  }
  /** One call with one fault; its effect is here and now. */
  now<A>(failure: StoreFault["failure"] | undefined, call: (memory: MemoryStore) => Promise<A>): Promise<A> {
    this.#fault = failure === undefined ? null : { failure };
    try {
      return call(this.memory);
    } finally {
      this.#fault = null;
    }
  }
  draw(operation: StoreOperation): { failure: Failure | undefined; there: number; back: number } {
    const { latencyMsMax, full, ...rates } = this.weather;
    const there = 1 + this.random.below(latencyMsMax);
    const back = 1 + this.random.below(latencyMsMax);
    const writes = operation === "put" || operation === "delete";
    if (full && writes) return { failure: "full", there, back };
    let drawn = this.random.below(1000);
    for (const failure of ["before", "after", "torn", "throttled", "late"] as const) {
      drawn -= rates[failure];
      if (drawn < 0) return failure === "late" && operation !== "put" ? { failure: "before", there, back } : { failure, there, back };
    }
    return { failure: undefined, there, back };
  }
}

export class NodeStore implements ObjectStore {
  readonly #shared: SharedStore;
  readonly #life: Life;
  readonly #name: string;

  constructor(shared: SharedStore, life: Life, name: string) {
    this.#shared = shared;
    this.#life = life;
    this.#name = name;
  }
  get(key: string, options: GetOptions = {}): Promise<GetAnswer> {
    return this.#call<GetAnswer>("get", key, (failure) => this.#shared.now(failure, (memory) => memory.get(key, options)));
  }
  put(key: string, bytes: Uint8Array, condition: PutCondition): Promise<PutAnswer> {
    const own = Buffer.from(bytes);
    return this.#call<PutAnswer>("put", key, (failure) => {
      const before = etagOf(this.#shared.memory.peek(key));
      const fits = "ifAbsent" in condition ? before === null : condition["ifMatch"] === undefined || condition["ifMatch"] === before;
      const answer = this.#shared.now(failure, (memory) => memory.put(key, own, condition));
      if (fits && (failure === undefined || failure === "after")) this.#shared.observer.wrote(this.#name, key, own);
      return answer;
    });
  }
  delete(key: string): Promise<DeleteAnswer> {
    return this.#call<DeleteAnswer>("delete", key, (failure) => {
      const was = this.#shared.memory.peek(key) !== null;
      const answer = this.#shared.now(failure, (memory) => memory.delete(key));
      if (was && (failure === undefined || failure === "after")) this.#shared.observer.deleted(this.#name, key);
      return answer;
    });
  }
  list(prefix: string, options: ListOptions): Promise<ListAnswer> {
    return this.#call<ListAnswer>("list", prefix, (failure) => this.#shared.now(failure, (memory) => memory.list(prefix, options)));
  }
  async close(): Promise<void> {}

  async #call<A extends { readonly kind: string }>(operation: StoreOperation, key: string, effect: (failure: StoreFault["failure"] | undefined) => Promise<A | StoreFailure>): Promise<A | StoreFailure> {
    await this.#life.gate();
    const { scheduler, trace, random } = this.#shared;
    const { failure, there, back } = this.#shared.draw(operation);
    await scheduler.sleep(there);
    // What a node had sent is done though it stops; what lay in its own buffers leaves when it wakes, if it ever does.
    if ((this.#life.paused || this.#life.dead) && random.below(2) === 0) await this.#life.gate();
    const answer = await this.#effect(failure, effect);
    trace.add(`${scheduler.now} ${this.#name} ${operation} ${key} ${failure ?? ""} ${answer.kind}`);
    await scheduler.sleep(back);
    await this.#life.gate();
    return answer;
  }
  #effect<A>(failure: Failure | undefined, effect: (failure: StoreFault["failure"] | undefined) => Promise<A | StoreFailure>): Promise<A | StoreFailure> {
    if (failure !== "late") return effect(failure);
    const { scheduler, random, weather } = this.#shared;
    // Often so soon that it meets the next try.
    scheduler.at(scheduler.now + random.below(random.below(3) > 0 ? 6 * weather.latencyMsMax : LATE_MS_MAX), () => void effect(undefined));
    return Promise.resolve(LATE);
  }
}

function etagOf(bytes: Buffer | null): string | null {
  return bytes === null ? null : createHash("md5").update(bytes).digest("hex");
}
