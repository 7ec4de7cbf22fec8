import type { Account } from "../../account/account.ts";
import { appendMessages } from "../../account/append.ts";
import { flagSetOf } from "../../account/flags.ts";
import type { Command } from "../../imap/command.ts";
import { encodeBinaryParts } from "../../imap/encode-binary.ts";
import { canonicalMailboxName } from "../../imap/mailbox-name.ts";
import { type Completion, no, ok, targetRefusal } from "../response.ts";
import type { Session } from "../session.ts";

/** RFC 9051 section 6.3.12, RFC 3502: all messages or none; durable before the OK. */
export async function append(session: Session, account: Account, command: Extract<Command, { kind: "append" }>): Promise<Completion> {
  if (command.messages.some((message) => message.content.length === 0)) return no("Given up");
  const name = canonicalMailboxName(command.mailbox);
  const messages = [];
  for (const { content, flags, internalDate } of command.messages) {
    const encoded = encodeBinaryParts(content);
    if (encoded === null) return no("A message has NUL where none can be", { kind: "CANNOT" });
    messages.push({ content: encoded, flags: flagSetOf(flags), internalDate });
  }
  const appended = await appendMessages(account, (state) => state.byName.get(name) ?? null, messages);
  session.deps.metrics.count("tayori_imap_appends_total", { result: appended.kind === "done" ? "accepted" : "refused" }, messages.length);
  if (appended.kind !== "done") return targetRefusal(appended);
  return ok("Appended", { kind: "APPENDUID", uidValidity: appended.value.uidValidity, uids: appended.value.uids });
}
