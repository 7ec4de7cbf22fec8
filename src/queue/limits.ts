/** What bounds the queue, each with the reason for the number. */

/** Most recipients in one mail transaction: every server takes 100 (RFC 5321 section 4.5.3.1.8). */
export const TRANSACTION_RECIPIENTS_MAX = 100;

/** Recipients of one queued message. The SMTP server accepts fewer; this bounds what a decoder builds. */
export const MESSAGE_RECIPIENTS_MAX = 10_000;

/** Characters kept of a peer's reply: enough for the explanation and a link, little enough to sit in state a hundred thousand times. */
export const REPLY_TEXT_MAX = 400;

/** Characters of a name (host, envelope identifier, original recipient) kept in state. RFC 3461 section 4 allows 500. */
export const NAME_CHARACTERS_MAX = 600;

/** Operations in one entry of a shard's journal: bounds the size of an entry and the time one commit keeps others waiting. */
export const OPERATIONS_PER_COMMIT_MAX = 500;

/** Shards of a queue: bounds what a broken configuration object can ask for. */
export const SHARDS_MAX = 256;

/** Characters of a hold's reason. */
export const REASON_CHARACTERS_MAX = 200;
