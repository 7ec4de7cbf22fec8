import type { Account } from "../../account/account.ts";
import { FLAG } from "../../account/flags.ts";
import type { Mailbox } from "../../account/mailbox.ts";
import type { Outcome } from "../../account/failure.ts";
import { done } from "../../account/failure.ts";
import { unreachable } from "../../base/assert.ts";
import type { Command, StatusItem } from "../../imap/command.ts";
import { writeStatus } from "../../imap/write-response.ts";
import { type Completion, ok, refusal } from "../response.ts";
import type { Session } from "../session.ts";

/** RFC 9051 section 6.3.11. */
export async function status(session: Session, account: Account, command: Extract<Command, { kind: "status" }>): Promise<Completion> {
  const mailbox = account.mailboxNamed(command.mailbox);
  if (mailbox === null) return refusal({ kind: "mailbox-missing" });
  const values = await statusValues(session, account, mailbox, command.items);
  if (values.kind !== "done") return refusal(values);
  writeStatus(session.writer, mailbox.name, values.value);
  return ok("Done");
}

/** Only DELETED needs the messages; the rest are counters. */
export async function statusValues(session: Session, account: Account, mailbox: Mailbox, items: readonly StatusItem[]): Promise<Outcome<[StatusItem, number | null][]>> {
  let deleted = 0;
  if (items.includes("deleted")) {
    const loaded = await account.load(mailbox.id);
    if (loaded.kind !== "done") return loaded;
    const { columns } = loaded.value;
    for (let at = 0; at < columns.count; at++) if ((columns.low[at]! & FLAG.deleted) !== 0) deleted += 1;
  }
  if (items.includes("highestmodseq")) session.condstore = true;
  return done(items.map((item) => [item, valueOf(session, mailbox, item, deleted)]));
}

function valueOf(session: Session, mailbox: Mailbox, item: StatusItem, deleted: number): number | null {
  switch (item) {
    case "messages":
      return mailbox.exists;
    case "recent":
      return 0;
    case "uidnext":
      return mailbox.uidNext;
    case "uidvalidity":
      return mailbox.uidValidity;
    case "unseen":
      return mailbox.unseen;
    case "deleted":
      return deleted;
    case "size":
      return mailbox.bytes;
    case "highestmodseq":
      return mailbox.highestModseq;
    case "appendlimit":
      return session.deps.settings.messageBytesMax;
    default:
      return unreachable(item);
  }
}
