import type { Account } from "../../account/account.ts";
import { deleteMailbox } from "../../account/mailbox-names.ts";
import { type Completion, ok, refusal } from "../response.ts";

/** RFC 9051 section 6.3.5. Names below stay. */
export async function remove(account: Account, command: { readonly mailbox: string }): Promise<Completion> {
  const deleted = await deleteMailbox(account, command.mailbox);
  return deleted.kind === "done" ? ok("Deleted") : refusal(deleted);
}
