/** HELP (RFC 5321 section 4.1.1.8). */
import { accept } from "../../smtp/reply.ts";
import type { Outcome, Session } from "../session.ts";

const mx = accept(214, "2.0.0", "EHLO HELO STARTTLS MAIL RCPT DATA BDAT RSET NOOP VRFY HELP QUIT");
const submission = accept(214, "2.0.0", "EHLO HELO STARTTLS AUTH MAIL RCPT DATA BDAT RSET NOOP VRFY HELP QUIT");

export function help(session: Session): Outcome {
  session.idleCommands++;
  return session.isSubmission ? submission : mx;
}
