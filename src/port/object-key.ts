/** What every object store checks before it looks at its medium. A caller that breaks one of these has a bug, so they assert. */
import { assert } from "../base/assert.ts";
import { KEY_BYTES_MAX, LIST_LIMIT_MAX, type GetOptions, type ListOptions } from "./object-store.ts";

const KEY_OCTETS = /^[A-Za-z0-9/\-_.!=@+]*$/;

/** Greater than every octet that a key can have: `prefix + KEY_OCTET_ABOVE` is above all keys that start with `prefix` and below all other greater keys. */
export const KEY_OCTET_ABOVE = "\x7f";

export function assertKey(key: string): void {
  assert(key.length > 0, "object key: empty");
  assertPrefix(key);
}

/** A prefix, or the `after` of a list: it may be empty. */
export function assertPrefix(prefix: string): void {
  assert(prefix.length <= KEY_BYTES_MAX, "object key: too long");
  assert(KEY_OCTETS.test(prefix), "object key: octet that is not allowed");
}

export function assertGetOptions(options: GetOptions): void {
  const range = options.range;
  if (range === undefined) return;
  assert(Number.isSafeInteger(range.start) && Number.isSafeInteger(range.end), "object range: whole numbers");
  assert(range.start >= 0 && range.end >= range.start, "object range: 0 <= start <= end");
}

export function assertListOptions(options: ListOptions): void {
  assert(Number.isInteger(options.limit) && options.limit >= 1 && options.limit <= LIST_LIMIT_MAX, "object list: limit out of range");
  if (options.after !== undefined) assertPrefix(options.after);
}
