/** The snapshot pointer of a journal: one small object, moved forward by compare-and-swap. */
import type { ObjectStore, StoreFailure } from "../port/object-store.ts";
import { headKey } from "./keys.ts";

export interface Head {
  /** The state of the snapshot includes every entry up to this one. */
  readonly seq: number;
  /** The name of the snapshot's root object. */
  readonly root: string;
  /** Milliseconds since the epoch, by the clock of who wrote it. */
  readonly writtenAt: number;
  /** Makes two pointers with equal facts differ. */
  readonly id: string;
  /** Where the pointer stood before, and since when: a journal that is written to all day is trimmed by these. */
  readonly older: readonly PassedSeq[];
}
/** From this time on, by the clock of who wrote it, the pointer was never below `seq`. */
export interface PassedSeq {
  readonly seq: number;
  readonly at: number;
}

/** Older pointers closer together than this are not worth remembering. */
const OLDER_APART_MS = 10 * 60 * 1000;
const OLDER_MAX = 16;

/** The highest entry that the pointer passed at least `ms` ago; 0 when there is none. */
export function passedSince(head: Head, now: number, ms: number): number {
  return [{ seq: head.seq, at: head.writtenAt }, ...head.older].reduce((highest, passed) => (now - passed.at >= ms ? Math.max(highest, passed.seq) : highest), 0);
}
function olderOf(current: Head | null): PassedSeq[] {
  if (current === null) return [];
  const last = current.older[current.older.length - 1];
  const older = last !== undefined && current.writtenAt - last.at < OLDER_APART_MS ? current.older : [...current.older, { seq: current.seq, at: current.writtenAt }];
  return older.slice(-OLDER_MAX);
}
export type HeadAnswer = { readonly kind: "head"; readonly head: Head | null; readonly etag: string | null } | StoreFailure;

export async function readHead(store: ObjectStore, prefix: string): Promise<HeadAnswer> {
  const answer = await store.get(headKey(prefix));
  if (answer.kind === "failure") return answer;
  if (answer.kind !== "found") return { kind: "head", head: null, etag: null };
  const head = parseHead(answer.bytes);
  if (head === null) return { kind: "failure", retryable: false, outcome: "none", because: "corrupt", detail: `${headKey(prefix)}: not a snapshot pointer` };
  return { kind: "head", head, etag: answer.etag };
}

function parseHead(bytes: Buffer): Head | null {
  try {
    const value: unknown = JSON.parse(bytes.toString("utf8"));
    if (typeof value !== "object" || value === null) return null;
    const { format, seq, root, writtenAt, id, older } = value as Record<string, unknown>;
    if (format !== 1 || !Number.isSafeInteger(seq) || typeof root !== "string" || typeof writtenAt !== "number" || typeof id !== "string" || !isOlder(older)) return null;
    return { seq: seq as number, root, writtenAt, id, older };
  } catch {
    return null;
  }
}

function isOlder(value: unknown): value is PassedSeq[] {
  return Array.isArray(value) && value.every((passed: unknown) => typeof passed === "object" && passed !== null && "seq" in passed && "at" in passed && Number.isSafeInteger(passed.seq) && typeof passed.at === "number");
}

/**
 * Puts another pointer in the place of the one with this etag (null for none), for repairs: whoever looks for a snapshot from
 * now on takes this one. `current` is what the one before says, where it can be read. `behind`: it is another one by now.
 */
export async function replaceHead(store: ObjectStore, prefix: string, before: { readonly head: Head | null; readonly etag: string | null }, wanted: Omit<Head, "older">): Promise<{ readonly kind: "moved"; readonly head: Head } | { readonly kind: "behind" } | StoreFailure> {
  const head = { ...wanted, older: olderOf(before.head) };
  const put = await store.put(headKey(prefix), Buffer.from(JSON.stringify({ format: 1, ...head }), "utf8"), before.etag === null ? { ifAbsent: true } : { ifMatch: before.etag });
  if (put.kind === "done") return { kind: "moved", head };
  if (put.kind === "failure" && put.outcome === "none") return put;
  const now = await readHead(store, prefix);
  if (now.kind === "failure") return now.because === "corrupt" ? { kind: "behind" } : now;
  return now.head?.id === wanted.id ? { kind: "moved", head } : { kind: "behind" };
}

/**
 * Moves the pointer forward from the one with the id `base` (null for none), whose objects the new snapshot may refer to.
 * `behind`: another node has moved it since; the objects of the one before may be collected from then on.
 */
export async function moveHead(store: ObjectStore, prefix: string, base: string | null, wanted: Omit<Head, "older">): Promise<{ readonly kind: "moved"; readonly head: Head } | { readonly kind: "behind" } | StoreFailure> {
  for (let tries = 0; tries < 8; tries++) {
    const current = await readHead(store, prefix);
    if (current.kind === "failure") return current;
    if (current.head?.id === wanted.id) return { kind: "moved", head: current.head };
    if ((current.head?.id ?? null) !== base || (current.head !== null && current.head.seq >= wanted.seq)) return { kind: "behind" };
    const head = { ...wanted, older: olderOf(current.head) };
    const bytes = Buffer.from(JSON.stringify({ format: 1, ...head }), "utf8");
    const put = await store.put(headKey(prefix), bytes, current.etag === null ? { ifAbsent: true } : { ifMatch: current.etag });
    if (put.kind === "done") return { kind: "moved", head };
    if (put.kind === "failure" && put.outcome === "none" && (!put.retryable || put.because === "full")) return put;
  }
  return { kind: "failure", retryable: true, outcome: "unknown", because: "throttled", detail: `${headKey(prefix)}: the pointer could not be moved` };
}
