/** Canonical forms of header fields (RFC 6376 section 3.4.1 and 3.4.2). */
import { ascii } from "../base/bytes.ts";
import { COLON, CR, LF, SPACE, TAB } from "../message/octets.ts";

export type CanonicalizationName = "simple" | "relaxed";

const CRLF = ascii("\r\n");

/**
 * `field` is one whole field with its line end. Simple: as it is, the same memory. Relaxed: name in lower case, folds taken out,
 * runs of blanks made one space, none at the ends and none around the colon. Both end with CRLF.
 */
export function canonicalField(field: Buffer, canonicalization: CanonicalizationName): Buffer {
  if (canonicalization === "simple") return field.at(-1) === LF ? field : Buffer.concat([field, CRLF]);
  const out = Buffer.allocUnsafe(field.length + 3);
  let length = writeName(field, out);
  const valueStart = length;
  let blank = false;
  for (let i = field.indexOf(COLON) + 1; i < field.length; i++) {
    const octet = field[i]!;
    if (octet === SPACE || octet === TAB) {
      blank = true;
      continue;
    }
    if (octet === LF || (octet === CR && field[i + 1] === LF)) continue;
    if (blank && length > valueStart) out[length++] = SPACE;
    blank = false;
    out[length++] = octet;
  }
  out[length++] = CR;
  out[length++] = LF;
  return out.subarray(0, length);
}

/** Name and colon; answers how many octets they are. */
function writeName(field: Buffer, out: Buffer): number {
  let length = 0;
  for (let i = 0; i < field.length; i++) {
    const octet = field[i]!;
    if (octet === SPACE || octet === TAB) continue;
    out[length++] = octet >= 65 && octet <= 90 ? octet + 32 : octet;
    if (octet === COLON) break;
  }
  return length;
}

/** A signature's own field, as it is hashed last: the value of b= and all blanks around it deleted, no line end (RFC 6376 section 3.7). */
export function canonicalSignature(field: Buffer, b: { readonly start: number; readonly end: number }, canonicalization: CanonicalizationName): Buffer {
  const canonical = canonicalField(Buffer.concat([field.subarray(0, b.start), field.subarray(b.end)]), canonicalization);
  return canonical.subarray(0, canonical.at(-2) === CR ? -2 : -1);
}
