import type { Command } from "../../imap/command.ts";
import { writeWords } from "../../imap/write-response.ts";
import { type Completion, ok } from "../response.ts";
import type { Session } from "../session.ts";

/** RFC 9051 section 6.3.1: what is not known is passed over. */
export function enable(session: Session, command: Extract<Command, { kind: "enable" }>): Completion {
  const enabled: string[] = [];
  for (const name of command.capabilities) {
    if (name === "IMAP4REV2" && !session.rev2) {
      session.rev2 = true;
      session.writer.utf8 = true;
      enabled.push("IMAP4rev2");
    } else if (name === "CONDSTORE" && !session.condstore) {
      session.enableCondstore();
      enabled.push("CONDSTORE");
    }
  }
  writeWords(session.writer, "ENABLED", enabled);
  return ok("Done");
}
