/**
 * Where the directory keeps its objects.
 *
 *   d/secret                       made once: what made-up credentials are derived from
 *   d/domain/<domain>
 *   d/address/<domain>/<local>     the domain first, so that one listing gives a domain's addresses
 *   d/account/<account id>         ids rise with time, so that the first listed is the oldest
 *   d/dkim/<domain>/<selector>     keys that sign mail; what seals them is in d/dkim-key, wrapped by the master key
 *
 * Octets outside lower-case letters, digits and `- _ .` are written `=XX` in upper-case hexadecimal digits.
 */
import { KEY_BYTES_MAX } from "../port/object-store.ts";

export const SECRET_KEY = "d/secret";
export const DOMAIN_PREFIX = "d/domain/";
export const ADDRESS_PREFIX = "d/address/";
export const ACCOUNT_PREFIX = "d/account/";
export const DKIM_PREFIX = "d/dkim/";
/** Where the keyring keeps the key that seals the private ones. */
export const DKIM_KEYRING_PREFIX = "d/dkim-";

const PLAIN = /^[a-z0-9._-]+$/;

/** Text as part of a key. Different texts give different parts, and no part holds a slash. */
export function writeKeyPart(text: string): string {
  if (PLAIN.test(text)) return text;
  let out = "";
  for (const octet of Buffer.from(text, "utf8")) {
    const char = String.fromCharCode(octet);
    out += PLAIN.test(char) ? char : `=${octet.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return out;
}

/** The text a part was written from; null where no text gives this part. */
export function parseKeyPart(part: string): string | null {
  const octets: number[] = [];
  for (let i = 0; i < part.length; i++) {
    if (part[i] !== "=") {
      octets.push(part.charCodeAt(i));
      continue;
    }
    const digits = part.slice(i + 1, i + 3);
    if (!/^[0-9A-F]{2}$/.test(digits)) return null;
    octets.push(Number.parseInt(digits, 16));
    i += 2;
  }
  const text = Buffer.from(octets).toString("utf8");
  return writeKeyPart(text) === part ? text : null;
}

export function domainKey(domain: string): string {
  return DOMAIN_PREFIX + writeKeyPart(domain);
}

/** `local` is the local part in the form in which addresses are compared. Null where the address is too long to be kept. */
export function addressObjectKey(local: string, domain: string): string | null {
  const key = `${addressPrefix(domain)}${writeKeyPart(local)}`;
  return local === "" || key.length > KEY_BYTES_MAX ? null : key;
}

export function addressPrefix(domain: string): string {
  return `${ADDRESS_PREFIX}${writeKeyPart(domain)}/`;
}

export function accountKey(id: string): string {
  return ACCOUNT_PREFIX + writeKeyPart(id);
}

export function dkimPrefix(domain: string): string {
  return `${DKIM_PREFIX}${writeKeyPart(domain)}/`;
}

/** Null where the two are too long to be kept, which no DNS name allows. */
export function dkimKey(domain: string, selector: string): string | null {
  const key = dkimPrefix(domain) + writeKeyPart(selector);
  return key.length > KEY_BYTES_MAX ? null : key;
}

const BASE32 = "0123456789abcdefghjkmnpqrstvwxyz";

/** 16 letters and digits: 9 for the milliseconds since 1970 (until the year 3084), 7 by chance (35 bits). */
export function writeAccountId(now: number, random: Uint8Array): string {
  let time = "";
  for (let rest = now, i = 0; i < 9; i++, rest = Math.floor(rest / 32)) time = BASE32[rest % 32]! + time;
  let chance = "";
  for (let i = 0; i < 7; i++) chance += BASE32[random[i]! % 32]!;
  return time + chance;
}
