/**
 * Copying a store to another place while servers serve from it: pass after pass, until little is different; then a fence, so
 * that nobody writes to the old place any more, and a last pass. What was acknowledged before the fence is in the new place,
 * octet for octet, so servers that start there go on with the same UIDs.
 *
 * Until it is whole the new place has a fence, too: nobody can serve from half a copy.
 */
import { createHash } from "node:crypto";
import { equal } from "../base/bytes.ts";
import type { Clock } from "../port/clock.ts";
import { type Fence, FENCE_KEY, FENCE_SETTLE_MS, readFence, describeFence, writeFence } from "../port/fenced-store.ts";
import { LIST_LIMIT_MAX, type ObjectStore, type StoreFailure } from "../port/object-store.ts";

export interface MigrationEnd {
  readonly store: ObjectStore;
  /** Its url, for people and for the fences. */
  readonly name: string;
}
export interface MigrationWorld {
  readonly clock: Clock;
  /** Called after every copy with its octets: whoever wants to go slowly waits. */
  readonly pace?: (bytes: number) => Promise<void>;
  readonly say?: (line: () => string) => void;
}
export interface MigrationCounts {
  passes: number;
  objects: number;
  bytes: number;
  deleted: number;
}
export type MigrationAnswer =
  | { readonly kind: "moved"; readonly counts: MigrationCounts; /** How long nobody could write. */ readonly fencedMs: number }
  /** Nothing was done. */
  | { readonly kind: "refused"; readonly why: string }
  /** `fenced`: the old place still has its fence; otherwise servers go on there. Asked for again, it goes on. */
  | { readonly kind: "failed"; readonly detail: string; readonly fenced: boolean };

/** Copies under way at once. */
const PARALLEL = 8;
/** With the servers writing, passes never find nothing; so few differences are left to the one behind the fence. */
const FEW_CHANGES = 200;
const OPEN_PASSES_MAX = 20;
const FENCED_PASSES_MAX = 10;
const TRIES = 5;
const TRY_AGAIN_MS = 500;

/** Written once under a name that is never used again. */
const IMMUTABLE = /^[aq]\/[^/]+\/(j|s|c|b|p|lost)\//;
const NOT_COPIED = /^(fence$|probe\/)/;

export async function migrate(from: MigrationEnd, to: MigrationEnd, world: MigrationWorld): Promise<MigrationAnswer> {
  const prepared = await prepare(from, to);
  if ("kind" in prepared) return prepared;
  const copy = new Copy(from.store, to.store, world, prepared.compare);
  for (let passes = 0; passes < OPEN_PASSES_MAX && !prepared.fenced; passes++) {
    const changed = await copy.pass();
    if (typeof changed !== "number") return failed(changed, false);
    if (changed <= FEW_CHANGES) break;
  }
  const fencedAt = world.clock.monotonic();
  const fence = await surely(world.clock, () => from.store.put(FENCE_KEY, writeFence({ because: "moved", other: to.name }), {}));
  if (fence !== null) return failed(fence, await isFenced(from.store));
  await world.clock.sleep(FENCE_SETTLE_MS);
  const trouble = await lastPasses(copy);
  if (trouble !== null) {
    const lifted = await surely(world.clock, () => from.store.delete(FENCE_KEY));
    return failed(trouble, lifted !== null);
  }
  // From here on the new place is the store: the old one keeps its fence whatever comes.
  const opened = await surely(world.clock, () => to.store.delete(FENCE_KEY));
  if (opened !== null) return failed(opened, true);
  return { kind: "moved", counts: copy.counts, fencedMs: world.clock.monotonic() - fencedAt };
}

async function lastPasses(copy: Copy): Promise<StoreFailure | null> {
  for (let passes = 0; passes < FENCED_PASSES_MAX; passes++) {
    const changed = await copy.pass();
    if (typeof changed !== "number") return changed;
    if (changed === 0) return null;
  }
  return { kind: "failure", because: "unavailable", retryable: true, outcome: "none", detail: "the store still changes behind its fence: a server of a version that does not know of fences writes to it" };
}

/** Puts the fence around the new place. `compare`: there may be something in it already; `fenced`: a move broke off in its last part. */
async function prepare(from: MigrationEnd, to: MigrationEnd): Promise<{ readonly compare: boolean; readonly fenced: boolean } | MigrationAnswer> {
  if (from.name === to.name) return { kind: "refused", why: "both are the same store" };
  const [old, next] = [await readFence(from.store), await readFence(to.store)];
  if (old.kind === "failure") return failed(old, false);
  if (next.kind === "failure") return failed(next, old.kind === "fenced");
  const fenced = old.kind === "fenced";
  if (fenced && !same(old.fence, { because: "moved", other: to.name })) return { kind: "refused", why: `${from.name}: ${describeFence(old.fence)}` };
  const wanted: Fence = { because: "copying", other: from.name };
  if (next.kind === "fenced") {
    if (same(next.fence, wanted)) return { compare: true, fenced };
    // Moving back: what the old place has is older than what is to be copied.
    if (!same(next.fence, { because: "moved", other: from.name })) return { kind: "refused", why: `${to.name}: ${describeFence(next.fence)}` };
  } else {
    const listed = await to.store.list("", { limit: 1 });
    if (listed.kind === "failure") return failed(listed, fenced);
    if (fenced) return { kind: "refused", why: `${from.name}: ${describeFence(old.fence)}, and that is finished` };
    if (listed.keys.length > 0) return { kind: "refused", why: `${to.name} is not empty` };
  }
  const put = await to.store.put(FENCE_KEY, writeFence(wanted), next.kind === "fenced" ? { ifMatch: next.etag } : { ifAbsent: true });
  if (put.kind === "conflict") return { kind: "refused", why: `${to.name}: somebody else writes to it` };
  return put.kind === "failure" ? failed(put, fenced) : { compare: next.kind === "fenced", fenced };
}
function same(a: Fence, b: Fence): boolean {
  return a.because === b.because && a.other === b.other;
}
function failed(failure: StoreFailure, fenced: boolean): MigrationAnswer {
  return { kind: "failed", detail: `${failure.because}: ${failure.detail}`, fenced };
}
async function isFenced(store: ObjectStore): Promise<boolean> {
  return (await readFence(store)).kind !== "open";
}
/** Tries what may be done twice, a few times. */
async function surely(clock: Clock, act: () => Promise<{ readonly kind: "done" } | { readonly kind: "conflict" } | StoreFailure>): Promise<StoreFailure | null> {
  for (let tries = 1; ; tries++) {
    const answer = await act();
    if (answer.kind !== "failure") return null;
    if (tries >= TRIES) return answer;
    await clock.sleep(TRY_AGAIN_MS * tries);
  }
}

/** What is known of an object that can change, from the pass before: hashes, so that millions fit into memory. */
type Known = Map<string, string>;

class Copy {
  readonly counts: MigrationCounts = { passes: 0, objects: 0, bytes: 0, deleted: 0 };
  readonly #from: ObjectStore;
  readonly #to: ObjectStore;
  readonly #world: MigrationWorld;
  /** Octets are compared, not only names: the first time over what somebody else may have copied. */
  #compare: boolean;
  readonly #known: Known = new Map();
  #changed = 0;
  #failure: StoreFailure | null = null;

  constructor(from: ObjectStore, to: ObjectStore, world: MigrationWorld, compare: boolean) {
    this.#from = from;
    this.#to = to;
    this.#world = world;
    this.#compare = compare;
  }

  /** Makes the new place like the old one as it is about now. How many objects were not. */
  async pass(): Promise<number | StoreFailure> {
    this.#changed = 0;
    this.counts.passes += 1;
    // What never changes first, so that what refers to it comes when it is there.
    for (const immutable of [true, false]) {
      const failure = await this.#walk(immutable);
      if (failure !== null) return failure;
    }
    this.#compare = false;
    return this.#changed;
  }

  async #walk(immutable: boolean): Promise<StoreFailure | null> {
    const [old, next] = [new Keys(this.#from), new Keys(this.#to)];
    const window = new Set<Promise<void>>();
    const crashes: unknown[] = [];
    const run = async (act: () => Promise<void>): Promise<void> => {
      while (window.size >= PARALLEL) await Promise.race(window);
      const task: Promise<void> = act().catch((error: unknown) => void crashes.push(error)).finally(() => window.delete(task));
      window.add(task);
    };
    try {
      while (this.#failure === null && crashes.length === 0) {
        const [a, b] = [await old.peek(), await next.peek()];
        if (typeof a === "object" && a !== null) this.#failure = a;
        else if (typeof b === "object" && b !== null) this.#failure = b;
        else if (a === null && b === null) break;
        else if (b === null || (a !== null && a <= b)) {
          old.next();
          if (a === b) next.next();
          if (IMMUTABLE.test(a!) === immutable) await run(() => this.#copy(a!, a === b, immutable));
        } else {
          next.next();
          if (IMMUTABLE.test(b) === immutable) await run(() => this.#remove(b));
        }
        this.#world.say?.(() => `pass ${this.counts.passes}: ${this.counts.objects} objects (${Math.round(this.counts.bytes / 1e6)} MB) copied, ${this.counts.deleted} removed; at ${a ?? b}`);
      }
    } finally {
      await Promise.allSettled(window);
    }
    if (crashes.length > 0) throw crashes[0];
    const failure = this.#failure;
    this.#failure = null;
    return failure;
  }

  async #copy(key: string, present: boolean, immutable: boolean): Promise<void> {
    if (immutable && present && !this.#compare) return;
    const found = await this.#from.get(key);
    if (found.kind === "failure") return this.#fail(found);
    // Removed since it was listed: the next pass removes it there, too.
    if (found.kind !== "found") return;
    const id = hash(key);
    const digest = immutable ? "" : createHash("sha256").update(found.bytes).digest("base64").slice(0, 16);
    if (!immutable && present && this.#known.get(id) === digest) return;
    const there = present ? await this.#to.get(key) : null;
    if (there !== null && there.kind === "failure") return this.#fail(there);
    if (there === null || there.kind !== "found" || !equal(there.bytes, found.bytes)) {
      const failure = await surely(this.#world.clock, () => this.#to.put(key, found.bytes, {}));
      if (failure !== null) return this.#fail(failure);
      this.#changed += 1;
      this.counts.objects += 1;
      this.counts.bytes += found.bytes.length;
    }
    if (!immutable) this.#known.set(id, digest);
    await this.#world.pace?.(found.bytes.length);
  }
  async #remove(key: string): Promise<void> {
    // It may be new there, and listed before it was: only what is not there goes here.
    const found = await this.#from.get(key, { range: { start: 0, end: 1 } });
    if (found.kind === "failure") return this.#fail(found);
    if (found.kind === "found") return;
    const failure = await surely(this.#world.clock, () => this.#to.delete(key));
    if (failure !== null) return this.#fail(failure);
    this.#known.delete(hash(key));
    this.#changed += 1;
    this.counts.deleted += 1;
  }
  #fail(failure: StoreFailure): void {
    this.#failure ??= failure;
  }
}
function hash(key: string): string {
  return key.length <= 16 ? key : createHash("sha256").update(key).digest("base64").slice(0, 16);
}

/** The keys of a store in order, one at a time. */
class Keys {
  readonly #store: ObjectStore;
  #page: readonly string[] = [];
  #at = 0;
  #after = "";
  #end = false;

  constructor(store: ObjectStore) {
    this.#store = store;
  }
  /** The next key; null at the end. */
  async peek(): Promise<string | null | StoreFailure> {
    for (;;) {
      const key = this.#page[this.#at];
      if (key !== undefined && !NOT_COPIED.test(key)) return key;
      if (key !== undefined) this.#at += 1;
      else if (this.#end) return null;
      else {
        const page = await this.#store.list("", { ...(this.#after === "" ? {} : { after: this.#after }), limit: LIST_LIMIT_MAX });
        if (page.kind === "failure") return page;
        this.#page = page.keys;
        this.#at = 0;
        this.#end = page.keys.length < LIST_LIMIT_MAX;
        this.#after = page.keys.at(-1) ?? this.#after;
      }
    }
  }
  next(): void {
    this.#at += 1;
  }
}
