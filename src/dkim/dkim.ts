/**
 * DKIM signatures (RFC 6376; RFC 8301, 8463, 8616), verified.
 *
 * A verifier reads the signatures of a `CanonicalMessage`, starts the look-ups of their keys, and asks for the hashes of the body
 * they need; whoever has the body pushes it, once for everything that verifies this message, and then asks for the results.
 * A signature that is wrong is worth what none is worth (RFC 6376 section 6.1): callers use what is "pass" and may defer on "temperror".
 */
import type { KeyAnswer, PublicKeys } from "./public-keys.ts";
import { CanonicalMessage } from "./canonical-message.ts";
import type { BodyDigestLater } from "./canonical-message.ts";
import { selectFields } from "./canonical-message.ts";
import { canonicalSignature } from "./canonical-header.ts";
import { signatureOctetsMax, signaturesMax, signedOctetsMax } from "./limits.ts";
import { parseDkimSignature, peekSigner, tagsOfField } from "./signature.ts";
import type { Algorithm, Canonicalization, DkimSignature } from "./signature.ts";
import { resultOf } from "./signature-fault.ts";
import type { DkimResult, SignatureFault } from "./signature-fault.ts";
import { isSignedBy, signedData } from "./signed-data.ts";

export interface VerifiedSignature {
  readonly result: DkimResult;
  /** Null when the result is pass. */
  readonly why: SignatureFault | null;
  /** d= in A-labels, lower case; null when it cannot be read. */
  readonly domain: string | null;
  readonly selector: string | null;
  /** i=, or "@" and the domain when there is none; octets of the local part as latin1. */
  readonly identity: string | null;
  readonly algorithm: Algorithm | null;
  /** Null when no key was found. */
  readonly keyBits: number | null;
  /** The key came by an answer that DNSSEC protects. */
  readonly keyAuthentic: boolean;
  /** The domain says it is only trying (t=y); RFC 6376 section 3.6.1 wants such mail treated as unsigned. */
  readonly testing: boolean;
  readonly canonicalization: Canonicalization | null;
  /** Names in h=, lower case. */
  readonly signedFields: readonly string[];
  /** Octets of the canonical body that are covered, and all there are; null when the body was not compared. */
  readonly bodyLengthCovered: { readonly octets: number; readonly of: number } | null;
  /** The first octets of b= as written: header.b of RFC 6008. */
  readonly signatureStart: string | null;
  readonly timestamp: number | null;
  readonly expiration: number | null;
}
export interface DkimVerification {
  /** From the top of the header down. */
  readonly signatures: readonly VerifiedSignature[];
  /** Signatures below those, that were not looked at. */
  readonly ignored: number;
  /** From fields of the message. Anything but one makes every statement about the author void (RFC 6376 section 8.15). */
  readonly fromFields: number;
}
export interface VerifyOptions {
  readonly keys: PublicKeys;
  /** Milliseconds since 1970, for x=. */
  readonly now: number;
}

/** A signature that is worth checking, or what is wrong with it. */
type Candidate = { readonly kind: "fault"; readonly report: VerifiedSignature } | Checkable;
interface Checkable {
  readonly kind: "checkable";
  readonly field: number;
  readonly signature: DkimSignature;
  readonly report: VerifiedSignature;
  readonly body: BodyDigestLater;
  readonly key: Promise<KeyAnswer>;
}

export class DkimVerifier {
  readonly #message: CanonicalMessage;
  readonly #candidates: readonly Candidate[];
  readonly #ignored: number;
  #signedOctets = 0;

  /** To be made before the body is pushed. */
  constructor(message: CanonicalMessage, options: VerifyOptions) {
    this.#message = message;
    const fields = message.named("dkim-signature");
    this.#ignored = Math.max(0, fields.length - signaturesMax);
    this.#candidates = fields.slice(0, signaturesMax).map((field) => readCandidate(message, field, options));
  }

  /** To be asked when the body has ended. Waits for the DNS. */
  async finish(): Promise<DkimVerification> {
    const signatures: VerifiedSignature[] = [];
    for (const candidate of this.#candidates) signatures.push(candidate.kind === "fault" ? candidate.report : this.#check(candidate, await candidate.key));
    return { signatures, ignored: this.#ignored, fromFields: this.#message.named("from").length };
  }

  #check({ field, signature, report, body }: Checkable, answer: KeyAnswer): VerifiedSignature {
    const digest = body();
    const covered: VerifiedSignature = { ...report, bodyLengthCovered: { octets: digest.octetsHashed, of: digest.octets } };
    if (answer.kind === "fault") return faulty({ ...covered, keyBits: answer.bits }, answer.fault);
    const { key, authentic } = answer;
    const known: VerifiedSignature = { ...covered, keyBits: key.bits, keyAuthentic: authentic, testing: key.testing };
    if (key.strictDomain && signature.identity.domain !== signature.domain) return faulty(known, "identity-outside-domain");
    if (signature.bodyOctets !== null && signature.bodyOctets > digest.octets) return faulty(known, "body-shorter");
    if (!digest.hash.equals(signature.bodyHash)) return faulty(known, "body-changed");
    const data = this.#signedData(field, signature);
    if (data === null) return faulty(known, "header-too-large");
    if (!isSignedBy(key.key, signature.algorithm, data, signature.signature)) return faulty(known, "signature-wrong");
    return digest.octetsHashed < digest.octets ? faulty(known, "body-partly-covered") : { ...known, result: "pass", why: null };
  }

  /** Null when all signatures together cover more than is hashed for one message. */
  #signedData(field: number, signature: DkimSignature): Buffer | null {
    const message = this.#message;
    const selected = selectFields(message, signature.signedFields, field);
    for (const index of selected) this.#signedOctets += message.fields[index]!.end - message.fields[index]!.start;
    if (this.#signedOctets > signedOctetsMax) return null;
    const { header } = signature.canonicalization;
    return signedData(message, selected, header, canonicalSignature(message.fieldOctets(field), signature.signatureSpan, header));
  }
}

/** Verifies a message that is there as a whole. */
export async function verifyDkim(content: Buffer, options: VerifyOptions): Promise<DkimVerification> {
  const message = new CanonicalMessage(content);
  const verifier = new DkimVerifier(message, options);
  message.pushRest();
  return verifier.finish();
}

const NOTHING_KNOWN: VerifiedSignature = {
  result: "neutral", why: "malformed-tags", domain: null, selector: null, identity: null, algorithm: null, keyBits: null, keyAuthentic: false, testing: false,
  canonicalization: null, signedFields: [], bodyLengthCovered: null, signatureStart: null, timestamp: null, expiration: null,
};

function faulty(report: VerifiedSignature, why: SignatureFault): VerifiedSignature {
  return { ...report, result: resultOf(why), why };
}

function readCandidate(message: CanonicalMessage, field: number, { keys, now }: VerifyOptions): Candidate {
  const { start, end, valueStart } = message.fields[field]!;
  if (end - start > signatureOctetsMax) return { kind: "fault", report: faulty(NOTHING_KNOWN, "signature-too-long") };
  const tags = tagsOfField(message.fieldOctets(field), valueStart - start);
  const peeked: VerifiedSignature = { ...NOTHING_KNOWN, ...peekSigner(tags), signatureStart: tags?.get("b")?.value.replace(/[ \t\r\n]+/g, "").slice(0, 8) ?? null };
  if (tags === null) return { kind: "fault", report: faulty(peeked, "malformed-tags") };
  const parsed = parseDkimSignature(tags);
  if (parsed.kind === "fault") return { kind: "fault", report: faulty(peeked, parsed.fault) };
  const signature = parsed.value;
  const { domain, selector, identity, algorithm, canonicalization, timestamp, expiration } = signature;
  const signedFields = signature.signedFields.map((name) => name.toLowerCase());
  const report: VerifiedSignature = { ...peeked, domain, selector, identity: `${identity.localPart}@${identity.domain}`, algorithm, canonicalization, signedFields, timestamp, expiration };
  if (message.limit !== null) return { kind: "fault", report: faulty(report, "header-too-large") };
  if (expiration !== null && expiration < now / 1000) return { kind: "fault", report: faulty(report, "expired") };
  const key = keys.find(domain, selector, algorithm);
  // Whoever gives up on the message never asks for the results; an exception of the resolver shows itself to who does.
  key.catch(() => undefined);
  return { kind: "checkable", field, signature, report, body: message.wantBody(canonicalization.body, signature.bodyOctets ?? undefined), key };
}
