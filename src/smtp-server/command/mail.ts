/** MAIL (RFC 5321 section 4.1.1.2). */
import type { CommandOf } from "../../smtp/command.ts";
import { NO_MAIL_PARAMETERS } from "../../smtp/parameter.ts";
import type { Reply } from "../../smtp/reply.ts";
import { replies } from "../replies.ts";
import type { Outcome, Session } from "../session.ts";
import { MailTransaction } from "../transaction.ts";

export async function mail(session: Session, command: CommandOf<"MAIL">): Promise<Outcome> {
  // Forgotten when the message comes to its end: only those that lead to none add up.
  session.idleCommands++;
  const refusal = outOfSequence(session) ?? unfit(session, command);
  if (refusal !== null) return refusal;
  const { settings, intake } = session.deps;
  if (session.messages >= settings.messagesMax) return { kind: "close", reply: replies.tooManyMessages };
  const { reversePath, parameters } = command;
  if (session.login !== null && reversePath.kind === "address") {
    const may = await intake.maySendAs(session.login, reversePath.address);
    if (may === "unavailable") return replies.localError;
    if (!may) return replies.notYourAddress;
  }
  // AUTH= names who submitted the message elsewhere. Nobody is trusted to say so, and RFC 4954 section 5 has it ignored then.
  session.transaction = new MailTransaction(reversePath, parameters);
  return replies.reversePathOk;
}

function outOfSequence(session: Session): Reply | null {
  if (session.hello === null) return replies.helloFirst;
  if (session.isSubmission && session.connection.tls === null) return replies.tlsFirst;
  if (session.isSubmission && session.login === null) return replies.authFirst;
  return session.transaction === null ? null : replies.nestedMail;
}

function unfit(session: Session, command: CommandOf<"MAIL">): Reply | null {
  const { size, smtpUtf8 } = command.parameters;
  if (session.hello?.extended === false && command.parameters !== NO_MAIL_PARAMETERS) return replies.parametersNeedEhlo;
  if (command.internationalized && !smtpUtf8) return replies.utf8Needed;
  if (size !== null && size > session.deps.settings.messageBytesMax) return replies.tooLarge;
  if (size !== null && !session.deps.budget.hasRoomFor(size)) return replies.noMemory;
  return null;
}
