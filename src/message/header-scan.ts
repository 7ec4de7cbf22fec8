/** Finds the fields of one header (RFC 5322 section 2.2) by offset. */
import type { MessageLimits } from "./limits.ts";
import { COLON, DASH, LF, SPACE, TAB, beforeLineEnd, emptyLineAt, lineEndAfter } from "./octets.ts";
import type { PartLimit } from "./part.ts";

/** Numbers per field in `HeaderScan.offsets`: where it starts, where its colon is, where it ends. */
export const OFFSETS_PER_FIELD = 3;

export interface HeaderScan {
  readonly offsets: readonly number[];
  readonly end: number;
  readonly limit: PartLimit | null;
}

/**
 * Walks from `start` to behind the empty line. Without one, the header ends before a line for which `isDelimiter` holds, or at
 * the end. When the first line is no field there is no header at all; a later line that is none is skipped, as such lines are
 * mostly long fields that were folded without a blank, and what follows matters.
 */
export function scanHeader(content: Buffer, start: number, limits: MessageLimits, isDelimiter: (at: number) => boolean): HeaderScan {
  const end = content.length;
  const offsets: number[] = [];
  const lastStart = start + limits.headerOctetsMax;
  let limit: PartLimit | null = null;
  let current = -1;
  // Blanks in front of the first field continue nothing.
  let at = behindBlanks(content, start, end);
  if (colonOf(content, at, end) < 0) at = start;
  const firstLine = at;
  while (at < end) {
    const empty = emptyLineAt(content, at, end);
    if (empty > 0) return { offsets, end: at + empty, limit: null };
    const first = content[at]!;
    if (first === DASH && content[at + 1] === DASH && isDelimiter(at)) return endedBy(offsets, beforeLineEnd(content, at, start));
    if (at > lastStart) limit = "header-octets";
    const continued = (first === SPACE || first === TAB) && at > firstLine;
    const colon = continued ? -1 : colonOf(content, at, end);
    if (colon >= 0 && offsets.length >= limits.fieldsMax * OFFSETS_PER_FIELD) limit = "fields";
    if (limit !== null) return { offsets, end: at, limit };
    if (colon < 0 && at === firstLine && !isMboxLine(content, at)) return { offsets, end: start, limit: null };
    const next = lineEndAfter(content, colon < 0 ? at : colon, end);
    if (colon >= 0) {
      offsets.push(at, colon, next);
      current = offsets.length - 1;
    } else if (!continued) current = -1;
    else if (current >= 0) offsets[current] = next;
    at = next;
  }
  return { offsets, end, limit };
}

/** The line end in front of a delimiter is the delimiter's, so the last field loses it (RFC 2046 section 5.1.1). */
function endedBy(offsets: number[], end: number): HeaderScan {
  const last = offsets.length - 1;
  if (last >= 0) offsets[last] = Math.min(offsets[last]!, end);
  return { offsets, end, limit: null };
}

function behindBlanks(content: Buffer, start: number, end: number): number {
  let at = start;
  while (at < end && (content[at] === SPACE || content[at] === TAB)) at++;
  return at;
}

/** Where the colon behind a field name is, blanks before it allowed (RFC 5322 section 4.5.8); -1 when the line is no field. */
export function colonOf(content: Buffer, at: number, end: number): number {
  let i = at;
  while (i < end && content[i]! > SPACE && content[i]! < 127 && content[i] !== COLON) i++;
  if (i === at) return -1;
  while (i < end && (content[i] === SPACE || content[i] === TAB)) i++;
  return i < end && content[i] === COLON ? i : -1;
}

/** "From sender date" in front of the fields, which mbox leaves there, with or without its quoting. */
function isMboxLine(content: Buffer, at: number): boolean {
  const text = content.toString("latin1", at, at + 6);
  return text.startsWith("From ") || text === ">From ";
}

/** Whether the octets `start` to `end` are `nameLower` in any case. */
export function nameIs(content: Buffer, start: number, end: number, nameLower: string): boolean {
  if (end - start !== nameLower.length) return false;
  for (let i = 0; i < nameLower.length; i++) {
    const octet = content[start + i]!;
    const lower = octet >= 65 && octet <= 90 ? octet + 32 : octet;
    if (lower !== nameLower.charCodeAt(i)) return false;
  }
  return true;
}

/** Where the name of a field ends whose colon is at `colon`. */
export function nameEnd(content: Buffer, start: number, colon: number): number {
  let end = colon;
  while (end > start && (content[end - 1] === SPACE || content[end - 1] === TAB)) end--;
  return end;
}

const SHORT_LINE = 24;
const SHORT_LINES_BLOCK = 512;

/** Lines of `start` to `end`, counted by their ends, as Dovecot and Cyrus do. */
export function countLines(content: Buffer, start: number, end: number): number {
  let lines = 0;
  let at = start;
  while (at < end) {
    const next = content.indexOf(LF, at);
    if (next < 0 || next >= end) break;
    lines++;
    const short = next - at < SHORT_LINE;
    at = next + 1;
    if (!short) continue;
    // Where lines are short, a loop is faster than asking for each.
    const until = Math.min(end, at + SHORT_LINES_BLOCK);
    for (; at < until; at++) if (content[at] === LF) lines++;
  }
  return lines;
}
