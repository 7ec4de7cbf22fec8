/** What one session may cost. Sizes and counts that operators choose are in settings.ts. */

/** RFC 5321 section 4.5.3.2.7: how long a command, whole, may take to come. */
export const COMMAND_MS_MAX = 5 * 60_000;
/** RFC 5321 section 4.5.3.2.5: how long a pause in the content may be. */
export const CONTENT_PAUSE_MS_MAX = 3 * 60_000;
/** How long the content of one message may take in all: 50 MB at 10 kB/s take 83 minutes. */
export const CONTENT_MS_MAX = 2 * 60 * 60_000;
/** Octets of replies that may wait to leave before we stop to read. */
export const PENDING_BYTES_MAX = 65536;
/** Commands that were refused as malformed, unknown or out of sequence. */
export const ERRORS_MAX = 20;
/** Recipients that were refused: who asks for more is looking for addresses. */
export const REFUSED_RECIPIENTS_MAX = 100;
/** NOOP, RSET, VRFY, EHLO and other commands that bring no message nearer, since the last message. */
export const IDLE_COMMANDS_MAX = 100;
/** Logins that failed. The listener's own guard counts over sessions. */
export const LOGIN_FAILURES_MAX = 3;
/** Content that will be refused is read and thrown away, so that the session can go on, up to this many times the message limit. */
export const DISCARD_FACTOR = 4;
/** RFC 5321 section 4.5.3.1.8: a server must take 100 recipients. */
export const RECIPIENTS_MIN = 100;
/** Addresses in From and Sender of a submitted message. */
export const AUTHORS_MAX = 20;
/** RCPT commands of one transaction, as a multiple of the recipients it may have. Those beyond are refused one by one first, as clients expect. */
export const RECIPIENT_ATTEMPTS_FACTOR = 4;
