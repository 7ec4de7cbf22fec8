/** Signs messages (RFC 6376 section 5): any number of keys, one pass over the body. */
import { ascii } from "../base/bytes.ts";
import { CanonicalMessage } from "./canonical-message.ts";
import type { BodyDigestLater } from "./canonical-message.ts";
import { canonicalField } from "./canonical-header.ts";
import { sameNameSignedMax } from "./limits.ts";
import type { Canonicalization } from "./signature.ts";
import { signData, signedData } from "./signed-data.ts";
import { signedField, unsignedField } from "./signature-writer.ts";
import type { SigningKey } from "./signing-key.ts";
import { encodeDkimQuotedPrintable } from "./tag-list.ts";

/**
 * Named once more than they occur, so that nobody can add another (RFC 6376 section 8.15): what a reader sees of a message, what
 * says how to read its body, and what a mail program acts on.
 */
const OVERSIGNED = ["From", "To", "Cc", "Subject", "Date", "Message-ID", "Reply-To", "MIME-Version", "Content-Type", "List-Unsubscribe", "List-Unsubscribe-Post"] as const;
/** Signed where they occur (RFC 6376 section 5.4.1). No trace fields: they are rewritten on the way. */
const SIGNED = [
  "Sender", "In-Reply-To", "References", "Content-Transfer-Encoding", "Content-Disposition", "Content-ID", "Content-Description", "Content-Language",
  "Resent-From", "Resent-Sender", "Resent-To", "Resent-Cc", "Resent-Date", "Resent-Message-ID",
  "List-Id", "List-Help", "List-Subscribe", "List-Owner", "List-Post", "List-Archive", "Auto-Submitted", "Feedback-ID", "BIMI-Selector", "CFBL-Address", "CFBL-Feedback-ID", "Autocrypt", "TLS-Required",
] as const;

export interface SignOptions {
  /** One field for each, in this order. RSA beside Ed25519 where verifiers may not know the latter (RFC 8463 section 3). */
  readonly keys: readonly [SigningKey, ...SigningKey[]];
  /** Seconds since 1970, for t=. */
  readonly timestamp: number;
  /** Seconds until x=; null for signatures that do not expire. */
  readonly lifetime: number | null;
  /** The local part for i=, octets as latin1; null for none. */
  readonly identityLocalPart?: string | null;
  readonly canonicalization?: Canonicalization;
}
export type SignOutcome =
  /** Fields to put in front of the message, each ended by CRLF. */
  | { readonly kind: "signed"; readonly fields: Buffer }
  /** Not one From field (RFC 6376 section 5.4, 8.15), a header beyond the limit, or a field that stands too often to vouch for. */
  | { readonly kind: "refused"; readonly because: "from-fields" | "header-too-large" | "repeated-field" };

const RELAXED: Canonicalization = { header: "relaxed", body: "relaxed" };

export class DkimSigner {
  readonly #message: CanonicalMessage;
  readonly #options: SignOptions;
  readonly #canonicalization: Canonicalization;
  readonly #body: BodyDigestLater;

  /** To be made before the body is pushed. Relaxed canonicalization unless told otherwise; never l=. */
  constructor(message: CanonicalMessage, options: SignOptions) {
    this.#message = message;
    this.#options = options;
    this.#canonicalization = options.canonicalization ?? RELAXED;
    this.#body = message.wantBody(this.#canonicalization.body);
  }

  /** To be called when the body has ended. An RSA-2048 signature keeps the event loop for about half a millisecond. */
  finish(): SignOutcome {
    const message = this.#message;
    if (message.limit !== null) return { kind: "refused", because: "header-too-large" };
    if (message.named("from").length !== 1) return { kind: "refused", because: "from-fields" };
    const names = namesToSign(message, OVERSIGNED, SIGNED);
    if (names === null) return { kind: "refused", because: "repeated-field" };
    const bodyHash = this.#body().hash.toString("base64");
    const fields = this.#options.keys.map((key) => this.#sign(key, names, bodyHash));
    return { kind: "signed", fields: ascii(fields.join("")) };
  }

  #sign(key: SigningKey, names: readonly string[], bodyHash: string): string {
    const { timestamp, lifetime, identityLocalPart = null } = this.#options;
    const { header, body } = this.#canonicalization;
    const unsigned = unsignedField("DKIM-Signature", [
      ["v", "1"],
      ["a", key.algorithm],
      ["c", `${header}/${body}`],
      ["d", key.domain],
      ["s", key.selector],
      ...(identityLocalPart === null ? [] : [["i", `${encodeDkimQuotedPrintable(identityLocalPart)}@${key.domain}`] as const]),
      ["t", String(timestamp)],
      ...(lifetime === null ? [] : [["x", String(timestamp + lifetime)] as const]),
      ["h", names.join(":")],
      ["bh", bodyHash],
    ]);
    const data = signedData(this.#message, this.#message.select(names.map((name) => name.toLowerCase()), null), header, canonicalField(ascii(unsigned), header).subarray(0, -2));
    return signedField(unsigned, signData(key.privateKey, key.algorithm, data));
  }
}

/** Signs a message that is there as a whole. */
export function signDkim(content: Buffer, options: SignOptions): SignOutcome {
  const message = new CanonicalMessage(content);
  const signer = new DkimSigner(message, options);
  message.pushRest();
  return signer.finish();
}

/** Each name as often as it occurs, those of `oversigned` once more. Null when one occurs too often. */
export function namesToSign(message: CanonicalMessage, oversigned: readonly string[], signed: readonly string[]): string[] | null {
  const names: string[] = [];
  for (const [list, more] of [[oversigned, 1], [signed, 0]] as const) {
    for (const name of list) {
      const count = message.named(name.toLowerCase()).length;
      if (count > sameNameSignedMax) return null;
      for (let i = 0; i < count + more; i++) names.push(name);
    }
  }
  return names;
}
