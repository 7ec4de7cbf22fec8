/** How the queue gets a message to another host. It knows nothing of DNS, SMTP or TLS; who does satisfies this interface. */
import type { Address, Domain } from "../address/address.ts";
import type { AttemptReply, Notify, QueuedEnvelope } from "./queued-message.ts";

export interface TransportRecipient {
  readonly address: Address;
  readonly notify: Notify;
  readonly originalRecipient: string | null;
}

/** One mail transaction: an envelope whose recipients all have one domain, and the content with lines ended by CRLF. */
export interface MailTransaction {
  readonly envelope: QueuedEnvelope;
  readonly recipients: readonly TransportRecipient[];
  readonly content: Buffer;
}

/** How it ended for one recipient. */
export type RecipientOutcome =
  /** The next host took responsibility. `dsnPassedOn`: and also for the reports the sender asked for (RFC 3461 section 5.2.2). */
  | { readonly kind: "delivered"; readonly reply: AttemptReply; readonly dsnPassedOn: boolean }
  /** Not now, or it is not known whether the host took it. */
  | { readonly kind: "deferred"; readonly reply: AttemptReply }
  /** Never. */
  | { readonly kind: "failed"; readonly reply: AttemptReply };

export interface DeliveryAttempt {
  /** One for each recipient, in their order. */
  readonly outcomes: readonly RecipientOutcome[];
  /** `down`: no host of the destination took part in a transaction, so that others would fare the same. */
  readonly destination: "up" | "down";
}

export interface Transport {
  /** Never throws for what a network or a peer does. */
  deliver(destination: Domain, transaction: MailTransaction): Promise<DeliveryAttempt>;
}
