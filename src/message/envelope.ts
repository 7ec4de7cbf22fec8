import type { EnvelopeAddress } from "./address-list.ts";
import type { MessagePart } from "./part.ts";

/** ENVELOPE (RFC 9051 section 7.5.2). Text is raw and unfolded; null means the field is absent. */
export interface Envelope {
  readonly date: string | null;
  readonly subject: string | null;
  readonly from: readonly EnvelopeAddress[] | null;
  /** `from` when absent or empty; the same for `replyTo`. */
  readonly sender: readonly EnvelopeAddress[] | null;
  readonly replyTo: readonly EnvelopeAddress[] | null;
  readonly to: readonly EnvelopeAddress[] | null;
  readonly cc: readonly EnvelopeAddress[] | null;
  readonly bcc: readonly EnvelopeAddress[] | null;
  readonly inReplyTo: string | null;
  readonly messageId: string | null;
}

export declare function envelopeOf(content: Buffer, part: MessagePart): Envelope;
