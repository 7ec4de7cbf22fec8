/** A message at rest in the queue: its envelope, where its content is, and how far each recipient has come. */
import type { Address, ReversePath } from "../address/address.ts";

/** Which reports the sender wants about one recipient (RFC 3461 section 4.1). Null: the parameter was not given. */
export type Notify = readonly ("success" | "failure" | "delay")[] | "never" | null;

/** The envelope without its recipients (RFC 5321 section 2.3.1, RFC 3461 sections 4.3 and 4.4). */
export interface QueuedEnvelope {
  readonly reversePath: ReversePath;
  readonly ret: "full" | "headers" | null;
  readonly envelopeId: string | null;
  readonly bodyType: "7bit" | "8bitmime" | "binarymime";
  readonly smtpUtf8: boolean;
}

/** How an attempt ended for one recipient, in the words of the peer or in ours. */
export interface AttemptReply {
  /** The peer's reply code; null when no peer spoke (no route, no connection). */
  readonly code: number | null;
  /** The enhanced status code (RFC 3463), the peer's or the one we chose. */
  readonly status: string;
  /** One line, printable, bounded by REPLY_TEXT_MAX. */
  readonly text: string;
  /** The name of the host that answered, null when none did. */
  readonly remoteMta: string | null;
}

/** What a report says of a recipient (RFC 3464 section 2.3.3). */
export type ReportAction = "failed" | "delayed" | "relayed";

export interface QueuedRecipient {
  readonly address: Address;
  readonly notify: Notify;
  /** With its address type: "rfc822;user@example.test". */
  readonly originalRecipient: string | null;
  /** `delivered`: the next host took it. `failed`: given up, for whatever reason. */
  readonly status: "pending" | "delivered" | "failed";
  /** Attempts that ended without success so far, and the last one with it. */
  readonly attempts: number;
  /** Milliseconds since the epoch. Meaningless unless pending. */
  readonly nextAttemptAt: number;
  readonly lastAttemptAt: number | null;
  readonly lastReply: AttemptReply | null;
  /** Whether the sender was told once that this takes long. */
  readonly delayNotified: boolean;
  /** A report that is owed to the sender and not yet on its way. It keeps the message in the queue. */
  readonly report: ReportAction | null;
}

/** Where a message's content lies in its shard's journal: inside an entry, or in an object of its own. */
export type ContentPlace =
  | { readonly kind: "inline"; readonly seq: number; readonly offset: number; readonly length: number }
  | { readonly kind: "object"; readonly name: string };

export interface QueuedMessage {
  readonly id: string;
  readonly envelope: QueuedEnvelope;
  readonly recipients: readonly QueuedRecipient[];
  readonly arrivedAt: number;
  /** When it is given up. An attempt is made at this time before it is. */
  readonly expiresAt: number;
  readonly content: ContentPlace;
  readonly contentBytes: number;
  /** Why an operator stopped it; null when nobody did. */
  readonly held: string | null;
}

/** Whether nothing is left to do: nobody pending, no report owed. */
export function isFinished(message: QueuedMessage): boolean {
  return message.recipients.every((recipient) => recipient.status !== "pending" && recipient.report === null);
}
