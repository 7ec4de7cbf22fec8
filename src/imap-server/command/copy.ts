import { copyMessages } from "../../account/copy.ts";
import type { Command } from "../../imap/command.ts";
import { canonicalMailboxName } from "../../imap/mailbox-name.ts";
import { bad, type Completion, no, ok, refusal, targetRefusal } from "../response.ts";
import type { Selected } from "../selected.ts";
import type { Session } from "../session.ts";

/** COPY and MOVE (RFC 9051 sections 6.4.7 and 6.4.8): all of them or none. */
export async function copy(session: Session, selected: Selected, command: Extract<Command, { kind: "copy" | "move" }>): Promise<Completion> {
  const move = command.kind === "move";
  if (move && selected.readOnly) return no("The mailbox is read only", { kind: "NOPERM" });
  const wanted = selected.resolve(command.set, command.addressing);
  if (wanted.kind === "out-of-range") return bad("No such message");
  const loaded = await selected.load();
  if (loaded.kind !== "done") return refusal(loaded);
  // All or none, as the numbers say (RFC 2180 section 4.4.1); UIDs of messages that are gone are passed over (RFC 9051 section 6.4.9).
  if (command.addressing === "sequence" && selected.goneOf(wanted.uids) > 0) return no("Some of the messages are gone", { kind: "EXPUNGEISSUED" });
  const name = canonicalMailboxName(command.mailbox);
  const copied = await copyMessages(selected.account, selected.mailboxId, wanted.uids, (state) => state.byName.get(name) ?? null, { move });
  if (copied.kind !== "done") return targetRefusal(copied);
  const { uidValidity, sources, uids } = copied.value;
  if (uids.length === 0) return ok("Nothing to do");
  const code = { kind: "COPYUID", uidValidity, source: sources, destination: uids } as const;
  // For MOVE the code goes ahead of the EXPUNGE responses (RFC 6851 section 4.3).
  if (!move) return ok("Copied", code);
  session.untagged("OK", "Moved", code);
  return ok("Done");
}
