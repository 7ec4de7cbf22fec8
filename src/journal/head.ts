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
    const { format, seq, root, writtenAt, id } = value as Record<string, unknown>;
    if (format !== 1 || !Number.isSafeInteger(seq) || typeof root !== "string" || typeof writtenAt !== "number" || typeof id !== "string") return null;
    return { seq: seq as number, root, writtenAt, id };
  } catch {
    return null;
  }
}

/** Moves the pointer forward. `behind`: another node has moved it as far or further. */
export async function moveHead(store: ObjectStore, prefix: string, head: Head): Promise<"moved" | "behind" | StoreFailure> {
  for (let tries = 0; tries < 8; tries++) {
    const current = await readHead(store, prefix);
    if (current.kind === "failure") return current;
    if (current.head?.id === head.id) return "moved";
    if (current.head !== null && current.head.seq >= head.seq) return "behind";
    const bytes = Buffer.from(JSON.stringify({ format: 1, ...head }), "utf8");
    const put = await store.put(headKey(prefix), bytes, current.etag === null ? { ifAbsent: true } : { ifMatch: current.etag });
    if (put.kind === "done") return "moved";
    if (put.kind === "failure" && put.outcome === "none" && !put.retryable) return put;
  }
  return { kind: "failure", retryable: true, outcome: "unknown", because: "throttled", detail: `${headKey(prefix)}: the pointer could not be moved` };
}
