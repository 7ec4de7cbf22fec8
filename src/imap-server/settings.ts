/** What operators choose for the IMAP server. */
export interface ImapServerSettings {
  readonly hostname: string;
  readonly version: string;
  /** Octets of one message of APPEND (RFC 7889). */
  readonly messageBytesMax: number;
  /** Whether there is a certificate for STARTTLS. */
  readonly startTls: boolean;
  /** Whether LOGIN as a SASL mechanism is offered, for clients that know nothing else. */
  readonly offerLogin: boolean;
  /** Passwords without TLS, from loopback addresses only: for proxies and load tests on the same machine. */
  readonly cleartextLoopback: boolean;
  /** How long an IDLE may miss what another process did. */
  readonly recheckMs: number;
}
