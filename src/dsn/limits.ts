/** What bounds a report, each with the reason for the number. */

/** Octets of a peer's words in a report: one line that RFC 5322 section 2.1.1 lets be 998 long, with room for its field's name. */
export const DIAGNOSTIC_OCTETS_MAX = 800;
/** Octets of a message that is returned in full when asked for; larger ones come back as headers (RFC 3461 section 4.3 permits it). */
export const RETURNED_BYTES_MAX = 1024 * 1024;
/** Octets of returned headers: what a message with many trace fields has, several times over. */
export const RETURNED_HEADER_BYTES_MAX = 64 * 1024;
/** Octets of a line in SMTP without CRLF (RFC 5321 section 4.5.3.1.6). */
export const LINE_BYTES_MAX = 998;
/** Recipients that the text for people names; the machine-readable part names all. */
export const TEXT_RECIPIENTS_MAX = 50;
/** Octets of the identifier the sender gave (RFC 3461 section 4.4 allows 100 encoded). */
export const ENVELOPE_ID_OCTETS_MAX = 100;
