/** EXPN (RFC 5321 section 3.5.2): not offered; the members of a list are nobody's to read. */
import { replies } from "../replies.ts";
import type { Outcome, Session } from "../session.ts";

export function expn(session: Session): Outcome {
  session.idleCommands++;
  return replies.noExpansion;
}
