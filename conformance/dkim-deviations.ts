/**
 * Signatures that others accept or judge otherwise, and what is said of them here. A case that does as the data expects, or does
 * anything else than what stands here, fails.
 */
export interface Deviation {
  /** One result for each signature, with its reason. */
  readonly ours: readonly string[];
  readonly because: string;
}

const SHA1: Deviation = { ours: ["permerror algorithm-sha1"], because: "RFC 8301 section 3.1: rsa-sha1 MUST NOT verify" };
const DOMAINKEYS: Deviation = { ours: [], because: "RFC 4870 is historic (RFC 4871); DomainKey-Signature is no signature" };
const DRAFT: Deviation = { ours: ["neutral tag-missing"], because: "RFC 6376 section 3.5: v= is REQUIRED; written by a draft of 2006, with SHA-1 or a key of 768 bits besides (RFC 8301)" };
const DRAFT_VERSION: Deviation = { ours: ["neutral version-unknown"], because: "RFC 6376 section 3.5: v= MUST be 1; v=0.5 is a draft's, with SHA-1 besides (RFC 8301 section 3.1)" };

/** Of dkim-maildkim/corpus. */
export const maildkimDeviations: Readonly<Record<string, Deviation>> = {
  "bad_1878954.txt": SHA1,
  "bad_dk_2.txt": DOMAINKEYS,
  "bad_dk_5.txt": DOMAINKEYS,
  "bad_ietf01_2.txt": DRAFT,
  "bad_ietf01_3.txt": DRAFT,
  "dk_headers_1.txt": DOMAINKEYS,
  "dk_headers_2.txt": DOMAINKEYS,
  "dk_multiple_1.txt": DOMAINKEYS,
  "good_dk_1.txt": DOMAINKEYS,
  "good_dk_4.txt": DOMAINKEYS,
  "good_dk_5.txt": DOMAINKEYS,
  "good_dk_gmail.txt": DOMAINKEYS,
  "good_dk_yahoo.txt": DOMAINKEYS,
  "good_ietf00_1.txt": DRAFT,
  "good_ietf00_2.txt": DRAFT,
  "good_ietf00_4.txt": DRAFT,
  "good_ietf00_5.txt": DRAFT,
  "good_ietf01_1.txt": DRAFT,
  "good_qp_1.txt": SHA1,
  "goodkey_2.txt": SHA1,
  "goodkey_4.txt": SHA1,
  "multiple_1.txt": { ...DRAFT, ours: Array<string>(4).fill("neutral tag-missing") },
  "no_body_1.txt": DRAFT_VERSION,
  "no_body_2.txt": DRAFT_VERSION,
  "no_body_3.txt": DRAFT_VERSION,
};
