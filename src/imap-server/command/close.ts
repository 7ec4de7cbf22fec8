import { expungeMessages } from "../../account/expunge.ts";
import { ok, refusal } from "../response.ts";
import type { Selected } from "../selected.ts";
import type { CommandOutcome, Session } from "../session.ts";

/** CLOSE removes what has \Deleted and tells nothing (RFC 9051 section 6.4.1); UNSELECT removes nothing (section 6.4.2). */
export async function close(session: Session, selected: Selected, command: { readonly kind: "close" | "unselect" }): Promise<CommandOutcome> {
  session.selected = null;
  if (command.kind === "unselect" || selected.readOnly) return ok("Closed");
  const loaded = await selected.load();
  if (loaded.kind !== "done") return refusal(loaded);
  const expunged = await expungeMessages(selected.account, selected.mailboxId, { uids: null });
  return expunged.kind === "done" ? ok("Closed") : refusal(expunged);
}
