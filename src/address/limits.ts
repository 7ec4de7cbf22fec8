/** RFC 5321 section 4.5.3.1.1, in octets of UTF-8, without quotes. */
export const localPartOctetsMax = 64;
/** RFC 5321 section 4.5.3.1.3 allows a path 256 octets with its angle brackets. */
export const addressOctetsMax = 254;
/** RFC 1035 section 2.3.4: 255 octets in the wire form, which are 253 as text. */
export const domainOctetsMax = 253;
/** RFC 1035 section 2.3.4. */
export const labelOctetsMax = 63;
