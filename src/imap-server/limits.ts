/** Bounds of an IMAP session, each with its reason. */

/** RFC 9051 section 5.4: at least 30 minutes once authenticated. */
export const IDLE_TIMEOUT_MS = 31 * 60 * 1000;
/** A connection that does not authenticate is cheap to open and has little time. */
export const LOGIN_TIMEOUT_MS = 60 * 1000;
/** A connection that has not authenticated by then ends, whatever it keeps saying. */
export const UNAUTHENTICATED_MS_MAX = 5 * 60 * 1000;
/** A client that stops in the middle of a command or a literal. */
export const COMMAND_PAUSE_MS = 5 * 60 * 1000;
/** Failed logins of one connection. */
export const LOGIN_FAILURES_MAX = 3;
/** A failed login is answered this late. */
export const LOGIN_FAILURE_DELAY_MS = 1500;
/** Commands that were answered BAD, in a row. */
export const BAD_COMMANDS_MAX = 20;
/** Memory for responses that a session begins with after each rest: most answers are short, and most sessions idle. */
export const FIRST_SLAB_BYTES = 1024;
/** Responses are handed to the connection from this size on. */
export const FLUSH_BYTES = 64 * 1024;
/** More than this waiting to leave: the command that writes waits for the client to read. */
export const PENDING_BYTES_MAX = 1024 * 1024;
/** Stretches of recent messages that a session remembers. */
export const RECENT_RANGES_MAX = 100;
/** A long command lets other sessions run at least this often. */
export const BREATHE_MS = 20;
/** Below the five minutes after which many NATs forget a connection. */
export const KEEP_ALIVE_MS = 4 * 60 * 1000;
