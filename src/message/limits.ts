/** What a message may cost to look at. Beyond a limit the rest is one opaque leaf; nothing is refused or lost. */
export interface MessageLimits {
  /** Parts inside parts. Real mail stays below 20; each level costs one open boundary. */
  readonly depthMax: number;
  /** Parts of one message. Dovecot allows 10,000 too. */
  readonly partsMax: number;
  /** Fields of one header. What follows counts as body of a leaf. */
  readonly fieldsMax: number;
  /** Octets of one header, counted to the start of its last field. */
  readonly headerOctetsMax: number;
}

export const messageLimits: MessageLimits = { depthMax: 100, partsMax: 10_000, fieldsMax: 10_000, headerOctetsMax: 4 * 1024 * 1024 };

/** RFC 2046 section 5.1.1 says 70; some agents write longer ones. A longer one is none. */
export const boundaryOctetsMax = 256;
/** Parameters of one field. Real fields have fewer than ten. */
export const parametersMax = 256;
/** Octets of a Content-Type or Content-Disposition that are read. */
export const parameterOctetsMax = 64 * 1024;
/** Addresses of one kind in an envelope; the rest is left out. */
export const addressesMax = 10_000;
/** Octets of one field's value that are read as text. */
export const fieldOctetsMax = 1024 * 1024;
/** RFC 5322 section 2.1.1, without the line end. */
export const lineOctetsMax = 998;
