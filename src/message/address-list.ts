/**
 * An address as IMAP's ENVELOPE has it (RFC 9051 section 7.5.2). Text is raw: encoded words stay encoded.
 * Start of a group: `host` null and `mailbox` its name. End of a group: all null.
 */
export interface EnvelopeAddress {
  readonly name: string | null;
  /** Source route (obs-route), "@a,@b". */
  readonly adl: string | null;
  readonly mailbox: string | null;
  readonly host: string | null;
}

/** Reads an address list (RFC 5322 section 3.4 and 4.4) from unfolded text; makes the best of broken input. */
export declare function parseAddressList(text: string): EnvelopeAddress[];
