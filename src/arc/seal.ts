/** Adds an ARC set to a message that is passed on (RFC 8617 section 5.1). */
import type { AuthenticationResults } from "../authres/authres.ts";
import { writeArcAuthenticationResults } from "../authres/write.ts";
import { CanonicalMessage } from "../dkim/canonical-message.ts";
import type { BodyDigestLater } from "../dkim/canonical-message.ts";
import { canonicalField } from "../dkim/canonical-header.ts";
import { namesToSign } from "../dkim/sign.ts";
import { signData, signedData } from "../dkim/signed-data.ts";
import { signedField, unsignedField } from "../dkim/signature-writer.ts";
import type { SigningKey } from "../dkim/signing-key.ts";
import type { ArcVerification } from "./arc.ts";
import { collectChain } from "./arc-set.ts";
import { instanceMax } from "./limits.ts";

/** Never ARC's own fields or Authentication-Results (section 4.1.2), and no trace fields; those that occur, nothing more, as the next list may add its own. */
const SIGNED = [
  "From", "To", "Cc", "Subject", "Date", "Message-ID", "Reply-To", "Sender", "In-Reply-To", "References", "MIME-Version", "Content-Type", "Content-Transfer-Encoding",
  "List-Id", "List-Unsubscribe", "List-Unsubscribe-Post", "List-Post", "List-Help", "List-Archive", "DKIM-Signature",
] as const;

export interface SealOptions {
  /** RSA: RFC 8617 knows no second algorithm yet. */
  readonly key: SigningKey;
  /** What we found when the message came in, "arc" among it: all of our own results in one field (section 4.1.1). */
  readonly results: AuthenticationResults;
  /** Seconds since 1970, for t=. */
  readonly timestamp: number;
}
export type SealOutcome =
  /** Three fields to put in front of the message, seal first, each ended by CRLF. */
  | { readonly kind: "sealed"; readonly fields: Buffer; readonly instance: number }
  /** The chain says "fail" already, or is full, or was right and is no longer in the message; the key is no RSA key; more header than can be vouched for. */
  | { readonly kind: "refused"; readonly because: "chain-closed" | "chain-lost" | "too-many-sets" | "key-type" | "header-too-large" };

export class ArcSealer {
  readonly #message: CanonicalMessage;
  readonly #options: SealOptions;
  readonly #body: BodyDigestLater;

  /** `message` is what goes out, its older sets in it. To be made before the body is pushed. */
  constructor(message: CanonicalMessage, options: SealOptions) {
    this.#message = message;
    this.#options = options;
    this.#body = message.wantBody("relaxed");
  }

  /** To be called when the body has ended; `verification` is of the message as it came in. */
  finish(verification: ArcVerification): SealOutcome {
    const { key } = this.#options;
    const instance = verification.highestInstance + 1;
    if (key.algorithm !== "rsa-sha256") return { kind: "refused", because: "key-type" };
    if (verification.closed) return { kind: "refused", because: "chain-closed" };
    if (instance > instanceMax) return { kind: "refused", because: "too-many-sets" };
    const names = this.#message.limit === null ? namesToSign(this.#message, [], SIGNED) : null;
    if (names === null) return { kind: "refused", because: "header-too-large" };
    const before = this.#setsBefore(verification);
    if (before === null) return { kind: "refused", because: "chain-lost" };
    const results = Buffer.from(writeArcAuthenticationResults(instance, this.#options.results), "utf8");
    const signature = this.#messageSignature(instance, names);
    const seal = this.#seal(instance, verification.result, before, [results, Buffer.from(signature, "latin1")]);
    return { kind: "sealed", instance, fields: Buffer.concat([Buffer.from(`${seal}${signature}`, "latin1"), results, Buffer.from("\r\n")]) };
  }

  #messageSignature(instance: number, names: readonly string[]): string {
    const { key, timestamp } = this.#options;
    const unsigned = unsignedField("ARC-Message-Signature", [
      ["i", String(instance)],
      ["a", key.algorithm],
      ["c", "relaxed/relaxed"],
      ["d", key.domain],
      ["s", key.selector],
      ["t", String(timestamp)],
      ["h", names.join(":")],
      ["bh", this.#body().hash.toString("base64")],
    ]);
    const selected = this.#message.select(names.map((name) => name.toLowerCase()), null);
    return signedField(unsigned, signData(key.privateKey, key.algorithm, signedData(this.#message, selected, "relaxed", ownField(unsigned))));
  }

  /** The fields of all sets so far, in order. A broken chain is sealed as if the new set were the only one (section 5.1.2). */
  #setsBefore({ result, highestInstance }: ArcVerification): number[] | null {
    if (result !== "pass") return [];
    const chain = collectChain(this.#message);
    if (chain.kind !== "chain" || chain.sets.length !== highestInstance) return null;
    return chain.sets.flatMap((set) => [set.resultsField, set.messageSignatureField, set.sealField]);
  }

  #seal(instance: number, status: ArcVerification["result"], before: readonly number[], ownSet: readonly Buffer[]): string {
    const { key, timestamp } = this.#options;
    const unsigned = unsignedField("ARC-Seal", [["i", String(instance)], ["a", key.algorithm], ["t", String(timestamp)], ["cv", status], ["d", key.domain], ["s", key.selector]]);
    const own = Buffer.concat([...ownSet.map((field) => canonicalField(field, "relaxed")), ownField(unsigned)]);
    return signedField(unsigned, signData(key.privateKey, key.algorithm, signedData(this.#message, before, "relaxed", own)));
  }
}

/** Seals a message that is there as a whole. */
export function sealArc(content: Buffer, verification: ArcVerification, options: SealOptions): SealOutcome {
  const message = new CanonicalMessage(content);
  const sealer = new ArcSealer(message, options);
  message.pushRest();
  return sealer.finish(verification);
}

/** Relaxed, without its line end. */
function ownField(unsigned: string): Buffer {
  return canonicalField(Buffer.from(unsigned, "latin1"), "relaxed").subarray(0, -2);
}
