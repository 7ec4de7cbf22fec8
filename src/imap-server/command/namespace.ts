import { DELIMITER } from "../../imap/mailbox-name.ts";
import { type Completion, ok } from "../response.ts";
import type { Session } from "../session.ts";

/** RFC 9051 section 6.3.10: one personal namespace. */
export function namespace(session: Session): Completion {
  session.writer.ascii(`* NAMESPACE (("" "${DELIMITER}")) NIL NIL\r\n`);
  return ok("Done");
}
