/** What one DNS message may hold. */

/** RFC 1035 section 2.3.4. */
export const LABEL_BYTES_MAX = 63;
/** RFC 1035 section 2.3.4, length octets and root included. */
export const NAME_BYTES_MAX = 255;
/** Compression pointers in one name: a name has at most 127 labels, and a pointer without a label between is of no use. */
export const POINTERS_MAX = 127;
/** RFC 1035 section 4.2.2: the length before a message over TCP has 16 bits. */
export const MESSAGE_BYTES_MAX = 65_535;
/** The smallest record takes 11 octets, so a message could name 5,957; nobody needs so many. */
export const RECORDS_MAX = 2_000;
/** Aliases followed for one question, within an answer and over several. Resolvers give up at 8 to 17. */
export const ALIASES_MAX = 8;
/** What every path carries unfragmented (DNS Flag Day 2020). */
export const UDP_PAYLOAD_BYTES = 1232;
/** Answers are kept at most a day (RFC 8767 section 4 advises days, not more), refusals to exist at most three hours (RFC 2308 section 5). */
export const TTL_SECONDS_MAX = 86_400;
export const NEGATIVE_TTL_SECONDS_MAX = 10_800;
