/**
 * Mail addresses (RFC 5321 section 4.1.2, RFC 6531): parse, write, compare.
 * Source routes and angle brackets belong to the SMTP path, not to the address.
 */
import type { Brand } from "../base/brand.ts";
import { parseDomain } from "./domain.ts";
import { addressOctetsMax, localPartOctetsMax } from "./limits.ts";

/** A domain: lower case A-labels (RFC 5890), or an address literal in brackets (RFC 5321 section 4.1.3). */
export type Domain = Brand<string, "Domain">;

/** A mail address (RFC 5321 section 4.1.2, RFC 6531). The local part is unquoted and keeps its case. */
export interface Address {
  readonly localPart: string;
  readonly domain: Domain;
}

/** The reverse-path of a mail transaction: `<>` is a value of its own (RFC 5321 section 4.5.5). */
export type ReversePath = { readonly kind: "null" } | { readonly kind: "address"; readonly address: Address };

/** atext of RFC 5322 section 3.2.3, widened by RFC 6531 section 3.3. */
const ATEXT = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~\\-\\u0080-\\u{10ffff}]";
const DOT_ATOM = new RegExp(`^${ATEXT}+(?:\\.${ATEXT}+)*$`, "u");
/** Carriers in Japan gave out `a..b@`, `.a@` and `a.@`; they are taken as they come and quoted when written. */
const ANY_DOTS = new RegExp(`^(?=\\.*[^.])(?:\\.|${ATEXT})+$`, "u");
/** Nothing that could end or reorder a line of a protocol. */
const FORBIDDEN = /[\p{Cc}\p{Zl}\p{Zp}]/u;

/** Reads `local@domain`; null when it is no address. An empty quoted local part names nobody and is refused. */
export function parseAddress(text: string): Address | null {
  // Longer text cannot fit even when every character of the local part is quoted.
  if (text.length > 2 * addressOctetsMax || FORBIDDEN.test(text) || !text.isWellFormed()) return null;
  const at = text.lastIndexOf("@");
  if (at <= 0) return null;
  const localPart = parseLocalPart(text.slice(0, at));
  const domain = parseDomain(text.slice(at + 1));
  if (localPart === null || domain === null) return null;
  if (Buffer.byteLength(localPart) > localPartOctetsMax) return null;
  const address: Address = { localPart, domain };
  return Buffer.byteLength(writeAddress(address)) <= addressOctetsMax ? address : null;
}

function parseLocalPart(text: string): string | null {
  if (!text.startsWith('"')) return ANY_DOTS.test(text) ? text : null;
  if (text.length < 3 || !/^"(?:[^"\\]|\\[\x20-\x7e])+"$/u.test(text)) return null;
  return text.slice(1, -1).replace(/\\(.)/g, "$1");
}

/** The address as SMTP and message fields have it; quotes the local part when it is no dot-atom (RFC 5321 section 4.1.2). */
export function writeAddress(address: Address): string {
  const { localPart, domain } = address;
  if (DOT_ATOM.test(localPart)) return `${localPart}@${domain}`;
  return `"${localPart.replace(/["\\]/g, "\\$&")}"@${domain}`;
}

/** What lookups compare: local part without case, domain in A-labels. Two spellings of one mailbox have one key. */
export function addressKey(address: Address): string {
  return `${address.localPart.normalize("NFC").toLowerCase().normalize("NFC")}@${address.domain}`;
}

/** "base+detail" (RFC 5233 section 4). A separator in front separates nothing. */
export function splitSubaddress(localPart: string): { readonly base: string; readonly detail: string | null } {
  const at = localPart.indexOf("+");
  return at <= 0 ? { base: localPart, detail: null } : { base: localPart.slice(0, at), detail: localPart.slice(at + 1) };
}
