/**
 * Single objects with compare-and-swap. Every revision carries an id of its own, because an etag may be a hash of the octets
 * and because a write whose outcome is unknown is recognised by it when it is read back.
 */
import { unreachable } from "../base/assert.ts";
import type { ObjectStore, StoreFailure } from "../port/object-store.ts";
import type { Random } from "../port/random.ts";
import { LIST_LIMIT_MAX } from "../port/object-store.ts";
import { CHANGE_ATTEMPTS_MAX } from "./limits.ts";
import { parseObject, writeObject, type Form } from "./stored.ts";

/** The store could not be asked, or holds something that this version cannot read. */
export interface Unavailable {
  readonly kind: "unavailable";
  readonly detail: string;
}
export interface Found<T> {
  readonly kind: "found";
  readonly value: T;
  readonly revision: string;
  readonly etag: string;
}
export type ReadRecord<T> = Found<T> | { readonly kind: "absent" } | Unavailable;
export type CreateRecord = { readonly kind: "done" } | { readonly kind: "exists" } | Unavailable;
/** `refused` carries back what the decision said instead of a new value. */
export type ChangeRecord<T, R> = { readonly kind: "done"; readonly value: T } | { readonly kind: "absent" } | { readonly kind: "refused"; readonly why: R } | Unavailable;
export type Decision<T, R> = { readonly kind: "write"; readonly value: T } | { readonly kind: "refuse"; readonly why: R };

export function unavailable(detail: string): Unavailable {
  return { kind: "unavailable", detail };
}
function failed(key: string, failure: StoreFailure): Unavailable {
  return unavailable(`${key}: ${failure.because}: ${failure.detail}`);
}

export async function readRecord<T>(store: ObjectStore, form: Form<T>, key: string): Promise<ReadRecord<T>> {
  const answer = await store.get(key);
  switch (answer.kind) {
    case "absent":
      return { kind: "absent" };
    case "failure":
      return failed(key, answer);
    case "unchanged":
      return unavailable(`${key}: the store answered "unchanged" to an unconditional read`);
    case "found": {
      const parsed = parseObject(form, answer.bytes);
      if (parsed.kind === "corrupt") return unavailable(`${key}: ${parsed.detail}`);
      return { kind: "found", value: parsed.value, revision: parsed.revision, etag: answer.etag };
    }
    default:
      return unreachable(answer);
  }
}

function newRevision(random: Random): string {
  return random.bytes(12).toString("hex");
}

/** Writes an object where there is none. */
export async function createRecord<T>(store: ObjectStore, random: Random, form: Form<T>, key: string, value: T): Promise<CreateRecord> {
  const revision = newRevision(random);
  const bytes = writeObject(form, value, revision);
  let last = unavailable(`${key}: other writers are in the way`);
  // Whether one of our writes may have landed without our knowing: only then does a conflict need a second look.
  let unsure = false;
  for (let attempt = 0; attempt < CHANGE_ATTEMPTS_MAX; attempt++) {
    const answer = await store.put(key, bytes, { ifAbsent: true });
    if (answer.kind === "done") return { kind: "done" };
    if (answer.kind === "conflict" && !unsure) return { kind: "exists" };
    if (answer.kind === "failure") {
      last = failed(key, answer);
      if (answer.outcome === "none") return last;
      unsure = true;
    }
    const now = await readRecord(store, form, key);
    if (now.kind === "unavailable") return now;
    if (now.kind === "found") return now.revision === revision ? { kind: "done" } : { kind: "exists" };
  }
  return last;
}

/**
 * Reads an object, decides, and writes it if nobody else did meanwhile; otherwise all over again.
 * `decide` may be called several times, and must say the same of the same value.
 */
export async function changeRecord<T, R>(
  store: ObjectStore, random: Random, form: Form<T>, key: string, decide: (value: T) => Decision<T, R>,
): Promise<ChangeRecord<T, R>> {
  const ours = new Map<string, T>();
  let last = unavailable(`${key}: other writers are in the way`);
  for (let attempt = 0; attempt < CHANGE_ATTEMPTS_MAX; attempt++) {
    const now = await readRecord(store, form, key);
    if (now.kind !== "found") return now;
    const landed = ours.get(now.revision);
    if (landed !== undefined) return { kind: "done", value: landed };
    const decision = decide(now.value);
    if (decision.kind === "refuse") return { kind: "refused", why: decision.why };
    const revision = newRevision(random);
    const answer = await store.put(key, writeObject(form, decision.value, revision), { ifMatch: now.etag });
    switch (answer.kind) {
      case "done":
        return { kind: "done", value: decision.value };
      case "conflict":
        break;
      case "failure":
        last = failed(key, answer);
        if (answer.outcome === "none") return last;
        ours.set(revision, decision.value);
        break;
      default:
        unreachable(answer);
    }
  }
  return last;
}

/** Deletes an object and makes sure of it. */
export async function deleteRecord(store: ObjectStore, key: string): Promise<{ readonly kind: "done" } | Unavailable> {
  const answer = await store.delete(key);
  if (answer.kind === "done") return answer;
  if (answer.outcome === "none") return failed(key, answer);
  const left = await store.get(key);
  return left.kind === "absent" ? { kind: "done" } : failed(key, answer);
}

/** Every key under a prefix, a page at a time. */
export async function* listKeys(store: ObjectStore, prefix: string, limit = Number.POSITIVE_INFINITY): AsyncGenerator<string | Unavailable> {
  let after: string | undefined;
  for (let left = limit; left > 0;) {
    const wanted = Math.min(LIST_LIMIT_MAX, left);
    const answer = await store.list(prefix, after === undefined ? { limit: wanted } : { after, limit: wanted });
    if (answer.kind === "failure") {
      yield failed(prefix, answer);
      return;
    }
    yield* answer.keys;
    if (answer.keys.length < wanted) return;
    left -= answer.keys.length;
    after = answer.keys.at(-1);
  }
}
