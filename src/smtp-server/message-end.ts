/** The end of a message: the trace field, the submission's rules, the delivery, and the one answer to it all. */
import type { DeliveryAnswer, ReceivedMessage } from "../delivery/received.ts";
import type { Content } from "../smtp/content.ts";
import type { Rejection, Reply } from "../smtp/reply.ts";
import { withText } from "../smtp/reply.ts";
import { deferredReplies, refusedReplies, replies } from "./replies.ts";
import type { Outcome, Session } from "./session.ts";
import { prepareSubmission } from "./submission.ts";
import { traceField } from "./trace-field.ts";
import type { MailTransaction } from "./transaction.ts";

/** Answers a message that is not delivered; the transaction is over. */
export function refuseMessage(session: Session, reply: Rejection): Reply {
  return end(session, reply, "refused");
}

/** Delivers the content. What comes back was durable before it is said; the memory is held until then. */
export async function finishMessage(session: Session, transaction: MailTransaction, content: Content): Promise<Outcome> {
  const { clock, metrics } = session.deps;
  const receivedAt = clock.now();
  const bytes = content.bytes;
  const trace = traceField(session, transaction, receivedAt);
  let whole: Buffer;
  if (session.login === null) {
    whole = content.join(trace);
  } else {
    const submitted = await prepareSubmission(session.deps, session.login, content.join());
    if (submitted.kind === "refused") return refuseMessage(session, submitted.reply);
    whole = Buffer.concat([trace, submitted.front, ...submitted.pieces]);
  }
  metrics.observe("tayori_smtp_message_bytes", bytes, { role: session.role });
  const answer = await deliver(session, messageOf(session, transaction, whole, receivedAt));
  logMessage(session, transaction, answer, bytes);
  return end(session, replyTo(answer), answer === "fault" ? answer : answer.kind);
}

function messageOf(session: Session, transaction: MailTransaction, content: Buffer, receivedAt: number): ReceivedMessage {
  return {
    envelope: transaction.envelope(),
    content,
    role: session.isSubmission ? "submission" : "mx",
    peer: session.connection.remote,
    helo: session.hello?.domain ?? "",
    tls: session.connection.tls !== null,
    login: session.login,
    sessionId: session.connection.id,
    receivedAt,
  };
}

/**
 * A delivery cannot be called back. When the peer leaves meanwhile it will send the message again (RFC 1047): that is noted, and the answer
 * still awaited, since it ends what the message holds of the memory budget.
 */
async function deliver(session: Session, message: ReceivedMessage): Promise<DeliveryAnswer | "fault"> {
  try {
    return await session.deps.intake.deliver(message);
  } catch (error) {
    session.fault("deliver", error);
    return "fault";
  } finally {
    if (session.peerIsGone) {
      session.log.warn("smtp-peer-left-before-answer", { peer: session.connection.remote.address });
      session.deps.metrics.count("tayori_smtp_unheard_answers_total", { role: session.role });
    }
  }
}

function replyTo(answer: DeliveryAnswer | "fault"): Reply {
  if (answer === "fault") return replies.localError;
  switch (answer.kind) {
    case "accepted":
      return withText(replies.ok, `queued as ${answer.queueId}`);
    case "deferred":
      return deferredReplies[answer.because];
    case "refused":
      return refusedReplies[answer.because];
  }
}

function end(session: Session, reply: Reply, result: string): Reply {
  session.deps.metrics.count("tayori_smtp_messages_total", { role: session.role, result });
  session.messages++;
  session.idleCommands = 0;
  if (reply.class === 2) session.accepted++;
  session.dropTransaction();
  return reply;
}

function logMessage(session: Session, transaction: MailTransaction, answer: DeliveryAnswer | "fault", bytes: number): void {
  const { reversePath, recipients } = transaction;
  session.log.info("smtp-message", {
    result: answer === "fault" ? answer : answer.kind,
    because: answer === "fault" || answer.kind === "accepted" ? null : answer.because,
    queueId: answer !== "fault" && answer.kind === "accepted" ? answer.queueId : null,
    trace: session.traceId,
    bytes,
    recipients: recipients.length,
    senderDomain: reversePath.kind === "null" ? "<>" : reversePath.address.domain,
    recipientDomain: recipients[0]?.address.domain ?? null,
  });
}
