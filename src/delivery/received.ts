/** A message as it was received, and what became of it. The SMTP server and whoever delivers meet here. */
import type { Address, ReversePath } from "../address/address.ts";
import type { Endpoint } from "../port/connection.ts";
import type { Login } from "../sasl/authenticator.ts";

/** RFC 3461 section 4. Absent values are those the client did not give. */
export interface DsnRequest {
  readonly notify: readonly ("success" | "failure" | "delay")[] | "never" | null;
  /** The decoded original recipient, with its address type ("rfc822;user@example.test"). */
  readonly originalRecipient: string | null;
}
export interface AcceptedRecipient extends DsnRequest {
  readonly address: Address;
}
export interface Envelope {
  readonly reversePath: ReversePath;
  readonly recipients: readonly AcceptedRecipient[];
  /** RFC 3461 section 4.3 and 4.4. */
  readonly ret: "full" | "headers" | null;
  readonly envelopeId: string | null;
  readonly bodyType: "7bit" | "8bitmime" | "binarymime";
  readonly smtpUtf8: boolean;
}
export interface ReceivedMessage {
  readonly envelope: Envelope;
  /** The whole content, lines ended by CRLF, trace field of this hop already in front. */
  readonly content: Buffer;
  readonly role: "mx" | "submission";
  readonly peer: Endpoint;
  readonly helo: string;
  readonly tls: boolean;
  /** Who submitted it; null on the mx role. */
  readonly login: Login | null;
  readonly sessionId: string;
  /** Milliseconds since the epoch. */
  readonly receivedAt: number;
}

/** Asked at RCPT TO, before the message is known. */
export type RecipientAnswer =
  | { readonly kind: "accepted" }
  | { readonly kind: "unknown" }
  /** Not one of our domains, and the peer may not relay. */
  | { readonly kind: "relay-denied" }
  | { readonly kind: "over-quota" }
  | { readonly kind: "disabled" }
  | { readonly kind: "unavailable" };

export type DeliveryAnswer =
  /** Durable: every recipient's copy is in a mailbox or in the queue. */
  | { readonly kind: "accepted"; readonly queueId: string }
  /** Nothing was kept for anybody; the peer keeps the message. */
  | { readonly kind: "deferred"; readonly because: "unavailable" | "full" | "over-quota" }
  | { readonly kind: "refused"; readonly because: "loop" | "over-quota" };

/** What an SMTP server needs from the rest of the system. */
export interface Intake {
  recipient(address: Address, context: { readonly role: "mx" | "submission"; readonly login: Login | null; readonly reversePath: ReversePath }): Promise<RecipientAnswer>;
  /** Whether `login` may write mail as `address` (reverse-path or author). */
  maySendAs(login: Login, address: Address): Promise<boolean | "unavailable">;
  deliver(message: ReceivedMessage): Promise<DeliveryAnswer>;
}
