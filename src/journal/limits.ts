/** Bounds of the journal, each with its reason. */

/** Packed bodies in one entry: an object that is still cheap to write again after a conflict. */
export const ENTRY_BODY_BYTES_MAX = 4 * 1024 * 1024;
/** Decisions in one entry. */
export const ENTRY_DECISIONS_MAX = 512;
/** A body up to this size, packed, rides in its entry; a larger one is an object of its own. */
export const INLINE_BODY_BYTES_MAX = 256 * 1024;
/** Entries since the last snapshot after which a new one is due: what a cold open has to replay. */
export const SNAPSHOT_ENTRIES = 256;
/**
 * A state that was validated within this time may be written from without looking at the pointer again,
 * and entries are trimmed only TRIM_AFTER_MS after the pointer passed them. The factor between the two is the margin
 * for clocks that drift and processes that pause.
 */
export const VALID_FOR_MS = 10 * 60 * 1000;
export const TRIM_AFTER_MS = 60 * 60 * 1000;
/** Tries of one round before the caller is told that the store does not answer. */
export const ROUND_TRIES_MAX = 12;
export const BACKOFF_MS_MIN = 5;
export const BACKOFF_MS_MAX = 1000;
/** How often others may be faster before a writer gives up: many nodes that write to one account at once all get their turn. */
export const ROUND_OVERTAKEN_MAX = 200;
/** A writer that was overtaken twice steps back for up to this long. */
export const OVERTAKEN_PAUSE_MS_MAX = 25;
/** Rounds after an overtaken one in which the journal is read before it is written to. */
export const CONTENDED_ROUNDS = 32;
