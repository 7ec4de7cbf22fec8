/** ENVELOPE of IMAP (RFC 9051 section 7.5.2). */
import { parseAddressList } from "./address-list.ts";
import type { EnvelopeAddress } from "./address-list.ts";
import { fieldValue } from "./header-fields.ts";
import { addressesMax } from "./limits.ts";
import type { Field, MessagePart } from "./part.ts";

/** Text is raw and unfolded, encoded words inside; null means the field is absent, or holds no address. */
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

/** Of two fields of one name the first counts; addresses of all are taken together, as Dovecot does. */
export function envelopeOf(content: Buffer, part: MessagePart): Envelope {
  const byName = new Map<string, Field[]>();
  for (const field of part.fields) {
    const fields = byName.get(field.nameLower);
    if (fields === undefined) byName.set(field.nameLower, [field]);
    else fields.push(field);
  }
  const text = (name: string): string | null => {
    const field = byName.get(name)?.[0];
    return field === undefined ? null : fieldValue(content, field);
  };
  const addresses = (name: string): readonly EnvelopeAddress[] | null => {
    const found: EnvelopeAddress[] = [];
    for (const field of byName.get(name) ?? []) {
      if (found.length < addressesMax) for (const address of parseAddressList(fieldValue(content, field))) found.push(address);
    }
    return found.length === 0 ? null : found;
  };
  const from = addresses("from");
  return {
    date: text("date"),
    subject: text("subject"),
    from,
    sender: addresses("sender") ?? from,
    replyTo: addresses("reply-to") ?? from,
    to: addresses("to"),
    cc: addresses("cc"),
    bcc: addresses("bcc"),
    inReplyTo: text("in-reply-to"),
    messageId: text("message-id"),
  };
}
