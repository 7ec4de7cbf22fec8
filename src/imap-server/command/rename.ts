import type { Account } from "../../account/account.ts";
import { renameMailbox } from "../../account/mailbox-names.ts";
import { INBOX_ID } from "../../account/state.ts";
import { type Completion, ok, refusal } from "../response.ts";

/** RFC 9051 section 6.3.6. */
export async function rename(account: Account, command: { readonly from: string; readonly to: string }): Promise<Completion> {
  if (account.mailboxNamed(command.from)?.id === INBOX_ID) {
    // Its messages move, so they have to be here.
    const loaded = await account.load(INBOX_ID);
    if (loaded.kind !== "done") return refusal(loaded);
  }
  const renamed = await renameMailbox(account, command.from, command.to);
  return renamed.kind === "done" ? ok("Renamed") : refusal(renamed);
}
