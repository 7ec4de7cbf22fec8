import type { Account } from "../../account/account.ts";
import { FLAG } from "../../account/flags.ts";
import type { Mailbox } from "../../account/mailbox.ts";
import type { Outcome } from "../../account/failure.ts";
import { done } from "../../account/failure.ts";
import { unreachable } from "../../base/assert.ts";
import type { Command, StatusItem } from "../../imap/command.ts";
import { writeStatus } from "../../imap/write-response.ts";
import { type Completion, ok, refusal } from "../response.ts";
import { recentFrom } from "../recent.ts";
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

/** Only DELETED, and RECENT where there are such, need the messages; the rest are counters. */
export async function statusValues(session: Session, account: Account, mailbox: Mailbox, items: readonly StatusItem[]): Promise<Outcome<[StatusItem, number | null][]>> {
  const counted = { deleted: 0, recent: 0 };
  const recent = recentFrom(account, mailbox.id);
  if (items.includes("deleted") || (items.includes("recent") && recent < mailbox.uidNext)) {
    const loaded = await account.load(mailbox.id);
    if (loaded.kind !== "done") return loaded;
    const { columns } = loaded.value;
    for (let at = 0; at < columns.count; at++) if ((columns.low[at]! & FLAG.deleted) !== 0) counted.deleted += 1;
    counted.recent = columns.count - columns.lowerBound(recent);
  }
  if (items.includes("highestmodseq")) session.enableCondstore();
  return done(items.map((item) => [item, valueOf(session, mailbox, item, counted)]));
}

function valueOf(session: Session, mailbox: Mailbox, item: StatusItem, counted: { readonly deleted: number; readonly recent: number }): number | null {
  switch (item) {
    case "messages":
      return mailbox.exists;
    case "recent":
      return counted.recent;
    case "uidnext":
      return mailbox.uidNext;
    case "uidvalidity":
      return mailbox.uidValidity;
    case "unseen":
      return mailbox.unseen;
    case "deleted":
      return counted.deleted;
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
