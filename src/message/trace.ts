/** Trace fields (RFC 5321 section 4.4). */
import { colonOf, nameEnd, nameIs } from "./header-scan.ts";
import { messageLimits } from "./limits.ts";
import { SPACE, TAB, emptyLineAt, lineEndAfter } from "./octets.ts";

const UPPER_R = 82;
const LOWER_R = 114;

/** How many Received fields the header has: RFC 5321 section 6.3 takes a hundred of them for a loop. Reads the header only. */
export function countReceived(content: Buffer): number {
  const end = content.length;
  let count = 0;
  for (let at = 0; at < end && at <= messageLimits.headerOctetsMax && emptyLineAt(content, at, end) === 0; at = lineEndAfter(content, at, end)) {
    if (content[at] !== UPPER_R && content[at] !== LOWER_R) continue;
    const colon = colonOf(content, at, end);
    if (colon >= 0 && nameIs(content, at, nameEnd(content, at, colon), "received")) count++;
  }
  return count;
}

/** Behind the line at `at` and all lines that continue it. */
export function fieldEnd(content: Buffer, at: number): number {
  const end = content.length;
  let next = lineEndAfter(content, at, end);
  while (next < end && (content[next] === SPACE || content[next] === TAB)) next = lineEndAfter(content, next, end);
  return next;
}

/** Where the field of that name is, from the first on; the header's end stops the search. */
export function* fieldsAt(content: Buffer, nameLower: string): Generator<{ readonly start: number; readonly valueStart: number; readonly end: number }> {
  const lower = nameLower.charCodeAt(0);
  for (let at = 0; at < content.length && emptyLineAt(content, at, content.length) === 0; ) {
    const end = fieldEnd(content, at);
    // Blanks in front of the first field continue nothing.
    let name = at;
    while (name < end && (content[name] === SPACE || content[name] === TAB)) name++;
    if ((content[name]! | 0x20) === lower) {
      const colon = colonOf(content, name, end);
      if (colon >= 0 && nameIs(content, name, nameEnd(content, name, colon), nameLower)) yield { start: at, valueStart: colon + 1, end };
    }
    at = end;
  }
}

/**
 * The content without Return-Path fields: whoever delivers finally writes the one that counts, and those of earlier deliveries go
 * (RFC 5321 section 4.4). All other octets stay; the same buffer where there is none.
 */
export function withoutReturnPaths(content: Buffer): Buffer {
  const kept: Buffer[] = [];
  let keptTo = 0;
  for (const { start, end } of fieldsAt(content, "return-path")) {
    kept.push(content.subarray(keptTo, start));
    keptTo = end;
  }
  return kept.length === 0 ? content : Buffer.concat([...kept, content.subarray(keptTo)]);
}
