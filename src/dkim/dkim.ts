/**
 * DKIM signatures (RFC 6376; RFC 8301, 8463, 8616), verified.
 *
 * A verifier reads the signatures of a `CanonicalMessage`, starts the look-ups of their keys, and asks for the hashes of the body
 * they need; whoever has the body pushes it, once for everything that verifies this message, and then asks for the results.
 * A signature that is wrong is worth what none is worth (RFC 6376 section 6.1): callers use what is "pass" and may defer on "temperror".
 */
import { CanonicalMessage } from "./canonical-message.ts";
import type { BodyDigest, BodyDigestLater } from "./canonical-message.ts";
import { canonicalSignature } from "./canonical-header.ts";
import { signatureOctetsMax, signaturesMax, signedOctetsMax } from "./limits.ts";
import type { KeyAnswer, PublicKey, PublicKeys } from "./public-keys.ts";
import { parseDkimSignature, peekSigner, tagsOfField } from "./signature.ts";
import type { Algorithm, Canonicalization, DkimSignature } from "./signature.ts";
import { resultOf } from "./signature-fault.ts";
import type { DkimResult, SignatureFault } from "./signature-fault.ts";
import { isSignedBy, signedData } from "./signed-data.ts";
import type { TagList } from "./tag-list.ts";

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
  /** The first characters of b=: header.b of RFC 6008. Null when the signature cannot be read. */
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

  #check({ field, signature, body }: Checkable, answer: KeyAnswer): VerifiedSignature {
    const digest = body();
    const why = answer.kind === "fault" ? answer.fault : this.#faultOf(field, signature, digest, answer.key);
    return reportOf(signature, why, answer, digest);
  }

  #faultOf(field: number, signature: DkimSignature, digest: BodyDigest, key: PublicKey): SignatureFault | null {
    if (key.strictDomain && signature.identity.domain !== signature.domain) return "identity-outside-domain";
    if (signature.bodyOctets !== null && signature.bodyOctets > digest.octets) return "body-shorter";
    if (!digest.hash.equals(signature.bodyHash)) return "body-changed";
    const data = this.#signedData(field, signature);
    if (data === null) return "header-too-large";
    if (!isSignedBy(key.key, signature.algorithm, data, signature.signature)) return "signature-wrong";
    return digest.octetsHashed < digest.octets ? "body-partly-covered" : null;
  }

  /** Null when all signatures together cover more than is hashed for one message. */
  #signedData(field: number, signature: DkimSignature): Buffer | null {
    const message = this.#message;
    const selected = message.select(signature.signedFields, field);
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

function readCandidate(message: CanonicalMessage, field: number, { keys, now }: VerifyOptions): Candidate {
  const { start, end, valueStart } = message.fields[field]!;
  if (end - start > signatureOctetsMax) return { kind: "fault", report: unreadable(null, "signature-too-long") };
  const tags = tagsOfField(message.fieldOctets(field), valueStart - start);
  if (tags === null) return { kind: "fault", report: unreadable(null, "malformed-tags") };
  const parsed = parseDkimSignature(tags);
  if (parsed.kind === "fault") return { kind: "fault", report: unreadable(tags, parsed.fault) };
  const signature = parsed.value;
  const { domain, selector, algorithm, canonicalization, bodyOctets, expiration } = signature;
  if (message.limit !== null) return { kind: "fault", report: reportOf(signature, "header-too-large", null, null) };
  if (expiration !== null && expiration < now / 1000) return { kind: "fault", report: reportOf(signature, "expired", null, null) };
  const key = keys.find(domain, selector, algorithm);
  // Whoever gives up on the message never asks for the results; an exception of the resolver shows itself to who does.
  key.catch(ignore);
  return { kind: "checkable", field, signature, body: message.wantBody(canonicalization.body, bodyOctets ?? undefined), key };
}
function ignore(): void {}

/** A report on what could not be read, with what can be made out of it. */
function unreadable(tags: TagList | null, why: SignatureFault): VerifiedSignature {
  return {
    result: resultOf(why), why, ...peekSigner(tags), identity: null, algorithm: null, keyBits: null, keyAuthentic: false, testing: false,
    canonicalization: null, signedFields: [], bodyLengthCovered: null, signatureStart: null, timestamp: null, expiration: null,
  };
}

function reportOf(signature: DkimSignature, why: SignatureFault | null, answer: KeyAnswer | null, digest: BodyDigest | null): VerifiedSignature {
  const key = answer?.kind === "key" ? answer.key : null;
  const { identity } = signature;
  return {
    result: why === null ? "pass" : resultOf(why),
    why,
    domain: signature.domain,
    selector: signature.selector,
    identity: `${identity.localPart}@${identity.domain}`,
    algorithm: signature.algorithm,
    keyBits: answer?.kind === "fault" ? answer.bits : (key?.bits ?? null),
    keyAuthentic: answer?.kind === "key" && answer.authentic,
    testing: key?.testing ?? false,
    canonicalization: signature.canonicalization,
    signedFields: signature.signedFields,
    bodyLengthCovered: digest === null ? null : { octets: digest.octetsHashed, of: digest.octets },
    // Six octets are eight characters, without padding.
    signatureStart: signature.signature.toString("base64", 0, 6),
    timestamp: signature.timestamp,
    expiration: signature.expiration,
  };
}
