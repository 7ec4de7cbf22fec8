/** What bounds the directory's work for one question, whoever asks it. */

/** How many aliases may follow one another (an alias to an alias to …). Chains that people make are one or two long. */
export const ALIAS_DEPTH_MAX = 10;
/** Recipients one address may stand for after all aliases are expanded. Larger lists are the work of list software. */
export const ALIAS_RECIPIENTS_MAX = 100;
/** Targets one alias object may hold. */
export const ALIAS_TARGETS_MAX = 100;
/** Addresses looked at to find the oldest account of a domain for postmaster@ and abuse@. */
export const ROLE_SCAN_MAX = 200;
/** How long an object that was found is believed without asking the store again. What was absent is always asked for again. */
export const LOOKUP_AGE_MS_MAX = 2_000;
/** Objects kept for that long. */
export const LOOKUP_ENTRIES_MAX = 20_000;
/** Reads, compares and writes of one object before other writers are said to be in the way. */
export const CHANGE_ATTEMPTS_MAX = 20;
/** How long a password that was checked once need not go through PBKDF2 again. */
export const VERIFIED_AGE_MS_MAX = 5 * 60_000;
/** Such passwords kept. */
export const VERIFIED_ENTRIES_MAX = 20_000;
/** Password checks under way or waiting; above it the answer is `unavailable`, so that guessing cannot starve the thread pool for longer than a few seconds. */
export const PASSWORD_CHECKS_MAX = 256;
/** A login name longer than any address (RFC 5321 section 4.5.3.1: 64 + 1 + 255) is nobody's. */
export const LOGIN_NAME_CHARS_MAX = 320;
/** Octets of a display name. */
export const NAME_BYTES_MAX = 256;
/**
 * RFC 7677 section 4 asks for 4096 at least. 65,536 take 9 ms of one thread of the pool here, once per 5 minutes and login, and are
 * the most that clients with Cyrus SASL compute.
 */
export const CREDENTIAL_ITERATIONS = 65_536;
/** Octets of salt for each password. */
export const SALT_BYTES = 16;
/** DKIM keys of one domain: some for rotation, some for streams of mail. */
export const SIGNING_KEYS_MAX = 50;
/** Domains whose keys are kept ready to sign. */
export const SIGNING_DOMAINS_MAX = 10_000;
