/** tayori message …: what was found out about a message when it came. */
import { parseAddress } from "../../address/address.ts";
import type { MethodResult } from "../../authres/authres.ts";
import { ownResults } from "../../filter/read-back.ts";
import { canonicalMailboxName } from "../../imap/mailbox-name.ts";
import { writeAccountFailure, type OpenDirectory } from "../wire.ts";
import { done, failed, misused, table, type CommandResult } from "./io.ts";

export async function showResults(open: OpenDirectory, { address: text, mailbox, uid: uidText }: { readonly address: string; readonly mailbox: string; readonly uid: string }): Promise<CommandResult> {
  const address = parseAddress(text);
  if (address === null) return misused(`"${text}" is no mail address.`);
  const uid = Number(uidText);
  if (!Number.isSafeInteger(uid) || uid < 1) return misused(`"${uidText}" is no UID.`);
  const found = await open.directory.account(address);
  if (found.kind === "unavailable") return failed("unavailable", found.detail);
  if (found.kind === "absent" || !found.account.attached) return failed("absent", `There is no account ${text}.`);
  const lease = await open.accounts.use(found.account.accountId);
  if (lease.kind !== "done") return failed("unavailable", `${text}: ${writeAccountFailure(lease)}.`);
  const { account } = lease.value;
  try {
    const id = account.mailboxNamed(canonicalMailboxName(mailbox))?.id;
    const loaded = id === undefined ? null : await account.load(id);
    if (loaded === null) return failed("absent", `${text} has no mailbox ${mailbox}.`);
    if (loaded.kind !== "done") return failed("unavailable", `${mailbox}: ${writeAccountFailure(loaded)}.`);
    const row = loaded.value.columns.rowOf(uid);
    if (row < 0) return failed("absent", `${mailbox} has no message with UID ${uid}.`);
    const content = await account.content(loaded.value.columns.bodyAt(row));
    if (content.kind !== "done") return failed("unavailable", `UID ${uid}: ${writeAccountFailure(content)}.`);
    return resultsOf(content.value, open.settings.incoming["authserv-id"] ?? open.settings.hostname);
  } finally {
    lease.value.release();
  }
}

function resultsOf(content: Buffer, authservId: string): CommandResult {
  const own = ownResults(content, authservId);
  if (own === null) return done("Nothing was found out: the message was not received from outside.", { authservId, results: null });
  return done(table(["METHOD", "RESULT", "REASON", "PROPERTIES"], own.results.map((result) => [result.method, result.result, result.reason ?? "-", propertiesOf(result)])), own);
}

function propertiesOf({ properties }: MethodResult): string {
  return properties.map(({ ptype, property, value }) => `${ptype}.${property}=${value}`).join(" ");
}
