/** The DKIM-Signature field (RFC 6376 section 3.5, updated by RFC 8301, 8463 and 8616), and what ARC-Message-Signature has in common with it. */
import { parseDomain } from "../address/domain.ts";
import type { CanonicalizationName } from "./canonical-header.ts";
import { signedFieldsMax } from "./limits.ts";
import type { SignatureFault } from "./signature-fault.ts";
import { colonList, decodeBase64, decodeDkimQuotedPrintable, parseTagList } from "./tag-list.ts";
import type { TagList } from "./tag-list.ts";

export type Algorithm = "rsa-sha256" | "ed25519-sha256";
export interface Canonicalization {
  readonly header: CanonicalizationName;
  readonly body: CanonicalizationName;
}

/** What every signature and seal has: who signed how. */
export interface SignerTags {
  readonly algorithm: Algorithm;
  /** d=, lower case, A-labels. */
  readonly domain: string;
  /** s=, lower case. */
  readonly selector: string;
  /** b= */
  readonly signature: Buffer;
  /** Where the value of b= stands in the text that was parsed. */
  readonly signatureSpan: { readonly start: number; readonly end: number };
  /** t=, seconds since 1970; null when absent. */
  readonly timestamp: number | null;
}
export interface MessageSignature extends SignerTags {
  readonly canonicalization: Canonicalization;
  /** h=, in lower case. */
  readonly signedFields: readonly string[];
  /** bh= */
  readonly bodyHash: Buffer;
  /** l=; null when the whole body is covered. */
  readonly bodyOctets: number | null;
  /** x= */
  readonly expiration: number | null;
}
export interface DkimSignature extends MessageSignature {
  /** i= decoded: the local part as written, "" when there is none; the domain in A-labels. */
  readonly identity: { readonly localPart: string; readonly domain: string };
}
export type Parsed<T> = { readonly kind: "parsed"; readonly value: T } | { readonly kind: "fault"; readonly fault: SignatureFault };

class Refused extends Error {
  readonly fault: SignatureFault;
  constructor(fault: SignatureFault) {
    super(fault);
    this.fault = fault;
  }
}
const refuse = (fault: SignatureFault): never => {
  throw new Refused(fault);
};

/** Runs a parser of this folder; what it refuses becomes a value. */
function outcome<T>(parse: () => T): Parsed<T> {
  try {
    return { kind: "parsed", value: parse() };
  } catch (error) {
    if (error instanceof Refused) return { kind: "fault", fault: error.fault };
    throw error;
  }
}

export function parseDkimSignature(tags: TagList): Parsed<DkimSignature> {
  return outcome(() => {
    if (requireTag(tags, "v") !== "1") refuse("version-unknown");
    const signature = messageSignature(tags);
    if (!signature.signedFields.includes("from")) refuse("from-not-signed");
    return { ...signature, identity: parseIdentity(tags, signature.domain) };
  });
}

/** The tags that ARC-Message-Signature takes over from DKIM (RFC 8617 section 4.1.2): no v=, and its i= is another one. */
export function parseMessageSignature(tags: TagList): Parsed<MessageSignature> {
  return outcome(() => messageSignature(tags));
}

/** The tags that ARC-Seal takes over (RFC 8617 section 4.1.3). */
export function parseSignerTags(tags: TagList): Parsed<SignerTags> {
  return outcome(() => signerTags(tags));
}

/** For a report on a signature that was refused: what can be read of d= and s=. */
export function peekSigner(tags: TagList | null): { readonly domain: string | null; readonly selector: string | null } {
  return { domain: parseSignerDomain(tags?.get("d")?.value ?? ""), selector: parseSelector(tags?.get("s")?.value ?? "") };
}

function requireTag(tags: TagList, name: string): string {
  return tags.get(name)?.value ?? refuse("tag-missing");
}

function signerTags(tags: TagList): SignerTags {
  const algorithm = requireTag(tags, "a");
  if (algorithm === "rsa-sha1") refuse("algorithm-sha1");
  if (algorithm !== "rsa-sha256" && algorithm !== "ed25519-sha256") return refuse("algorithm-unknown");
  requireTag(tags, "b");
  const { value, start, end } = tags.get("b")!;
  return {
    algorithm,
    domain: parseSignerDomain(requireTag(tags, "d")) ?? refuse("malformed-domain"),
    selector: parseSelector(requireTag(tags, "s")) ?? refuse("malformed-selector"),
    signature: decodeBase64(value) ?? refuse("malformed-base64"),
    signatureSpan: { start, end },
    timestamp: parseSeconds(tags, "t"),
  };
}

function messageSignature(tags: TagList): MessageSignature {
  const signer = signerTags(tags);
  const query = tags.get("q");
  if (query !== undefined && !colonList(query.value).includes("dns/txt")) refuse("query-unknown");
  const expiration = parseSeconds(tags, "x");
  if (expiration !== null && signer.timestamp !== null && expiration <= signer.timestamp) refuse("malformed-time");
  const bodyHash = decodeBase64(requireTag(tags, "bh")) ?? refuse("malformed-base64");
  return {
    ...signer,
    canonicalization: parseCanonicalization(tags.get("c")?.value ?? "simple/simple"),
    signedFields: parseSignedFields(requireTag(tags, "h")),
    bodyHash,
    bodyOctets: parseBodyOctets(tags),
    expiration,
  };
}

function parseCanonicalization(value: string): Canonicalization {
  const match = /^(simple|relaxed)(?:\/(simple|relaxed))?$/.exec(value);
  if (match === null) return refuse("canonicalization-unknown");
  const name = (word: string | undefined): CanonicalizationName => (word === "relaxed" ? "relaxed" : "simple");
  return { header: name(match[1]), body: name(match[2]) };
}

/** ftext of RFC 5322 section 3.6.8, without the semicolon, which would have ended the tag. */
const FIELD_NAMES = /^(?:[!-9<-~]+:)*[!-9<-~]+$/;

function parseSignedFields(value: string): string[] {
  if (value === "") return [];
  const names = colonList(value.toLowerCase());
  if (names.length > signedFieldsMax) refuse("too-many-fields");
  if (!FIELD_NAMES.test(names.join(":"))) refuse("malformed-field-names");
  return names;
}

function parseBodyOctets(tags: TagList): number | null {
  const value = tags.get("l")?.value;
  if (value === undefined) return null;
  return /^[0-9]{1,15}$/.test(value) ? Number(value) : refuse("malformed-length");
}

/** RFC 6376 allows twelve digits. */
function parseSeconds(tags: TagList, name: "t" | "x"): number | null {
  const value = tags.get(name)?.value;
  if (value === undefined) return null;
  return /^[0-9]{1,12}$/.test(value) ? Number(value) : refuse("malformed-time");
}

/** i= must be in the domain d= or below it (RFC 6376 section 3.5); without one it is "@" and the domain. */
function parseIdentity(tags: TagList, signer: string): DkimSignature["identity"] {
  const tag = tags.get("i");
  if (tag === undefined) return { localPart: "", domain: signer };
  const value = decodeDkimQuotedPrintable(tag.value) ?? refuse("malformed-identity");
  const at = value.lastIndexOf("@");
  if (at < 0) return refuse("malformed-identity");
  const domain = parseSignerDomain(value.slice(at + 1)) ?? refuse("malformed-identity");
  if (domain !== signer && !domain.endsWith(`.${signer}`)) refuse("identity-outside-domain");
  return { localPart: value.slice(0, at), domain };
}

/** Takes octets as latin1, as header text comes: U-labels are UTF-8 in them (RFC 8616 section 3). Null when it is no domain name of two labels or more. */
export function parseSignerDomain(value: string): string | null {
  const domain = parseDomain(utf8Text(value));
  return domain === null || domain.startsWith("[") || !domain.includes(".") ? null : domain;
}

/** Labels as the DNS takes them; an underscore is no letter of RFC 6376's selectors, but stands in some. */
export function parseSelector(value: string): string | null {
  const text = utf8Text(value);
  const lower = text.toLowerCase();
  if (lower.length <= 200 && /^[a-z0-9_](?:[a-z0-9_-]{0,62})(?:\.[a-z0-9_](?:[a-z0-9_-]{0,62}))*$/.test(lower)) return lower;
  const domain = parseDomain(text);
  return domain === null || domain.startsWith("[") ? null : domain;
}

function utf8Text(octets: string): string {
  return /[\x80-\xff]/.test(octets) ? Buffer.from(octets, "latin1").toString("utf8") : octets;
}

/** Tags of a field's value, octets as latin1. Their offsets count from the start of the field. */
export function tagsOfField(field: Buffer, valueStart: number): TagList | null {
  return parseTagList(field.toString("latin1"), valueStart);
}
