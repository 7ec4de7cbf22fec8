/**
 * Takes fields in our name out of a message from outside (RFC 8601 section 5): whoever reads Authentication-Results behind the
 * border may then believe what says it is from us.
 */
import { parseDomain } from "../address/domain.ts";
import { colonOf, nameEnd, nameIs } from "../message/header-scan.ts";
import { SPACE, TAB, emptyLineAt, lineEndAfter } from "../message/octets.ts";
import { authservIdOf } from "./authres.ts";
import { fieldOctetsMax } from "./limits.ts";

const UPPER_A = 65;
const LOWER_A = 97;

export interface Removal {
  /** The content without those fields, all other octets as they were; the same buffer when there was none. */
  readonly content: Buffer;
  readonly removed: number;
}

/**
 * `authservIds` are all names our hosts sign with. Fields whose authserv-id cannot be read are taken out too: other readers may
 * read them differently. Looks at the whole header, whatever its size.
 */
export function removeAuthenticationResults(content: Buffer, authservIds: readonly string[]): Removal {
  const ours = new Set(authservIds.map(comparable));
  const kept: Buffer[] = [];
  let keptTo = 0;
  let removed = 0;
  for (let at = 0; at < content.length && emptyLineAt(content, at, content.length) === 0; ) {
    const next = fieldEnd(content, at);
    if (isOurs(content, at, next, ours)) {
      if (at > keptTo) kept.push(content.subarray(keptTo, at));
      keptTo = next;
      removed++;
    }
    at = next;
  }
  if (removed === 0) return { content, removed };
  kept.push(content.subarray(keptTo));
  return { content: Buffer.concat(kept), removed };
}

/** Behind the line at `at` and all lines that continue it. */
function fieldEnd(content: Buffer, at: number): number {
  let next = lineEndAfter(content, at, content.length);
  while (next < content.length && (content[next] === SPACE || content[next] === TAB)) next = lineEndAfter(content, next, content.length);
  return next;
}

function isOurs(content: Buffer, at: number, end: number, ours: ReadonlySet<string>): boolean {
  const name = afterBlanks(content, at, end);
  if (content[name] !== UPPER_A && content[name] !== LOWER_A) return false;
  const colon = colonOf(content, name, end);
  if (colon < 0 || !nameIs(content, name, nameEnd(content, name, colon), "authentication-results")) return false;
  const id = authservIdOf(content.toString("utf8", colon + 1, Math.min(end, colon + 1 + fieldOctetsMax)));
  return id === null || ours.has(comparable(id));
}

/** Blanks in front of the first field continue nothing, and readers differ on what they are. */
function afterBlanks(content: Buffer, at: number, end: number): number {
  let i = at;
  while (i < end && (content[i] === SPACE || content[i] === TAB)) i++;
  return i;
}

/** In one form: A-labels, lower case, no last dot, so that no other spelling of our name gets through. */
function comparable(authservId: string): string {
  const trimmed = authservId.replace(/\.$/, "");
  return parseDomain(trimmed) ?? trimmed.toLowerCase();
}
