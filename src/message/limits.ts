/** What a message may cost to look at. Beyond a limit the rest is one opaque leaf; nothing is refused or lost. */
export interface MessageLimits {
  /** Parts inside parts. Real mail stays below 20; each level costs one open boundary. */
  readonly depthMax: number;
  /** Parts of one message. Dovecot allows 10,000 too. */
  readonly partsMax: number;
  /** Fields listed per header; further ones are not seen. */
  readonly fieldsMax: number;
  /** Octets of one header in which fields are listed. */
  readonly headerOctetsMax: number;
}

export const messageLimits: MessageLimits = { depthMax: 100, partsMax: 10_000, fieldsMax: 10_000, headerOctetsMax: 4 * 1024 * 1024 };
