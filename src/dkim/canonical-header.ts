/** Canonical forms of header fields (RFC 6376 section 3.4.1 and 3.4.2). */
import { COLON, CR, LF, SPACE, TAB } from "../message/octets.ts";

export type CanonicalizationName = "simple" | "relaxed";

/** What a canonical field may have more than the field: the line end that the last field of a header can lack, and its colon's. */
export const canonicalFieldGrowth = 3;

/**
 * Writes the canonical form of the field `start` to `end` - 1 of `source` to `out` at `at`; answers where it ends. The field is
 * whole, with its line end. Simple: as it is. Relaxed: name in lower case, folds taken out, runs of blanks made one space, none at
 * the ends and none around the colon. Both end with a line end.
 */
export function writeCanonicalField(source: Buffer, { start, end }: { readonly start: number; readonly end: number }, canonicalization: CanonicalizationName, { out, at }: { readonly out: Buffer; readonly at: number }): number {
  let length = at;
  if (canonicalization === "simple") {
    source.copy(out, at, start, end);
    length += end - start;
    return source[end - 1] === LF ? length : writeLineEnd(out, length);
  }
  let i = start;
  for (let octet = -1; i < end && octet !== COLON; i++) {
    octet = source[i]!;
    if (octet !== SPACE && octet !== TAB) out[length++] = octet >= 65 && octet <= 90 ? octet + 32 : octet;
  }
  const valueStart = length;
  let blank = false;
  for (; i < end; i++) {
    const octet = source[i]!;
    if (octet > SPACE) {
      if (blank && length > valueStart) out[length++] = SPACE;
      blank = false;
      out[length++] = octet;
    } else if (octet === SPACE || octet === TAB) blank = true;
    else if (octet !== LF && !(octet === CR && i + 1 < end && source[i + 1] === LF)) {
      // Another control is an octet like any other.
      if (blank && length > valueStart) out[length++] = SPACE;
      blank = false;
      out[length++] = octet;
    }
  }
  return writeLineEnd(out, length);
}

function writeLineEnd(out: Buffer, at: number): number {
  out[at] = CR;
  out[at + 1] = LF;
  return at + 2;
}

/** One field by itself. */
export function canonicalField(field: Buffer, canonicalization: CanonicalizationName): Buffer {
  const out = Buffer.allocUnsafe(field.length + canonicalFieldGrowth);
  return out.subarray(0, writeCanonicalField(field, { start: 0, end: field.length }, canonicalization, { out, at: 0 }));
}

/** A signature's own field, as it is hashed last: the value of b= and all blanks around it deleted, no line end (RFC 6376 section 3.7). */
export function canonicalSignature(field: Buffer, b: { readonly start: number; readonly end: number }, canonicalization: CanonicalizationName): Buffer {
  const canonical = canonicalField(Buffer.concat([field.subarray(0, b.start), field.subarray(b.end)]), canonicalization);
  return canonical.subarray(0, canonical.at(-2) === CR ? -2 : -1);
}
