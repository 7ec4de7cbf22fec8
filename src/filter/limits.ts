/** What the evidence about one message may cost, so that a stranger's records hold up neither the message nor the resolver. */

/** Milliseconds from the end of the message until the last answer is waited for. RFC 5321 section 4.5.3.2.6 gives a client 10 minutes of patience. */
export const EVIDENCE_MS_MAX = 10_000;
/** Until when iprev, SPF, DKIM and ARC are waited for: DMARC needs their results, and some time of its own. */
export const FIRST_STEPS_MS_MAX = 7_000;
/** One name of the address and ten of its names (iprev/limits.ts). */
export const IPREV_QUERIES_MAX = 11;
/** Both identities. Honest records need under 40; beyond it is the record's fault (permerror). */
export const SPF_QUERIES_MAX = 80;
/** One for each signature that is looked at (dkim/limits.ts). */
export const DKIM_QUERIES_MAX = 8;
/** Two for each set of an ARC chain, at most. Chains of more than five hops are rare, and no honest one has ten. */
export const ARC_QUERIES_MAX = 20;
/** The author's walk, and those of identifiers below the same organizational domain. */
export const DMARC_QUERIES_MAX = 40;
/** Octets of a body that are hashed before others get their turn. */
export const BODY_STEP_OCTETS = 1024 * 1024;
