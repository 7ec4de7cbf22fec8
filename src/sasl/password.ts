/**
 * Passwords prepared for comparison, and what is kept of them.
 *
 * Two preparations are in use. RFC 8265 (PRECIS OpaqueString) is the newer one and changes nearly nothing. RFC 5802 section 2.2 tells SCRAM
 * clients to use SASLprep (RFC 4013), which also folds compatibility characters (full-width letters, ligatures). A SCRAM client hashes on its own
 * side, so credentials are made from the SASLprep form; PLAIN, where we see the password, matches in either form. For ASCII both are the same.
 */
import { createHash, createHmac, pbkdf2, timingSafeEqual } from "node:crypto";
import { assert } from "../base/assert.ts";
import type { ScramCredentials } from "./authenticator.ts";
import { ITERATIONS_MIN, PASSWORD_BYTES_MAX, SALT_BYTES_MIN } from "./limits.ts";

const KEY_BYTES = 32;
/** Control characters (RFC 8264 section 9.12) and what no text may hold. Never allowed by either preparation. */
const FORBIDDEN = /[\p{Cc}\p{Cs}\p{Noncharacter_Code_Point}]/u;
/** RFC 4013 section 2.1: the characters of RFC 3454 table B.1 are mapped to nothing. */
const MAPPED_TO_NOTHING = /[\u00ad\u034f\u1806\u180b-\u180d\u200b-\u200d\u2060\ufe00-\ufe0f\ufeff]/g;

function fit(text: string): string | null {
  return text.length === 0 || Buffer.byteLength(text) > PASSWORD_BYTES_MAX || FORBIDDEN.test(text) ? null : text;
}

/** RFC 8265 section 4.2.2: other spaces become U+0020, then NFC; width and case stay. Null for what cannot be a password. */
export function opaqueString(text: string): string | null {
  if (fit(text) === null) return null;
  return fit(text.replace(/\p{Zs}/gu, " ").normalize("NFC"));
}

/** RFC 4013 section 2.1 and 2.2. Unassigned code points are let through, as for a query. Null for what cannot be a password. */
export function saslPrep(text: string): string | null {
  if (fit(text) === null) return null;
  // U+200B is in both of RFC 4013's mappings; as in most implementations it becomes nothing.
  return fit(text.replace(MAPPED_TO_NOTHING, "").replace(/\p{Zs}/gu, " ").normalize("NFKC"));
}

/** What to keep of a password (RFC 5802 section 3). Null when it is empty, too long, or holds control characters. Runs off the event loop. */
export async function makeCredentials(password: string, salt: Buffer, iterations: number): Promise<ScramCredentials | null> {
  assert(iterations >= ITERATIONS_MIN && salt.length >= SALT_BYTES_MIN, "salt and iterations are strong enough");
  const prepared = saslPrep(password);
  return prepared === null ? null : derive(await saltedPassword(prepared, salt, iterations), salt, iterations);
}

/** Whether the password belongs to the credentials. Takes as long for a wrong one as for a right one. */
export async function verifyPassword(credentials: ScramCredentials, password: string): Promise<boolean> {
  const { salt, iterations, storedKey } = credentials;
  const forms = new Set([saslPrep(password), opaqueString(password)]);
  forms.delete(null);
  let verified = false;
  for (const form of forms) {
    const candidate = derive(await saltedPassword(form ?? "", salt, iterations), salt, iterations);
    if (sameKey(candidate.storedKey, storedKey)) verified = true;
  }
  return verified;
}

/** `Hi(Normalize(password), salt, i)` of RFC 5802 section 2.2, for a password that is prepared already. */
export function saltedPassword(prepared: string, salt: Buffer, iterations: number): Promise<Buffer> {
  return new Promise((resolve, rejected) => {
    pbkdf2(prepared, salt, iterations, KEY_BYTES, "sha256", (error, key) => (error === null ? resolve(key) : rejected(error)));
  });
}

function derive(salted: Buffer, salt: Buffer, iterations: number): ScramCredentials {
  return { salt, iterations, storedKey: sha256(hmac(salted, "Client Key")), serverKey: hmac(salted, "Server Key") };
}

export function hmac(key: Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text, "utf8").digest();
}

export function sha256(bytes: Buffer): Buffer {
  return createHash("sha256").update(bytes).digest();
}

export function sameKey(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
