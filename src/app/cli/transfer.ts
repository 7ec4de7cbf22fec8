/** tayori account export and import: all mail of one account to files that every mail program reads, and back. */
import { createReadStream, createWriteStream, existsSync, mkdirSync, readdirSync, statSync, type WriteStream } from "node:fs";
import { once } from "node:events";
import { dirname, join, resolve } from "node:path";
import { parseAddress } from "../../address/address.ts";
import type { Account } from "../../account/account.ts";
import { appendMessages, type NewMessage } from "../../account/append.ts";
import { FLAG, flagNames, type FlagSet } from "../../account/flags.ts";
import { createMailbox } from "../../account/mailbox-names.ts";
import { canonicalMailboxName } from "../../imap/mailbox-name.ts";
import { toCrlf } from "../../message/line-end.ts";
import { writeAccountFailure, type OpenDirectory } from "../wire.ts";
import { done, failed, misused, type CliIo, type CommandResult } from "./io.ts";
import { MAILDIR_LETTERS, toLf, type FileMessage, type MailboxFiles } from "./mailbox-file.ts";
import { isMaildir, MaildirWriter, readMaildir } from "./maildir.ts";
import { parseMbox, writeMboxMessage } from "./mbox.ts";

/** What is appended together: one entry of the journal for many small messages. */
const BATCH_MESSAGES_MAX = 50;
const BATCH_BYTES_MAX = 4 * 1024 * 1024;

export interface ExportOptions {
  readonly format: string;
  readonly to: string;
}
export interface ImportOptions {
  readonly from: string;
  /** For a single mbox file. */
  readonly mailbox?: string;
}
type FailedResult = Extract<CommandResult, { kind: "failed" }>;

export async function exportAccount(open: OpenDirectory, io: CliIo, text: string, options: ExportOptions): Promise<CommandResult> {
  if (options.format !== "maildir" && options.format !== "mbox") return misused('--format is "maildir" or "mbox".');
  const root = resolve(io.cwd, options.to);
  if (existsSync(root) && readdirSync(root).length > 0) return failed("exists", `${root} is not empty: an export goes into a new folder.`);
  return withAccount(open, text, async (account) => {
    const counts = { mailboxes: 0, messages: 0 };
    const lost = new Set<string>();
    for (const { id, name } of [...account.state.mailboxes.values()]) {
      const sink = options.format === "maildir" ? maildirSink(root, name, lost) : mboxSink(root, name);
      const trouble = await exportMailbox(account, id, sink, counts);
      if (trouble !== null) return failed("unavailable", `${name}: ${trouble}. What was written so far is in ${root}.`);
      counts.mailboxes++;
    }
    const left = lost.size === 0 ? "" : ` Maildir has room for 26 keywords a mailbox; left out: ${[...lost].join(" ")}.`;
    return done(`Wrote ${counts.messages} messages of ${counts.mailboxes} mailboxes to ${root}.${left}`, { ...counts, to: root, keywordsLost: [...lost] });
  });
}

interface Sink {
  write(message: FileMessage, uid: number): Promise<void>;
  end(): Promise<void>;
}

async function exportMailbox(account: Account, id: number, sink: Sink, counts: { messages: number }): Promise<string | null> {
  const loaded = await account.load(id);
  if (loaded.kind !== "done") return writeAccountFailure(loaded);
  const { mailbox, columns } = loaded.value;
  // Nobody else changes this process's columns while the mailbox is written: it refreshes only when told to.
  for (let row = 0; row < columns.count; row++) {
    const words = { low: columns.low[row]!, high: columns.high[row]! };
    const [uid, internalDate] = [columns.uid[row]!, columns.internalDate[row]!];
    const content = await account.content(columns.bodyAt(row));
    if (content.kind !== "done") return `UID ${uid}: ${writeAccountFailure(content)}`;
    const keywords = flagNames(words, mailbox.keywords).filter((flag) => !flag.startsWith("\\"));
    const system = MAILDIR_LETTERS.reduce((bits, [, bit]) => bits | (words.low & bit), 0);
    await sink.write({ content: toLf(content.value), system, keywords, internalDate }, uid);
    counts.messages++;
  }
  await sink.end();
  return null;
}

function maildirSink(root: string, name: string, lost: Set<string>): Sink {
  const writer = new MaildirWriter(root, name);
  return {
    write: async (message, uid) => writer.write(message, uid),
    end: async () => {
      writer.end();
      for (const keyword of writer.lost) lost.add(keyword);
    },
  };
}

/** Work/2026 is the file Work/2026.mbox; other characters than letters, digits and a few more are percent-encoded. */
function mboxSink(root: string, name: string): Sink {
  const path = join(root, `${name.split("/").map((part) => encodeURIComponent(part).replace(/^\./, "%2E")).join("/")}.mbox`);
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const file: WriteStream = createWriteStream(path, { flags: "wx", mode: 0o600 });
  return {
    write: async (message) => {
      if (!file.write(writeMboxMessage(message))) await once(file, "drain");
    },
    end: async () => {
      file.end();
      await once(file, "finish");
    },
  };
}

export async function importAccount(open: OpenDirectory, io: CliIo, text: string, options: ImportOptions): Promise<CommandResult> {
  const path = resolve(io.cwd, options.from);
  if (!existsSync(path)) return failed("absent", `${path} is not there.`);
  const sources = sourcesOf(path, options.mailbox);
  if ("kind" in sources) return sources;
  return withAccount(open, text, async (account) => {
    const counts = { messages: 0, unreadable: [] as string[] };
    for (const source of sources) {
      const trouble = await importMailbox(account, source, counts);
      if (trouble !== null) return failed("unavailable", `${source.mailbox}: ${trouble}. ${counts.messages} messages are in the account.`);
    }
    if (counts.unreadable.length > 0) return failed("unreadable", `Took ${counts.messages} messages; these could not be read:\n${counts.unreadable.join("\n")}`);
    return done(`Took ${counts.messages} messages into ${sources.length} mailboxes.`, { messages: counts.messages, mailboxes: sources.map((source) => source.mailbox) });
  });
}

/** A Maildir, a folder of .mbox files, or one mbox file. */
function sourcesOf(path: string, mailbox: string | undefined): readonly MailboxFiles[] | FailedResult {
  const wrong = (message: string): FailedResult => ({ kind: "failed", code: 2, because: "usage", message });
  if (!statSync(path).isDirectory()) return [{ mailbox: mailbox ?? "INBOX", messages: () => parseMbox(createReadStream(path)) }];
  if (mailbox !== undefined) return wrong("--mailbox goes with a single mbox file.");
  if (isMaildir(path)) return readMaildir(path);
  const files = readdirSync(path, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".mbox")).sort();
  if (files.length === 0) return wrong(`${path} is neither a Maildir (with cur/ and new/) nor a folder with .mbox files.`);
  return files.map((file) => ({ mailbox: mailboxOf(file), messages: () => parseMbox(createReadStream(join(path, file))) }));
}

function mailboxOf(file: string): string {
  return file.slice(0, -".mbox".length).split("/").map((part) => {
    try {
      return decodeURIComponent(part);
    } catch {
      return part;
    }
  }).join("/");
}

async function importMailbox(account: Account, source: MailboxFiles, counts: { messages: number; unreadable: string[] }): Promise<string | null> {
  const name = canonicalMailboxName(source.mailbox);
  const made = account.mailboxNamed(name) === null ? await createMailbox(account, name) : null;
  if (made !== null && made.kind !== "done" && made.kind !== "mailbox-exists") return writeAccountFailure(made);
  let batch: NewMessage[] = [];
  let bytes = 0;
  const flush = async (): Promise<string | null> => {
    if (batch.length === 0) return null;
    const appended = await appendMessages(account, (state) => state.byName.get(name) ?? null, batch);
    if (appended.kind !== "done") return writeAccountFailure(appended);
    counts.messages += batch.length;
    [batch, bytes] = [[], 0];
    return null;
  };
  for await (const message of source.messages()) {
    if (message instanceof Error) {
      counts.unreadable.push(message.message);
      continue;
    }
    batch.push({ content: toCrlf(message.content), flags: flagsOf(message), internalDate: message.internalDate });
    bytes += message.content.length;
    const trouble = batch.length >= BATCH_MESSAGES_MAX || bytes >= BATCH_BYTES_MAX ? await flush() : null;
    if (trouble !== null) return trouble;
  }
  return flush();
}

function flagsOf(message: FileMessage): FlagSet {
  return { system: message.system & (FLAG.answered | FLAG.flagged | FLAG.deleted | FLAG.seen | FLAG.draft), keywords: message.keywords };
}

/** Opens the account of this address, with its quota, and lets go of it afterwards. */
export async function withAccount(open: OpenDirectory, text: string, act: (account: Account) => Promise<CommandResult>): Promise<CommandResult> {
  const address = parseAddress(text);
  if (address === null) return misused(`"${text}" is no mail address.`);
  const found = await open.directory.account(address);
  if (found.kind === "unavailable") return failed("unavailable", found.detail);
  if (found.kind === "absent" || !found.account.attached) return failed("absent", `There is no account ${text}.`);
  const lease = await open.accounts.use(found.account.accountId);
  if (lease.kind !== "done") return failed("unavailable", `${text}: ${writeAccountFailure(lease)}.`);
  const { account } = lease.value;
  account.quotaBytes = found.account.quotaBytes ?? Number.POSITIVE_INFINITY;
  try {
    return await act(account);
  } finally {
    lease.value.release();
  }
}
