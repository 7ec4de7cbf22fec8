/** How much a peer may make us read. Each number says the RFC's minimum and why ours is what it is. */

/** A command line with CRLF. RFC 5321 section 4.5.3.1.4 asks for 512 plus what extensions add (DSN 500, SMTPUTF8 10, AUTH 500, SIZE 26 …). */
export const COMMAND_LINE_BYTES_MAX = 2048;
/** An AUTH command or a line of its exchange (RFC 4954 section 4): tokens are long. */
export const AUTH_LINE_BYTES_MAX = 12288;
/** A path (RFC 5321 section 4.5.3.1.3 asks for 256); more, since other systems made longer ones and the command line bounds it anyway. */
export const PATH_BYTES_MAX = 1024;
/** The argument of EHLO and HELO (RFC 5321 section 4.5.3.1.2). */
export const HELLO_BYTES_MAX = 255;
/** Parameters of one command. There are about fifteen in use. */
export const PARAMETERS_MAX = 20;
/** RFC 3461 section 4.4, counted before decoding. */
export const ENVELOPE_ID_BYTES_MAX = 100;
/** RFC 3461 section 4.2, counted before decoding. */
export const ORIGINAL_RECIPIENT_BYTES_MAX = 500;
/** Digits of a SIZE value (RFC 1870 section 2). */
export const SIZE_DIGITS_MAX = 20;

/** One line of a reply with CRLF. RFC 5321 section 4.5.3.1.5 says 512; servers in use write more. */
export const REPLY_LINE_BYTES_MAX = 4096;
/** Lines of one reply. The longest EHLO and HELP replies seen have below 50. */
export const REPLY_LINES_MAX = 200;
/** Octets of one reply. */
export const REPLY_BYTES_MAX = 65536;
