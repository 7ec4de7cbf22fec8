/** tayori store … */
import { DatabaseSync } from "node:sqlite";
import { parseAddress } from "../../address/address.ts";
import type { Account } from "../../account/account.ts";
import { LIST_LIMIT_MAX, type ObjectStore, type StoreFailure } from "../../port/object-store.ts";
import type { OpenDirectory } from "../wire.ts";
import { openQueue, writeAccountFailure } from "../wire.ts";
import { done, failed, type CommandResult } from "./io.ts";

export async function storeStats(open: OpenDirectory): Promise<CommandResult> {
  const { sqlite, settings, directory } = open;
  const [domains, accounts] = [await directory.listDomains(), await directory.listAccounts()];
  if (domains.kind !== "list") return failed("unavailable", domains.detail);
  if (accounts.kind !== "list") return failed("unavailable", accounts.detail);
  const { store: place } = settings;
  const found = { path: place.kind === "sqlite" ? place.path : place.url, domains: domains.entries.length, accounts: accounts.entries.length };
  const lines = [`Store     ${found.path}`, `Domains   ${found.domains}`, `Accounts  ${found.accounts}`];
  if (sqlite === null) {
    const objects = await countObjects(open.store);
    if (typeof objects !== "number") return failed("unavailable", objects.detail);
    return done([...lines, `Objects   ${objects}`].join("\n"), { ...found, objects });
  }
  const counts = await sqlite.statistics();
  const file = `File      ${counts.fileBytes} octets, ${counts.freeBytes} of them free, and ${counts.walBytes} in the log`;
  return done([...lines, `Objects   ${counts.objects}`, `Bytes     ${counts.bytes} in objects`, file].join("\n"), { ...found, ...counts });
}

async function countObjects(store: ObjectStore): Promise<number | StoreFailure> {
  let count = 0;
  for (let after = "";;) {
    const page = await store.list("", { after, limit: LIST_LIMIT_MAX });
    if (page.kind === "failure") return page;
    const last = page.keys.at(-1);
    if (last === undefined) return count;
    count += page.keys.length;
    after = last;
  }
}

/** Reads everything: the file's structure, the directory's references, every message of every account, every message in the queue. */
export async function checkStore(open: OpenDirectory): Promise<CommandResult> {
  const problems: string[] = [...(open.settings.store.kind === "sqlite" ? checkFile(open.settings.store.path) : []), ...await checkDirectory(open)];
  let messages = 0;
  const accounts = await open.directory.listAccounts();
  if (accounts.kind !== "list") problems.push(accounts.detail);
  for (const { accountId, address, attached } of accounts.kind === "list" ? accounts.entries : []) {
    if (!attached) {
      problems.push(`account ${accountId} (${address}) has no address: finish its deletion with "account delete ${address}"`);
      continue;
    }
    const lease = await open.accounts.use(accountId);
    if (lease.kind !== "done") {
      problems.push(`account ${address}: ${writeAccountFailure(lease)}`);
      continue;
    }
    messages += await checkMessages(lease.value.account, address, problems);
    lease.value.release();
  }
  const queued = await checkQueue(open, problems);
  const data = { accounts: accounts.kind === "list" ? accounts.entries.length : 0, messages, queued, problems };
  const summary = `Read ${data.accounts} accounts, ${messages} messages in mailboxes and ${queued} in the queue.`;
  if (problems.length === 0) return done(`${summary} Nothing is wrong.`, data);
  return failed("damaged", `${summary}\n${problems.join("\n")}`);
}

function checkFile(path: string): string[] {
  const db = new DatabaseSync(path, { readOnly: true });
  try {
    const rows = db.prepare("PRAGMA integrity_check(20)").all().map((row) => String(row["integrity_check"]));
    return rows.length === 1 && rows[0] === "ok" ? [] : rows.map((row) => `${path}: ${row}`);
  } catch (error) {
    return [`${path}: ${error instanceof Error ? error.message : String(error)}`];
  } finally {
    db.close();
  }
}

async function checkDirectory({ directory, recipients }: OpenDirectory): Promise<string[]> {
  const problems: string[] = [];
  const references = await directory.danglingReferences();
  if (references.kind !== "list") return [references.detail];
  problems.push(...references.entries);
  const domains = await directory.listDomains();
  if (domains.kind !== "list") return [...problems, domains.detail];
  for (const { domain, closing, catchAll } of domains.entries) {
    if (closing) problems.push(`domain ${domain}: its removal was begun and not finished`);
    if (catchAll !== null && !(await existsFor(recipients, catchAll))) problems.push(`domain ${domain}: its catch-all ${catchAll} does not exist`);
  }
  return problems;
}

async function existsFor(recipients: OpenDirectory["recipients"], text: string): Promise<boolean> {
  const address = parseAddress(text);
  const found = address === null ? null : await recipients.resolve(address);
  return found !== null && found.kind !== "unknown-user";
}

/** Opening a body checks its seal, so octets that were changed anywhere are found. */
async function checkMessages(account: Account, address: string, problems: string[]): Promise<number> {
  let count = 0;
  for (const { id, name } of [...account.state.mailboxes.values()]) {
    const loaded = await account.load(id);
    if (loaded.kind !== "done") {
      problems.push(`${address} ${name}: ${writeAccountFailure(loaded)}`);
      continue;
    }
    const { columns } = loaded.value;
    for (let row = 0; row < columns.count; row++) {
      const content = await account.content(columns.bodyAt(row));
      if (content.kind !== "done") problems.push(`${address} ${name} UID ${columns.uid[row]}: ${writeAccountFailure(content)}`);
      else if (content.value.length !== columns.size[row]) problems.push(`${address} ${name} UID ${columns.uid[row]}: ${content.value.length} octets instead of ${columns.size[row]}`);
      count++;
    }
  }
  return count;
}

async function checkQueue(open: OpenDirectory, problems: string[]): Promise<number> {
  const opened = await openQueue(open);
  if (opened.kind !== "open") {
    problems.push(opened.detail);
    return 0;
  }
  const listed = await opened.queue.list({ limit: Number.MAX_SAFE_INTEGER });
  if (listed.kind === "failure") {
    problems.push(`the queue: ${listed.detail}`);
    return 0;
  }
  for (const { id } of listed.messages) {
    const content = await opened.queue.content(id);
    // A message may have left the queue between the list and the look.
    if (content === null && (await opened.queue.show(id)).kind === "message") problems.push(`queued message ${id}: its content is absent or was changed`);
    if (content !== null && !Buffer.isBuffer(content)) problems.push(`queued message ${id}: ${content.detail}`);
  }
  return listed.messages.length;
}
