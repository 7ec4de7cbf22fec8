import { expungeMessages } from "../../account/expunge.ts";
import type { Command } from "../../imap/command.ts";
import { bad, no, ok, refusal, type Completion } from "../response.ts";
import type { Selected } from "../selected.ts";

/** EXPUNGE and UID EXPUNGE (RFC 9051 sections 6.4.3 and 6.4.9). The session tells what is gone. */
export async function expunge(selected: Selected, command: Extract<Command, { kind: "expunge" }>): Promise<Completion> {
  if (selected.readOnly) return no("The mailbox is read only", { kind: "NOPERM" });
  const wanted = command.uids === null ? null : selected.resolve(command.uids, "uid");
  if (wanted?.kind === "out-of-range") return bad("No such message");
  const loaded = await selected.load();
  if (loaded.kind !== "done") return refusal(loaded);
  const expunged = await expungeMessages(selected.account, selected.mailboxId, { uids: wanted?.uids ?? null });
  return expunged.kind === "done" ? ok("Expunged") : refusal(expunged);
}
