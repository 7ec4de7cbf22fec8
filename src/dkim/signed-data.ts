/** What a signature is made over, and the check of it (RFC 6376 section 3.7, RFC 8463 section 3). */
import { createHash, sign, verify } from "node:crypto";
import type { KeyObject } from "node:crypto";
import type { CanonicalMessage } from "./canonical-message.ts";
import { canonicalFieldGrowth, writeCanonicalField } from "./canonical-header.ts";
import type { CanonicalizationName } from "./canonical-header.ts";
import type { Algorithm } from "./signature.ts";

/** The canonical fields in the order given, then the signature's own field. */
export function signedData(message: CanonicalMessage, fields: readonly number[], canonicalization: CanonicalizationName, own: Buffer): Buffer {
  let room = own.length;
  for (const index of fields) room += message.fields[index]!.end - message.fields[index]!.start + canonicalFieldGrowth;
  const out = Buffer.allocUnsafe(room);
  let at = 0;
  for (const index of fields) at = writeCanonicalField(message.header, message.fields[index]!, canonicalization, { out, at });
  own.copy(out, at);
  return out.subarray(0, at + own.length);
}

/** Ed25519 signs the SHA-256 hash, not the data. */
export function isSignedBy(key: KeyObject, algorithm: Algorithm, data: Buffer, signature: Buffer): boolean {
  try {
    return algorithm === "rsa-sha256" ? verify("sha256", data, key, signature) : verify(null, createHash("sha256").update(data).digest(), key, signature);
  } catch {
    // OpenSSL throws for a signature that cannot even be one, such as an Ed25519 one of another length.
    return false;
  }
}

export function signData(key: KeyObject, algorithm: Algorithm, data: Buffer): Buffer {
  return algorithm === "rsa-sha256" ? sign("sha256", data, key) : sign(null, createHash("sha256").update(data).digest(), key);
}
