/** Bounds on what a client may send. Each is far above what clients do and far below what would hurt a server. */

/** Octets of one command without its literals. RFC 7162 section 4 asks servers for 8192 or more. */
export const LINE_BYTES_MAX = 65_536;
/** Octets of one literal that is an argument (a name, a password, a search string), not a message. */
export const ARGUMENT_LITERAL_BYTES_MAX = 65_536;
/** Octets of all argument literals of one command together. */
export const ARGUMENT_LITERALS_BYTES_MAX = 262_144;
/** Octets of one message of APPEND, where the server names no limit of its own. */
export const MESSAGE_BYTES_MAX = 50 * 1024 * 1024;
/** Literals in one command: a MULTIAPPEND of 64 messages, or a SEARCH with 64 literal strings. */
export const LITERALS_MAX = 64;
/** Digits of an announced literal size. Sixteen digits are above any limit and still exact in a double. */
export const LITERAL_DIGITS_MAX = 15;
/** Octets of a tag. Clients use 4 to 16. */
export const TAG_BYTES_MAX = 128;
/** Octets of one line read by itself: a SASL response (RFC 4422 mechanisms stay far below) or DONE. */
export const RESPONSE_LINE_BYTES_MAX = 16_384;

/** Parentheses, NOT and OR within one another in a SEARCH. Programs chain an OR per address or Message-ID, each one level deeper. */
export const SEARCH_DEPTH_MAX = 100;
/** Keys in one SEARCH, however deep. */
export const SEARCH_KEYS_MAX = 1000;
/** Ranges of one sequence set; a full line has room for some 20,000. */
export const SEQUENCE_RANGES_MAX = 10_000;
/** Flags in one list. */
export const FLAGS_MAX = 100;
/** Octets of one flag or keyword. */
export const FLAG_BYTES_MAX = 255;
/** Items of one FETCH. */
export const FETCH_ITEMS_MAX = 200;
/** Names in one HEADER.FIELDS list. */
export const HEADER_NAMES_MAX = 200;
/** Numbers in a part specifier such as 1.2.3. The MIME tree is no deeper. */
export const PART_DEPTH_MAX = 100;
/** Patterns of one LIST. */
export const LIST_PATTERNS_MAX = 100;
/** Capabilities named by one ENABLE, items of one STATUS, options of one LIST or SELECT. */
export const OPTIONS_MAX = 50;
/** RFC 2971 section 3.3: at most 30 field-value pairs, field 30 octets, value 1024 octets. */
export const ID_FIELDS_MAX = 30;
export const ID_FIELD_BYTES_MAX = 30;
export const ID_VALUE_BYTES_MAX = 1024;
/** Octets of a mailbox name in UTF-8. */
export const MAILBOX_NAME_BYTES_MAX = 1000;
/** UTF-16 units of one LIST pattern. Matching costs at most the name's length times this. */
export const PATTERN_CHARACTERS_MAX = 1000;
