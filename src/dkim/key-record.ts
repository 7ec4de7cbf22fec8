/** Key records (RFC 6376 section 3.6.1, RFC 8463 section 4). */
import { keyRecordOctetsMax } from "./limits.ts";
import type { SignatureFault } from "./signature-fault.ts";
import { colonList, parseTagList, withoutFws } from "./tag-list.ts";

/** Character strings of a TXT record hold at most this (RFC 1035 section 3.3). */
const TXT_STRING_OCTETS = 255;

export interface KeyRecord {
  readonly keyType: "rsa" | "ed25519";
  /** p=, base64 without blanks. */
  readonly publicKey: string;
  /** Flag y: the domain is only trying. */
  readonly testing: boolean;
  /** Flag s: i= must be in the domain d= itself. */
  readonly strictDomain: boolean;
}
export type KeyRecordOutcome = { readonly kind: "record"; readonly record: KeyRecord } | { readonly kind: "fault"; readonly fault: SignatureFault };

const fault = (which: SignatureFault): KeyRecordOutcome => ({ kind: "fault", fault: which });

/**
 * Reads the text of one TXT record. Unknown tags are ignored, and g= is unknown since RFC 6376. A key that is not for mail, not
 * for SHA-256 or of an unknown type is "key-unsuitable".
 */
export function parseKeyRecord(text: string): KeyRecordOutcome {
  const tags = text.length <= keyRecordOctetsMax ? parseTagList(text) : null;
  if (tags === null) return fault("key-malformed");
  const version = tags.get("v");
  if (version !== undefined && (version.value !== "DKIM1" || tags.keys().next().value !== "v")) return fault("key-malformed");
  const publicKey = tags.get("p");
  if (publicKey === undefined) return fault("key-malformed");
  const list = (name: string): string[] | null => (tags.has(name) ? colonList(tags.get(name)!.value) : null);
  const keyType = tags.get("k")?.value ?? "rsa";
  const services = list("s");
  if (keyType !== "rsa" && keyType !== "ed25519") return fault("key-unsuitable");
  if (list("h")?.includes("sha256") === false) return fault("key-unsuitable");
  if (services !== null && !services.includes("*") && !services.includes("email")) return fault("key-unsuitable");
  const p = withoutFws(publicKey.value);
  if (p === "") return fault("key-revoked");
  const flags = list("t") ?? [];
  return { kind: "record", record: { keyType, publicKey: p, testing: flags.includes("y"), strictDomain: flags.includes("s") } };
}

/** The text of the record to publish; `publicKey` is base64: SubjectPublicKeyInfo for RSA, the 32 octets for Ed25519. */
export function writeKeyRecord(keyType: "rsa" | "ed25519", publicKey: string): string {
  return `v=DKIM1; k=${keyType}; p=${publicKey}`;
}

/** Cuts a record's text into character strings of at most 255 octets; a verifier joins them without a blank. US-ASCII only. */
export function txtStrings(text: string): string[] {
  const strings: string[] = [];
  for (let at = 0; at < text.length; at += TXT_STRING_OCTETS) strings.push(text.slice(at, at + TXT_STRING_OCTETS));
  return strings;
}

/** The strings as a zone file has them (RFC 1035 section 5.1). */
export function writeTxtStrings(strings: readonly string[]): string {
  return strings.map((string) => `"${string.replace(/["\\]/g, "\\$&")}"`).join(" ");
}
