import type { Account } from "../../account/account.ts";
import { deleteMailbox } from "../../account/mailbox-names.ts";
import { type Completion, ok, refusal } from "../response.ts";
import type { Session } from "../session.ts";

/** RFC 9051 section 6.3.5. Names below stay. Who deletes the mailbox it has selected goes on without one. */
export async function remove(session: Session, account: Account, command: { readonly mailbox: string }): Promise<Completion> {
  const deleted = await deleteMailbox(account, command.mailbox);
  if (deleted.kind !== "done") return refusal(deleted);
  if (session.selected !== null && !account.state.mailboxes.has(session.selected.mailboxId)) {
    session.selected = null;
    session.untagged("OK", "The selected mailbox is deleted", { kind: "CLOSED" });
  }
  return ok("Deleted");
}
