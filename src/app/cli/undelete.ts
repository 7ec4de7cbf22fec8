/** tayori account undelete: brings back what was expunged lately. */
import { undeleteMessages } from "../../account/undelete.ts";
import { parseDuration } from "../units.ts";
import { writeAccountFailure, type OpenDirectory } from "../wire.ts";
import { done, failed, misused, type CommandResult } from "./io.ts";
import { withAccount } from "./transfer.ts";

export interface UndeleteOptions {
  /** A duration: what was expunged no longer ago. */
  readonly since?: string;
  readonly mailbox?: string;
  readonly to?: string;
}

export async function undelete(open: OpenDirectory, text: string, { since, mailbox, to }: UndeleteOptions): Promise<CommandResult> {
  const ms = since === undefined ? null : parseDuration(since);
  if (since !== undefined && ms === null) return misused(`"${since}" is no duration like "2h" or "3d".`);
  return withAccount(open, text, async (account) => {
    const answer = await undeleteMessages(account, { since: ms === null ? null : open.clock.now() - ms, mailbox: mailbox ?? null, to: to ?? null });
    if (answer.kind !== "done") return failed(answer.kind, `${text}: ${writeAccountFailure(answer)}.`);
    const { restored, unreadable } = answer.value;
    const count = restored.reduce((sum, { uids }) => sum + uids.length, 0);
    // Commands log warnings only; who brought back what was deleted is to be known.
    if (count > 0) open.log.warn("account-undeleted", { account: account.id, messages: count });
    const lines = [...restored.map(({ mailbox: name, uids }) => `${uids.length} messages are back in ${name}.`), ...(unreadable === 0 ? [] : [`${unreadable} can't be read any more.`])];
    return done(lines.length === 0 ? "Nothing that was expunged fits." : lines.join("\n"), { restored, unreadable }, unreadable === 0 ? 0 : 1);
  });
}
