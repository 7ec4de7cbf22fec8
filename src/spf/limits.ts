/** What one SPF check may cost. */

/** RFC 7208 section 4.6.4: include, a, mx, ptr, exists and redirect, in all records that one check reads. It bounds recursion too, since each record below the first costs one. */
export const DNS_TERMS_MAX = 10;
/** RFC 7208 section 4.6.4: terms whose queries find nothing. */
export const VOID_LOOKUPS_MAX = 2;
/** RFC 7208 section 4.6.4: with more the mx mechanism is a permerror. */
export const MX_NAMES_MAX = 10;
/** RFC 7208 section 4.6.4: further names of the client are ignored. */
export const PTR_NAMES_MAX = 10;
/** Queries for one message, both identities together. The limits above allow over 200; honest records need under 40. */
export const DNS_QUERIES_MAX = 100;
/** RFC 7208 section 4.6.4: at least 20 seconds for a check. */
export const CHECK_MS_MAX = 20_000;
/** Octets of a record that is read. Section 3.4 advises 450; flattened records with 8,000 are seen. */
export const RECORD_OCTETS_MAX = 16_384;
/** Characters of an explanation that are kept: it has to fit into an SMTP reply beside our own words. */
export const EXPLANATION_CHARS_MAX = 400;
/** What a macro may take of its value (RFC 7208 section 7.3 asks for at least 127), so that the number stays a number. */
export const MACRO_DIGITS_MAX = 4;
/** Faults that are told of one record. */
export const FAULTS_MAX = 50;
/** Records that the check of a whole policy follows, wanted or not, before it gives up. */
export const LINT_RECORDS_MAX = 40;

/** What a caller may set; the defaults are those of RFC 7208. */
export interface SpfLimits {
  readonly dnsTerms: number;
  readonly voidLookups: number;
  readonly dnsQueries: number;
  /** Milliseconds, for both identities together. Checked before each query. */
  readonly timeMs: number;
}
export const DEFAULT_LIMITS: SpfLimits = { dnsTerms: DNS_TERMS_MAX, voidLookups: VOID_LOOKUPS_MAX, dnsQueries: DNS_QUERIES_MAX, timeMs: CHECK_MS_MAX };
