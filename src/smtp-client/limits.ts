/** What bounds a client session. Timeouts in milliseconds; those with a section are RFC 5321 section 4.5.3.2's minimums. */

export const CONNECT_TIMEOUT_MS = 30_000;
/** Section 4.5.3.2.1. */
export const GREETING_TIMEOUT_MS = 5 * 60_000;
/** EHLO, HELO, STARTTLS, RSET: the RFC names none; as MAIL. */
export const COMMAND_TIMEOUT_MS = 5 * 60_000;
/** Section 4.5.3.2.2 and 4.5.3.2.3: MAIL, RCPT. */
export const ENVELOPE_TIMEOUT_MS = 5 * 60_000;
/** Section 4.5.3.2.4: until 354. */
export const DATA_TIMEOUT_MS = 2 * 60_000;
/** Section 4.5.3.2.5: for each block that is sent. */
export const BLOCK_TIMEOUT_MS = 3 * 60_000;
/** Section 4.5.3.2.6: after the final dot. */
export const FINAL_TIMEOUT_MS = 10 * 60_000;
export const TLS_TIMEOUT_MS = 60_000;
/** A peer that does not answer QUIT is left. */
export const QUIT_TIMEOUT_MS = 5_000;

/** Octets written before waiting for the peer to take them. */
export const BLOCK_BYTES = 256 * 1024;
/** Messages over one connection: servers commonly end it after as many. */
export const SESSION_TRANSACTIONS_MAX = 100;

/** Milliseconds a connection waits for another message. Below what any server allows; mail for one host comes in bursts. */
export const IDLE_MS = 3_000;
/** Connections that wait, in all and for one host: a smarthost gets the mail of many destinations at a time. */
export const IDLE_SESSIONS_MAX = 200;
export const IDLE_SESSIONS_PER_HOST_MAX = 50;

/** Mail hosts whose addresses are looked up, and addresses that are tried in one attempt. */
export const EXCHANGES_MAX = 10;
export const ADDRESSES_TRIED_MAX = 5;
/** CNAMEs in a row. */
export const CNAME_HOPS_MAX = 8;
