/** What one DMARC evaluation may cost. */

/** RFC 9989 section 4.10: a tree walk asks at most eight times, however many labels the name has. */
export const TREE_WALK_QUERIES_MAX = 8;
/** The labels that are left when a longer name is shortened (section 4.10, step 4). */
export const TREE_WALK_LABELS = 7;
/** Authenticated identifiers whose alignment is judged: eight signatures, SPF, and one to spare. Further ones do not count. */
export const IDENTIFIERS_MAX = 10;
/** Octets of a record. Those seen have under 1,000. */
export const RECORD_OCTETS_MAX = 16_384;
/** Reporting URIs of one tag that are kept. Section 4.6 wants a report for each; nobody publishes more than a handful. */
export const REPORT_URIS_MAX = 20;
/** Faults that are told of one record. */
export const FAULTS_MAX = 50;
/** Domains of authors that are named when there is not exactly one (section 11.5). */
export const AUTHOR_DOMAINS_MAX = 10;
