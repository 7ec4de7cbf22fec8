/**
 * The object store: the only thing that remembers.
 *
 * Keys are byte strings in US-ASCII (letters, digits, `/ - _ . ! = @ +`), at most KEY_BYTES_MAX long, ordered by their bytes.
 * A value is replaced as a whole. `put` with a condition is atomic over every process and node that shares the store:
 * of any number of racing writers exactly one wins. What `put` answered with an etag is durable.
 *
 * An etag may be a hash of the bytes, so what is compared and swapped carries a unique id of its own.
 *
 * A failure with `outcome: "unknown"` may or may not have happened: read back and compare before deciding.
 */
export interface ObjectStore {
  get(key: string, options?: GetOptions): Promise<GetAnswer>;
  put(key: string, bytes: Uint8Array, condition: PutCondition): Promise<PutAnswer>;
  /** Deleting what is absent is done, too. Conditions are not offered: stores ignore them. */
  delete(key: string): Promise<DeleteAnswer>;
  /** At most `limit` keys that start with `prefix` and are greater than `after`, in byte order. */
  list(prefix: string, options: ListOptions): Promise<ListAnswer>;
  close(): Promise<void>;
}

export interface GetOptions {
  /** The octets from `start` up to, not including, `end`. Past the end of the value: what there is. The answer's etag is the whole value's. */
  readonly range?: { readonly start: number; readonly end: number };
  /** Answers `unchanged` when the value still has this etag. */
  readonly ifNoneMatch?: string;
}
export interface ListOptions {
  readonly after?: string;
  /** 1 to LIST_LIMIT_MAX. */
  readonly limit: number;
}
/** `{}`: whatever is there is replaced. */
export type PutCondition = { readonly ifAbsent: true } | { readonly ifMatch: string } | Readonly<Record<string, never>>;

export type StoreFailure = {
  readonly kind: "failure";
  /** Whether trying again can help: `false` for a full disk only until there is room again. */
  readonly retryable: boolean;
  /** `none`: it certainly had no effect. `unknown`: it may have had one. */
  readonly outcome: "none" | "unknown";
  readonly because: "unavailable" | "timeout" | "throttled" | "full" | "corrupt" | "closed";
  readonly detail: string;
};
export type GetAnswer =
  | { readonly kind: "found"; readonly bytes: Buffer; readonly etag: string }
  | { readonly kind: "absent" }
  | { readonly kind: "unchanged" }
  | StoreFailure;
export type PutAnswer = { readonly kind: "done"; readonly etag: string } | { readonly kind: "conflict" } | StoreFailure;
export type DeleteAnswer = { readonly kind: "done" } | StoreFailure;
export type ListAnswer = { readonly kind: "keys"; readonly keys: readonly string[] } | StoreFailure;

export const KEY_BYTES_MAX = 512;
export const LIST_LIMIT_MAX = 1000;
