/** What the store and its writing thread say to each other: a batch of writes in one message, their results in one answer. */
import type { StoreFailure } from "../port/object-store.ts";
import type { SqliteSettings } from "./sqlite-connection.ts";

/** What a batch asks for, one per write. */
export const ask = { insert: 0, match: 1, replace: 2, delete: 3 } as const;
/** What became of it. */
export const told = { done: 0, conflict: 1, failed: 2 } as const;

export interface WriterStart {
  readonly path: string;
  readonly settings: SqliteSettings;
  /** Unique to one open store: etags of different ones never meet. */
  readonly instance: string;
}
export interface WriteBatch {
  readonly asks: readonly number[];
  readonly keys: readonly string[];
  /** The etag that `match` wants; "" for the others. */
  readonly matches: readonly string[];
  /** Three per write: which chunk, start, octets. */
  readonly spans: readonly number[];
  readonly chunks: readonly ArrayBuffer[];
  /** The etag of write `i` is `etagOf(instance, serial + i)`. */
  readonly serial: number;
}
export type ToWriter = { readonly kind: "batch"; readonly batch: WriteBatch } | { readonly kind: "shrink" } | { readonly kind: "close" };
export type FromWriter =
  | { readonly kind: "ready" }
  | { readonly kind: "refused"; readonly detail: string }
  /** `failures` are in the order of the writes that were told `failed`. `chunks` come back for the next batch. */
  | { readonly kind: "batch"; readonly told: Uint8Array; readonly failures: readonly StoreFailure[]; readonly chunks: readonly ArrayBuffer[] }
  | { readonly kind: "shrunk"; readonly pages: number };

export function etagOf(instance: string, serial: number): string {
  return `${instance}.${serial.toString(36)}`;
}
