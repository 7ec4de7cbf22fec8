import { writeStatusResponse } from "../../imap/write-response.ts";
import { bad, no, ok } from "../response.ts";
import type { CommandOutcome, Session } from "../session.ts";

/** RFC 9051 section 6.2.1. What the client sent before TLS is thrown away: it could be somebody else's. */
export async function startTls(session: Session, tag: string): Promise<CommandOutcome> {
  if (session.connection.tls !== null) return bad("The connection is encrypted already");
  if (!session.deps.settings.startTls) return no("There is no certificate");
  writeStatusResponse(session.writer, tag, ok("Begin TLS"));
  session.flush();
  session.reader.discardAll();
  const answer = await session.connection.startTls({ role: "server" });
  if (answer.kind === "started") return { kind: "replied" };
  session.log.info("imap-starttls-failed", { detail: answer.detail });
  return { kind: "end" };
}
