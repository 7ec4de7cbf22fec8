/** VRFY (RFC 5321 section 3.5 and 7.3): answered the same whoever exists, so that addresses cannot be gathered. */
import { replies } from "../replies.ts";
import type { Outcome, Session } from "../session.ts";

export function vrfy(session: Session): Outcome {
  session.idleCommands++;
  return replies.cannotVerify;
}
