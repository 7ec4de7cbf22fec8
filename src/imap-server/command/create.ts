import type { Account } from "../../account/account.ts";
import { createMailbox } from "../../account/mailbox-names.ts";
import type { Command } from "../../imap/command.ts";
import { DELIMITER } from "../../imap/mailbox-name.ts";
import { type Completion, no, ok, refusal } from "../response.ts";

/** RFC 9051 section 6.3.4, RFC 6154 section 3. A delimiter at the end only announces that names below will follow. */
export async function create(account: Account, command: Extract<Command, { kind: "create" }>): Promise<Completion> {
  const name = command.mailbox.endsWith(DELIMITER) ? command.mailbox.slice(0, -1) : command.mailbox;
  const [use, ...more] = command.specialUse;
  if (more.length > 0 || use === "\\All" || use === "\\Flagged" || use === "\\Important") return no("That use can not be given", { kind: "USEATTR" });
  if (use !== undefined && [...account.state.mailboxes.values()].some((mailbox) => mailbox.specialUse === use)) return no("Another mailbox has that use", { kind: "USEATTR" });
  const created = await createMailbox(account, name, use ?? null);
  return created.kind === "done" ? ok("Created") : refusal(created);
}
