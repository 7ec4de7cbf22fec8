/** ENVELOPE of a message or of one inside it (RFC 9051 section 7.5.2). */
import type { EnvelopeAddress } from "../message/address-list.ts";
import { envelopeOf } from "../message/envelope.ts";
import type { MessagePart } from "../message/part.ts";
import { ResponseWriter } from "./response-writer.ts";

const PRERENDERED_SLAB_BYTES = 2048;

/**
 * The envelope structure as octets for any client: what is not US-ASCII is a literal, never an 8-bit quoted string,
 * so one rendering made at delivery serves clients of RFC 3501 and RFC 9051 alike.
 */
export function writeEnvelope(content: Buffer, message: MessagePart): Buffer {
  const writer = new ResponseWriter({ slabBytes: PRERENDERED_SLAB_BYTES });
  appendEnvelope(writer, content, message);
  return Buffer.from(writer.take());
}

export function appendEnvelope(writer: ResponseWriter, content: Buffer, message: MessagePart): void {
  const envelope = envelopeOf(content, message);
  writer.byte(0x28);
  nullable(writer, envelope.date).space();
  nullable(writer, envelope.subject).space();
  for (const list of [envelope.from, envelope.sender, envelope.replyTo, envelope.to, envelope.cc, envelope.bcc]) addresses(writer, list).space();
  nullable(writer, envelope.inReplyTo).space();
  nullable(writer, envelope.messageId).byte(0x29);
}

function nullable(writer: ResponseWriter, text: string | null): ResponseWriter {
  return text === null ? writer.ascii("NIL") : writer.string(text);
}

/** `(address...)`, or NIL for an absent field and for one without addresses. */
function addresses(writer: ResponseWriter, list: readonly EnvelopeAddress[] | null): ResponseWriter {
  if (list === null || list.length === 0) return writer.ascii("NIL");
  writer.byte(0x28);
  for (const address of list) {
    writer.byte(0x28);
    nullable(writer, address.name).space();
    nullable(writer, address.adl).space();
    nullable(writer, address.mailbox).space();
    nullable(writer, address.host).byte(0x29);
  }
  return writer.byte(0x29);
}
