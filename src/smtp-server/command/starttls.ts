/** STARTTLS (RFC 3207). What was sent in clear behind it is thrown away, and what was known of the client is forgotten. */
import { replies } from "../replies.ts";
import type { Outcome, Session } from "../session.ts";

export async function starttls(session: Session): Promise<Outcome> {
  if (session.hello?.extended !== true) return replies.helloFirst;
  if (session.connection.tls !== null) return replies.tlsAlready;
  if (!session.deps.settings.startTls) return replies.tlsUnavailable;
  session.reply(replies.readyForTls);
  const answer = await session.connection.startTls({ role: "server" });
  session.discardPipelined();
  session.hello = null;
  session.dropTransaction();
  session.deps.metrics.count("tayori_smtp_starttls_total", { role: session.role, result: answer.kind });
  if (answer.kind === "started") return { kind: "replied" };
  session.log.info("smtp-starttls-failed", { peer: session.connection.remote.address, detail: answer.detail });
  // Nothing can be said any more: the peer may be halfway into a handshake.
  return { kind: "close", reply: null };
}
