import { writeWords } from "../../imap/write-response.ts";
import { type Completion, ok } from "../response.ts";
import type { Session } from "../session.ts";

/** RFC 9051 section 6.1.1. */
export function capability(session: Session): Completion {
  writeWords(session.writer, "CAPABILITY", session.capabilities());
  return ok("Done");
}
