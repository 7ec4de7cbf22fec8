/** Trace fields (RFC 5321 section 4.4). */
import { colonOf, nameEnd, nameIs } from "./header-scan.ts";
import { messageLimits } from "./limits.ts";
import { emptyLineAt, lineEndAfter } from "./octets.ts";

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
