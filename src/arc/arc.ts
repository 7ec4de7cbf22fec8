/**
 * Authenticated Received Chain (RFC 8617), verified.
 *
 * The chain says what hops before us found, and that nobody between them changed their words. It says nothing on whether those
 * hops are honest: a result counts only for sealers that are trusted by name, and never turns a DMARC failure into a pass
 * (section 7.2.1). "fail" is worth what "none" is; nothing is deferred, as all failures are permanent (section 5.2.1).
 */
import type { AuthenticationResults } from "../authres/authres.ts";
import { CanonicalMessage } from "../dkim/canonical-message.ts";
import type { BodyDigestLater } from "../dkim/canonical-message.ts";
import { canonicalSignature } from "../dkim/canonical-header.ts";
import type { VerifyOptions } from "../dkim/dkim.ts";
import type { KeyAnswer, PublicKeys } from "../dkim/public-keys.ts";
import type { MessageSignature } from "../dkim/signature.ts";
import { isSignedBy, signedData } from "../dkim/signed-data.ts";
import { collectChain } from "./arc-set.ts";
import type { ArcFault, ArcSet, Chain, ChainStatus } from "./arc-set.ts";

export interface ArcHop {
  readonly instance: number;
  /** Who sealed: d= and s= of the seal. */
  readonly domain: string;
  readonly selector: string;
  /** t= of the seal, seconds since 1970. */
  readonly timestamp: number | null;
  /** Null when the field cannot be read. */
  readonly results: AuthenticationResults | null;
}
export interface ArcVerification {
  readonly result: ChainStatus;
  /** Null unless the result is fail. */
  readonly why: ArcFault | null;
  /** The set that failed; 0 for none in particular. */
  readonly failedInstance: number;
  /** Oldest first; believe them only when the result is pass. Empty when the sets do not fit together. */
  readonly hops: readonly ArcHop[];
  /** The lowest instance whose message signature still verifies, 0 for all (section 5.2 step 5); null unless the result is pass. */
  readonly oldestPass: number | null;
  /** For the next sealer: the highest instance there is, 0 without any. */
  readonly highestInstance: number;
  /** The newest seal says "fail": nothing is added to such a chain (section 5.1 step 2). */
  readonly closed: boolean;
}

const NONE: ArcVerification = { result: "none", why: null, failedInstance: 0, hops: [], oldestPass: null, highestInstance: 0, closed: false };

export class ArcVerifier {
  readonly #message: CanonicalMessage;
  readonly #keys: PublicKeys;
  readonly #now: number;
  readonly #chain: Chain;
  readonly #bodies = new Map<number, BodyDigestLater>();
  readonly #found = new Map<string, Promise<KeyAnswer>>();

  /** To be made before the body is pushed. */
  constructor(message: CanonicalMessage, { keys, now }: VerifyOptions) {
    this.#message = message;
    this.#keys = keys;
    this.#now = now;
    this.#chain = collectChain(message);
    if (this.#chain.kind !== "chain") return;
    const { sets } = this.#chain;
    for (const { instance, seal, messageSignature } of sets) {
      void this.#key(seal);
      if (typeof messageSignature === "string") continue;
      const newest = instance === sets.length;
      if (newest) void this.#key(messageSignature);
      // Each length is a hash of its own: an older signature with l= is not worth one.
      if (newest || messageSignature.bodyOctets === null) this.#bodies.set(instance, message.wantBody(messageSignature.canonicalization.body, messageSignature.bodyOctets ?? undefined));
    }
  }

  /** To be asked when the body has ended. Waits for the DNS. */
  async finish(): Promise<ArcVerification> {
    const chain = this.#chain;
    if (chain.kind === "none") return NONE;
    if (chain.kind === "fail") return { ...NONE, result: "fail", why: chain.why, failedInstance: chain.instance, highestInstance: chain.highest, closed: chain.closed };
    const { sets } = chain;
    const newest = sets.at(-1)!;
    const known: ArcVerification = { ...NONE, hops: sets.map(hopOf), highestInstance: sets.length };
    const fail = (why: ArcFault, failedInstance: number): ArcVerification => ({ ...known, result: "fail", why, failedInstance });
    const signatureFault = await this.#checkMessageSignature(newest);
    if (signatureFault !== null) return fail(signatureFault, newest.instance);
    for (const set of sets.toReversed()) {
      const fault = await this.#checkSeal(set, sets);
      if (fault !== null) return fail(fault, set.instance);
    }
    return { ...known, result: "pass", oldestPass: await this.#oldestPass(sets) };
  }

  /** One look-up for each key, however many sets name it. */
  #key({ domain, selector, algorithm }: Pick<MessageSignature, "domain" | "selector" | "algorithm">): Promise<KeyAnswer> {
    const name = `${algorithm} ${selector} ${domain}`;
    let found = this.#found.get(name);
    if (found === undefined) {
      found = this.#keys.find(domain, selector, algorithm);
      // Whoever gives up on the message never asks; an exception of the resolver shows itself to who does.
      found.catch(() => undefined);
      this.#found.set(name, found);
    }
    return found;
  }

  /** Steps 4 and 5 of section 5.2. */
  async #checkMessageSignature({ instance, messageSignature: signature, messageSignatureField: field }: ArcSet): Promise<ArcFault | null> {
    if (typeof signature === "string") return signature;
    if (signature.expiration !== null && signature.expiration < this.#now / 1000) return "expired";
    const digest = this.#bodies.get(instance)?.();
    if (digest === undefined || digest.octetsHashed < digest.octets) return "body-partly-covered";
    if (signature.bodyOctets !== null && signature.bodyOctets > digest.octets) return "body-shorter";
    if (!digest.hash.equals(signature.bodyHash)) return "body-changed";
    const answer = await this.#key(signature);
    if (answer.kind === "fault") return answer.fault;
    const message = this.#message;
    const { header } = signature.canonicalization;
    const data = signedData(message, message.select(signature.signedFields, field), header, canonicalSignature(message.fieldOctets(field), signature.signatureSpan, header));
    return isSignedBy(answer.key.key, signature.algorithm, data, signature.signature) ? null : "signature-wrong";
  }

  /** Step 6: a seal signs all sets up to its own, in order, and of its own the seal last (section 5.1.1). */
  async #checkSeal({ instance, seal, sealField }: ArcSet, sets: readonly ArcSet[]): Promise<ArcFault | null> {
    const answer = await this.#key(seal);
    if (answer.kind === "fault") return answer.fault;
    const message = this.#message;
    const fields = sets.slice(0, instance).flatMap((set) => [set.resultsField, set.messageSignatureField, set.sealField]).slice(0, -1);
    const data = signedData(message, fields, "relaxed", canonicalSignature(message.fieldOctets(sealField), seal.signatureSpan, "relaxed"));
    return isSignedBy(answer.key.key, seal.algorithm, data, seal.signature) ? null : "signature-wrong";
  }

  async #oldestPass(sets: readonly ArcSet[]): Promise<number> {
    for (const set of sets.slice(0, -1).toReversed()) if ((await this.#checkMessageSignature(set)) !== null) return set.instance + 1;
    return 0;
  }
}

/** Verifies a message that is there as a whole. */
export async function verifyArc(content: Buffer, options: VerifyOptions): Promise<ArcVerification> {
  const message = new CanonicalMessage(content);
  const verifier = new ArcVerifier(message, options);
  message.pushRest();
  return verifier.finish();
}

function hopOf({ instance, seal, results }: ArcSet): ArcHop {
  return { instance, domain: seal.domain, selector: seal.selector, timestamp: seal.timestamp, results };
}
