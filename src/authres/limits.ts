/** What a stranger's Authentication-Results may cost. */

/** Octets of one field that are read. Real ones stay below 4,000. */
export const fieldOctetsMax = 64 * 1024;
/** Results of one field; a message with eight signatures and everything else has under twenty. */
export const resultsMax = 100;
/** Properties of one result. */
export const propertiesMax = 50;
/** Comments inside comments (RFC 5322 section 3.2.2 allows any). */
export const commentDepthMax = 20;
/** Characters of a value, reason or comment that we write: the longest address has 254, and a line must stay below 998 octets. */
export const writtenTextMax = 320;
