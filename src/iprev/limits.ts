/** Names of one address that are looked up; RFC 7208 section 4.6.4 has the same number for the same reason. */
export const PTR_NAMES_MAX = 10;
