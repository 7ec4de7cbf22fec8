/** RSET (RFC 5321 section 4.1.1.5). */
import { replies } from "../replies.ts";
import type { Outcome, Session } from "../session.ts";

export function rset(session: Session): Outcome {
  session.idleCommands++;
  session.dropTransaction();
  return replies.ok;
}
