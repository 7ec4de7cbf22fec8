/** BDAT (RFC 3030 section 2). The octets of a chunk are read whatever the answer is: they follow without being asked for. */
import type { CommandOf } from "../../smtp/command.ts";
import type { Reply } from "../../smtp/reply.ts";
import { Chunks } from "../chunks.ts";
import { DISCARD_FACTOR } from "../limits.ts";
import { finishMessage, refuseMessage } from "../message-end.ts";
import { replies } from "../replies.ts";
import type { Outcome, Session } from "../session.ts";

export async function bdat(session: Session, command: CommandOf<"BDAT">): Promise<Outcome> {
  const { settings, budget } = session.deps;
  if (command.size > settings.messageBytesMax * DISCARD_FACTOR) return { kind: "close", reply: replies.tooLarge };
  const refusal = refusalOf(session);
  const { transaction } = session;
  if (refusal !== null || transaction === null) {
    session.idleCommands++;
    const end = await readChunk(session, command.size, () => {});
    return end ?? refusal ?? replies.mailFirst;
  }
  const chunks = (transaction.chunks ??= new Chunks(budget, settings.messageBytesMax));
  // An empty chunk brings nothing nearer; a million of them should not keep a session going.
  if (command.size === 0 && !command.last) session.idleCommands++;
  const end = await readChunk(session, command.size, (piece) => chunks.append(piece));
  if (end !== null) return end;
  if (chunks.rejection !== null) return refuseMessage(session, chunks.rejection);
  if (!command.last) return { ...replies.ok, text: `${command.size} octets received` };
  const binary = transaction.parameters.body === "binarymime";
  if (!binary && !chunks.strict) return refuseMessage(session, replies.strictLineEnds);
  // Text ends with a line end; after DATA it could not be otherwise. Binary content is left alone.
  if (!binary && chunks.content.bytes > 0 && !chunks.content.endsWithCrlf()) chunks.content.append(CRLF);
  return finishMessage(session, transaction, chunks.content);
}

const CRLF = Buffer.from("\r\n");

function refusalOf(session: Session): Reply | null {
  if (session.hello === null) return replies.helloFirst;
  if (session.transaction === null) return replies.mailFirst;
  return session.transaction.recipients.length === 0 ? replies.noRecipients : null;
}

/** Null when the whole chunk was read. */
async function readChunk(session: Session, size: number, use: (piece: Buffer) => void): Promise<Outcome | null> {
  const startedAt = session.deps.clock.monotonic();
  for (let left = size; left > 0; ) {
    const read = await session.readContent(startedAt, left);
    if (read.kind === "gone") return { kind: "close", reply: null };
    if (read.kind === "timeout") return { kind: "close", reply: replies.contentTimeout };
    use(read.octets);
    left -= read.octets.length;
  }
  return null;
}
