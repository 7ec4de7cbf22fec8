/** RCPT (RFC 5321 section 4.1.1.3). Who does not exist is refused here, never later by a notification to a forged sender. */
import type { Address } from "../../address/address.ts";
import type { RecipientAnswer } from "../../delivery/received.ts";
import type { CommandOf } from "../../smtp/command.ts";
import { NO_RCPT_PARAMETERS } from "../../smtp/parameter.ts";
import { RECIPIENTS_MIN, RECIPIENT_ATTEMPTS_FACTOR } from "../limits.ts";
import { recipientReplies, replies } from "../replies.ts";
import type { Outcome, Session } from "../session.ts";
import type { MailTransaction } from "../transaction.ts";

export async function rcpt(session: Session, command: CommandOf<"RCPT">): Promise<Outcome> {
  const { transaction } = session;
  if (transaction === null) return session.hello === null ? replies.helloFirst : replies.mailFirst;
  if (transaction.chunks !== null) return replies.chunking;
  if (session.hello?.extended === false && command.parameters !== NO_RCPT_PARAMETERS) return replies.parametersNeedEhlo;
  if (command.internationalized && !transaction.parameters.smtpUtf8) return replies.utf8Needed;
  const max = recipientsMax(session, transaction);
  if (++transaction.attempts > max * RECIPIENT_ATTEMPTS_FACTOR) return { kind: "close", reply: replies.tooManyIdle };
  if (transaction.recipients.length >= max) return replies.tooManyRecipients;
  const { forwardPath } = command;
  const address: Address = forwardPath.kind === "address" ? forwardPath.address : { localPart: "postmaster", domain: session.deps.settings.hostname };
  // Named again: nothing to look up.
  if (transaction.has(address)) return replies.recipientOk;
  const answer = await session.deps.intake.recipient(address, { role: session.isSubmission ? "submission" : "mx", login: session.login, reversePath: transaction.reversePath });
  session.deps.metrics.count("tayori_smtp_recipients_total", { role: session.role, result: answer.kind });
  if (answer.kind === "accepted") transaction.add(address, command.parameters);
  else if (isRefused(answer)) session.refusedRecipients++;
  return recipientReplies[answer.kind];
}

function isRefused(answer: RecipientAnswer): boolean {
  return answer.kind === "unknown" || answer.kind === "relay-denied" || answer.kind === "disabled";
}

function recipientsMax(session: Session, transaction: MailTransaction): number {
  const { recipientsMax: max, nullSenderRecipientsMax } = session.deps.settings;
  return Math.max(RECIPIENTS_MIN, transaction.reversePath.kind === "null" ? Math.min(max, nullSenderRecipientsMax) : max);
}
