/** NOOP (RFC 5321 section 4.1.1.9). */
import { replies } from "../replies.ts";
import type { Outcome, Session } from "../session.ts";

export function noop(session: Session): Outcome {
  session.idleCommands++;
  return replies.ok;
}
