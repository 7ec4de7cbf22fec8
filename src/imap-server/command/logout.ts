import { writeStatusResponse } from "../../imap/write-response.ts";
import { type Completion, ok } from "../response.ts";
import type { CommandOutcome, Session } from "../session.ts";

/** RFC 9051 section 6.1.3: BYE first, then the completion, then the end. */
export function logout(session: Session): CommandOutcome {
  writeStatusResponse(session.writer, null, { status: "BYE", text: "Goodbye" });
  const completion: Completion = ok("Done");
  return { ...completion, last: true };
}
