/** How much a client may make a mechanism read. */

/** One message of an exchange, decoded. Fits the longest line that SMTP and IMAP pass on (12288 octets of base64). */
export const MESSAGE_BYTES_MAX = 9216;
/** A login name. RFC 4616 section 2 asks for 255. */
export const NAME_BYTES_MAX = 512;
/** A password. RFC 4616 section 2 asks for 255. Longer ones are refused before any hashing. */
export const PASSWORD_BYTES_MAX = 1024;
/** The client's part of a SCRAM nonce. Clients use 18 to 64. */
export const NONCE_BYTES_MAX = 256;
/** Octets of the server's part of a SCRAM nonce, before base64. */
export const SERVER_NONCE_BYTES = 24;
/** RFC 7677 section 4. */
export const ITERATIONS_MIN = 4096;
/** What our own client side computes at most when a server asks for it; more is a server that wants to burn our time. */
export const ITERATIONS_MAX = 1_000_000;
export const SALT_BYTES_MIN = 16;
