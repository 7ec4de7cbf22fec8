/** A peer's reply, or our own words where none came, as the queue keeps it. */
import { REPLY_TEXT_MAX } from "../queue/limits.ts";
import type { AttemptReply } from "../queue/queued-message.ts";
import type { RecipientOutcome } from "../queue/transport.ts";
import type { ReceivedReply } from "../smtp/reply-reader.ts";

/** The enhanced code of a server that gives none: of its class, nothing more is known (RFC 3463 section 3.1). */
export function peerReply(reply: ReceivedReply, host: string): AttemptReply {
  const status = reply.enhanced ?? `${reply.class === 3 ? 5 : reply.class}.0.0`;
  return { code: reply.code, status, text: bounded(reply.lines.join(" ")), remoteMta: host };
}

/** What we found without a peer's word. `host` is null where none was reached. */
export function ownReply(status: string, text: string, host: string | null = null): AttemptReply {
  return { code: null, status, text: bounded(text), remoteMta: host };
}

function bounded(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, "?").slice(0, REPLY_TEXT_MAX).toWellFormed();
}

/** What a negative reply means for a recipient; one that is neither positive nor negative is the peer's fault and may pass. */
export function refusal(reply: ReceivedReply, host: string): RecipientOutcome {
  if (reply.class === 5) return { kind: "failed", reply: peerReply(reply, host) };
  if (reply.class === 4) return { kind: "deferred", reply: peerReply(reply, host) };
  return { kind: "deferred", reply: { ...peerReply(reply, host), status: "4.5.0" } };
}
