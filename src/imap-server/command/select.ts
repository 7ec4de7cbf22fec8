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
  // Whatever comes of it, the mailbox that was selected is no more (RFC 9051 section 7.1, CLOSED).
  if (session.selected !== null) session.untagged("OK", "The previous mailbox is closed", { kind: "CLOSED" });
  session.selected = null;
  if (command.condstore) session.enableCondstore();
  const mailbox = account.mailboxNamed(command.mailbox);
  if (mailbox === null) return refusal({ kind: "mailbox-missing" });
  const loaded = await account.load(mailbox.id);
  if (loaded.kind !== "done") return refusal(loaded);
  const readOnly = command.kind === "examine";
  session.selected = new Selected(account, loaded.value.mailbox, loaded.value.columns, { readOnly, recent: !session.rev2 });
  describe(session, session.selected, loaded.value.mailbox, loaded.value.columns);
  return ok(readOnly ? "Selected, read only" : "Selected", { kind: readOnly ? "READ-ONLY" : "READ-WRITE" });
}

function describe(session: Session, selected: Selected, mailbox: Mailbox, columns: Columns): void {
  const { writer } = session;
  const { readOnly } = selected;
  const flags = flagsOf(mailbox);
  writeFlags(writer, flags);
  session.untagged("OK", "Flags that stay", { kind: "PERMANENTFLAGS", flags: readOnly ? [] : mailbox.keywords.length < KEYWORDS_MAX ? [...flags, "\\*"] : flags });
  writeNumbered(writer, columns.count, "EXISTS");
  if (!session.rev2) {
    writeNumbered(writer, selected.recentCount, "RECENT");
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
