/** Why a signature is not a pass, and which result of RFC 8601 section 2.7.1 that is. */

export type DkimResult = "pass" | "fail" | "policy" | "neutral" | "temperror" | "permerror";

const RESULT_OF = {
  /** Not a tag list, or a tag that stands twice. */
  "malformed-tags": "neutral",
  "signature-too-long": "neutral",
  "tag-missing": "neutral",
  "version-unknown": "neutral",
  "algorithm-unknown": "neutral",
  "canonicalization-unknown": "neutral",
  "query-unknown": "neutral",
  "malformed-domain": "neutral",
  "malformed-selector": "neutral",
  "malformed-base64": "neutral",
  "malformed-field-names": "neutral",
  "malformed-length": "neutral",
  "malformed-time": "neutral",
  "malformed-identity": "neutral",
  "too-many-fields": "neutral",
  /** RFC 8301 section 3.1: never valid. */
  "algorithm-sha1": "permerror",
  /** RFC 6376 section 5.4. */
  "from-not-signed": "permerror",
  /** RFC 6376 section 3.5, i=, or the key's flag s (section 3.6.1). */
  "identity-outside-domain": "permerror",
  "key-absent": "permerror",
  "key-malformed": "permerror",
  /** An empty p= (RFC 6376 section 3.6.1). */
  "key-revoked": "permerror",
  /** The key is of another type, or its h= or s= does not allow this use. */
  "key-unsuitable": "permerror",
  /** The DNS did not answer. */
  "key-unavailable": "temperror",
  /** RFC 8301 section 3.2. */
  "key-too-short": "policy",
  "key-too-long": "policy",
  /** x= has passed, which RFC 6376 section 3.5 leaves to the verifier. */
  expired: "policy",
  /** The signature is right, but by l= the body goes on behind what it covers: anybody may have added that (RFC 6376 section 8.2). */
  "body-partly-covered": "policy",
  /** More header than this verifier reads or hashes. */
  "header-too-large": "policy",
  "body-changed": "fail",
  /** l= is more than there is. */
  "body-shorter": "fail",
  "signature-wrong": "fail",
} as const satisfies Record<string, DkimResult>;

export type SignatureFault = keyof typeof RESULT_OF;

export function resultOf(fault: SignatureFault): DkimResult {
  return RESULT_OF[fault];
}
