/** DATA (RFC 5321 section 4.1.1.4). */
import { DataReader } from "../../smtp/data.ts";
import type { Reply } from "../../smtp/reply.ts";
import { DISCARD_FACTOR } from "../limits.ts";
import { Reservation } from "../memory-budget.ts";
import { finishMessage, refuseMessage } from "../message-end.ts";
import { replies } from "../replies.ts";
import type { Outcome, Session } from "../session.ts";
import type { MailTransaction } from "../transaction.ts";

export async function data(session: Session): Promise<Outcome> {
  const { transaction } = session;
  if (transaction === null) return session.hello === null ? replies.helloFirst : replies.mailFirst;
  const refusal = refusalOf(transaction);
  if (refusal !== null) return refusal;
  session.reply(replies.startData);
  const reservation = new Reservation(session.deps.budget);
  try {
    return await receive(session, transaction, reservation);
  } finally {
    reservation.release();
  }
}

function refusalOf(transaction: MailTransaction): Reply | null {
  if (transaction.chunks !== null) return replies.chunking;
  if (transaction.recipients.length === 0) return replies.noRecipients;
  return transaction.parameters.body === "binarymime" ? replies.binaryByData : null;
}

/** Reads to the end of data whatever happens to the message, so that the next command is found. */
async function receive(session: Session, transaction: MailTransaction, reservation: Reservation): Promise<Outcome> {
  const { settings, clock } = session.deps;
  const reader = new DataReader(settings.messageBytesMax);
  const startedAt = clock.monotonic();
  let hasRoom = true;
  for (;;) {
    const read = await session.readContent(startedAt);
    if (read.kind === "gone") return { kind: "close", reply: null };
    if (read.kind === "timeout") return { kind: "close", reply: replies.contentTimeout };
    const answer = reader.feed(read.octets);
    if (hasRoom && !reservation.growTo(reader.content.bytes)) {
      hasRoom = false;
      reader.discard();
    }
    if (reader.tooLarge) reservation.release();
    if (answer.kind === "end") {
      session.unread(answer.rest);
      break;
    }
    if (reader.bytes > settings.messageBytesMax * DISCARD_FACTOR) return { kind: "close", reply: replies.tooLarge };
  }
  if (reader.tooLarge) return refuseMessage(session, replies.tooLarge);
  if (!hasRoom) return refuseMessage(session, replies.noMemory);
  if (!reader.strict) return refuseMessage(session, replies.strictLineEnds);
  return finishMessage(session, transaction, reader.content);
}
