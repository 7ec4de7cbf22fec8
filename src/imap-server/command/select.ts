import type { Account } from "../../account/account.ts";
import type { Columns } from "../../account/columns.ts";
import { FLAG, KEYWORDS_MAX } from "../../account/flags.ts";
import type { Mailbox } from "../../account/mailbox.ts";
import type { SelectCommand } from "../../imap/command.ts";
import { writeFlags, writeList, writeNumbered } from "../../imap/write-response.ts";
import { bad, ok, refusal } from "../response.ts";
import { flagsOf, Selected } from "../selected.ts";
import type { CommandOutcome, Session } from "../session.ts";

/** SELECT and EXAMINE (RFC 9051 sections 6.3.2 and 6.3.3, RFC 7162 section 3.1.8). A failure leaves nothing selected. */
export async function select(session: Session, account: Account, command: SelectCommand): Promise<CommandOutcome> {
  if (command.qresync !== null) return bad("QRESYNC is not offered");
  const hadSelection = session.selected !== null;
  session.selected = null;
  if (command.condstore) session.condstore = true;
  const mailbox = account.mailboxNamed(command.mailbox);
  if (mailbox === null) return refusal({ kind: "mailbox-missing" });
  const loaded = await account.load(mailbox.id);
  if (loaded.kind !== "done") return refusal(loaded);
  if (hadSelection) session.untagged("OK", "The previous mailbox is closed", { kind: "CLOSED" });
  const readOnly = command.kind === "examine";
  session.selected = new Selected(account, loaded.value.mailbox, loaded.value.columns, readOnly);
  describe(session, loaded.value.mailbox, loaded.value.columns, readOnly);
  return ok(readOnly ? "Selected, read only" : "Selected", { kind: readOnly ? "READ-ONLY" : "READ-WRITE" });
}

function describe(session: Session, mailbox: Mailbox, columns: Columns, readOnly: boolean): void {
  const { writer } = session;
  const flags = flagsOf(mailbox);
  writeFlags(writer, flags);
  session.untagged("OK", "Flags that stay", { kind: "PERMANENTFLAGS", flags: readOnly ? [] : mailbox.keywords.length < KEYWORDS_MAX ? [...flags, "\\*"] : flags });
  writeNumbered(writer, columns.count, "EXISTS");
  if (!session.rev2) {
    writeNumbered(writer, 0, "RECENT");
    const unseen = firstUnseen(columns);
    if (unseen > 0) session.untagged("OK", "The first one not seen", { kind: "UNSEEN", value: unseen });
  }
  session.untagged("OK", "UIDs are valid", { kind: "UIDVALIDITY", value: mailbox.uidValidity });
  session.untagged("OK", "The next UID", { kind: "UIDNEXT", value: mailbox.uidNext });
  session.untagged("OK", "The newest change", { kind: "HIGHESTMODSEQ", value: mailbox.highestModseq });
  if (session.rev2) writeList(writer, { name: mailbox.name, attributes: mailbox.specialUse === null ? [] : [mailbox.specialUse] });
}

function firstUnseen(columns: Columns): number {
  for (let at = 0; at < columns.count; at++) if ((columns.low[at]! & FLAG.seen) === 0) return at + 1;
  return 0;
}
