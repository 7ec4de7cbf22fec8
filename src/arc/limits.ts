/** What a stranger's chain may cost. */

/** RFC 8617 section 4.2.1. */
export const instanceMax = 50;
/** Octets of all ARC fields of one message. Each seal signs all sets before it, so that the work grows with the square. A set has about 3,000. */
export const chainOctetsMax = 256 * 1024;
