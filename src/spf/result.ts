/** What an SPF check says (RFC 7208 section 2.6), and why. */

export type SpfOutcome = "none" | "neutral" | "pass" | "fail" | "softfail" | "temperror" | "permerror";

/** The results that are no statement of the domain's owner about the client. */
export type SpfProblemKind =
  /** none: no domain (a literal, one label, not a name), or no record. */
  | "malformed-domain" | "no-record"
  /** permerror */
  | "multiple-records" | "syntax" | "include-without-record" | "redirect-without-record"
  | "dns-terms" | "void-lookups" | "mx-names" | "dns-queries"
  /** temperror */
  | "servfail" | "timeout" | "bogus" | "malformed" | "time";

export interface SpfProblem {
  readonly result: "none" | "temperror" | "permerror";
  readonly kind: SpfProblemKind;
  /** The domain whose record, or lack of one, it was. */
  readonly domain: string;
  /** The term, as written; null when it is about the record as a whole. */
  readonly term: string | null;
}

export interface SpfResult {
  readonly result: SpfOutcome;
  readonly identity: "helo" | "mailfrom";
  /** The domain checked, in A-labels; as it came when it is no domain. */
  readonly domain: string;
  /** The directive that matched, as written ("-all"); "default" where none did (RFC 7208 section 4.7); null with a problem. */
  readonly mechanism: string | null;
  /** The domain whose record has that directive: another one after redirect. Directives inside an include are not named. */
  readonly recordDomain: string | null;
  /** With fail: what the domain's owner says to it (RFC 7208 section 6.2), printable US-ASCII. A stranger's words: show them as such, or not. */
  readonly explanation: string | null;
  readonly problem: SpfProblem | null;
  /** Questions asked for this identity. */
  readonly dnsQueries: number;
}
