/**
 * Sets of message numbers or UIDs (RFC 9051 section 9, `sequence-set`): `2,4:7,9,12:*`, or `$` for the saved result.
 * They are kept as ranges, so that `1:*` costs the same whatever the size of the mailbox.
 */
import type { ResponseWriter } from "./response-writer.ts";
import { SEQUENCE_RANGES_MAX } from "./limits.ts";

/** Stands for `*`, the largest number in use. Numbers themselves begin at 1. */
export const STAR = 0;
const NUMBER_MAX = 4_294_967_295;

export type SequenceSet =
  | { readonly kind: "ranges"; readonly ranges: readonly SequenceRange[] }
  /** RFC 9051 section 6.4.4.1: what the last SEARCH saved. */
  | { readonly kind: "saved" };
/** Both ends belong to it; either may be STAR, and either may be the larger one. */
export interface SequenceRange {
  readonly first: number;
  readonly last: number;
}

/** Null when the text is no sequence set, or has more than SEQUENCE_RANGES_MAX ranges. */
export function parseSequenceSet(text: string): SequenceSet | null {
  if (text === "$") return { kind: "saved" };
  const ranges: SequenceRange[] = [];
  let at = 0;
  for (;;) {
    if (ranges.length === SEQUENCE_RANGES_MAX) return null;
    const firstEnd = numberEnd(text, at);
    const first = numberIn(text, at, firstEnd);
    if (first === null) return null;
    at = firstEnd;
    let last = first;
    if (text.charCodeAt(at) === 0x3a) {
      const lastEnd = numberEnd(text, at + 1);
      const second = numberIn(text, at + 1, lastEnd);
      if (second === null) return null;
      last = second;
      at = lastEnd;
    }
    ranges.push({ first, last });
    if (at === text.length) return { kind: "ranges", ranges };
    if (text.charCodeAt(at) !== 0x2c) return null;
    at++;
  }
}

function numberEnd(text: string, from: number): number {
  if (text.charCodeAt(from) === 0x2a) return from + 1;
  let at = from;
  while (at < text.length && at - from < 11 && isDigit(text.charCodeAt(at))) at++;
  return at;
}

/** nz-number or `*`: 1 to 2^32 - 1, no leading zero. */
function numberIn(text: string, from: number, to: number): number | null {
  const code = text.charCodeAt(from);
  if (code === 0x2a) return STAR;
  if (to === from || code === 0x30) return null;
  const value = Number(text.slice(from, to));
  return value <= NUMBER_MAX ? value : null;
}
const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39;

/** The text that `parseSequenceSet` reads back. */
export function writeSequenceSet(set: SequenceSet): string {
  if (set.kind === "saved") return "$";
  const one = (n: number): string => (n === STAR ? "*" : String(n));
  return set.ranges.map(({ first, last }) => (first === last ? one(first) : `${one(first)}:${one(last)}`)).join(",");
}

/**
 * The set's ranges with `*` taken as `max`, each with first <= last, ascending, merged where they touch.
 * What is above `max` stays, for a UID set may name UIDs that are no more; `max` 0 (nothing there) makes `*` name nothing.
 */
export function normalise(ranges: readonly SequenceRange[], max: number): SequenceRange[] {
  const ordered: { first: number; last: number }[] = [];
  for (const range of ranges) {
    const a = range.first === STAR ? max : range.first;
    const b = range.last === STAR ? max : range.last;
    // In an empty mailbox `*` names no message; a range with it there names none either.
    if (a === 0 || b === 0) continue;
    ordered.push(a <= b ? { first: a, last: b } : { first: b, last: a });
  }
  ordered.sort((x, y) => x.first - y.first);
  const merged: { first: number; last: number }[] = [];
  for (const range of ordered) {
    const before = merged.at(-1);
    if (before !== undefined && range.first <= before.last + 1) before.last = Math.max(before.last, range.last);
    else merged.push(range);
  }
  return merged;
}

/** Whether a normalised list has `n`, by halving. */
export function includes(normalised: readonly SequenceRange[], n: number): boolean {
  let low = 0;
  let high = normalised.length - 1;
  while (low <= high) {
    const middle = (low + high) >>> 1;
    const range = normalised[middle]!;
    if (n < range.first) high = middle - 1;
    else if (n > range.last) low = middle + 1;
    else return true;
  }
  return false;
}

/** Writes ascending numbers as a compact set: `1:3,7`. Writes nothing for none, which no grammar allows: ask before. */
export function writeNumbers(writer: ResponseWriter, numbers: Uint32Array | readonly number[], count = numbers.length): void {
  for (let i = 0; i < count; ) {
    const first = numbers[i]!;
    let last = first;
    i++;
    while (i < count && (numbers[i] === last || numbers[i] === last + 1)) last = numbers[i++]!;
    writer.number(first);
    if (last !== first) writer.byte(0x3a).number(last);
    if (i < count) writer.byte(0x2c);
  }
}
