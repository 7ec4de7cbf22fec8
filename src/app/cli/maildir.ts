/**
 * Maildir, and its subfolders as Maildir++ has them: `.Work.2026` beside cur/, new/ and tmp/ is the mailbox Work/2026.
 * Names are modified UTF-7; keywords are letters that the file `dovecot-keywords` explains, as Dovecot writes it.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { decodeModifiedUtf7, encodeModifiedUtf7 } from "../../imap/modified-utf7.ts";
import { MAILDIR_LETTERS, type FileMessage, type MailboxFiles } from "./mailbox-file.ts";

const KEYWORD_LETTERS = "abcdefghijklmnopqrstuvwxyz";
/** Modified UTF-7 has no dot of its own to spare: one in a mailbox's name would be a level. `&AC4-` is it. */
const ENCODED_DOT = "&AC4-";

export function isMaildir(path: string): boolean {
  return existsSync(join(path, "cur")) && existsSync(join(path, "new"));
}

/** Writes one mailbox. The folder must be new or empty of mail; keywords beyond the 26th are left out and their names returned. */
export class MaildirWriter {
  readonly #folder: string;
  readonly #keywords: string[] = [];
  readonly lost = new Set<string>();

  constructor(root: string, mailbox: string) {
    this.#folder = mailbox === "INBOX" ? root : join(root, folderName(mailbox));
    for (const part of ["cur", "new", "tmp"]) mkdirSync(join(this.#folder, part), { recursive: true, mode: 0o700 });
    if (mailbox !== "INBOX") writeFileSync(join(this.#folder, "maildirfolder"), "", { mode: 0o600 });
  }
  write(message: FileMessage, uid: number): void {
    let letters = "";
    for (const keyword of message.keywords) {
      if (!this.#keywords.includes(keyword) && this.#keywords.length < KEYWORD_LETTERS.length) this.#keywords.push(keyword);
      const at = this.#keywords.indexOf(keyword);
      if (at < 0) this.lost.add(keyword);
      else letters += KEYWORD_LETTERS[at]!;
    }
    const flags = MAILDIR_LETTERS.filter(([, bit]) => (message.system & bit) !== 0).map(([letter]) => letter).join("") + [...letters].sort().join("");
    const seconds = Math.floor((message.internalDate ?? 0) / 1000);
    const digest = createHash("sha256").update(message.content).digest("hex").slice(0, 12);
    const name = `${seconds}.U${uid}H${digest}.tayori,S=${message.content.length}:2,${flags}`;
    const draft = join(this.#folder, "tmp", name);
    writeFileSync(draft, message.content, { mode: 0o600, flag: "wx" });
    utimesSync(draft, seconds, seconds);
    renameSync(draft, join(this.#folder, "cur", name));
  }
  end(): void {
    if (this.#keywords.length === 0) return;
    writeFileSync(join(this.#folder, "dovecot-keywords"), this.#keywords.map((keyword, i) => `${i} ${keyword}\n`).join(""), { mode: 0o600 });
  }
}

/** INBOX and the subfolders of a Maildir. */
export function readMaildir(root: string): readonly MailboxFiles[] {
  const found: MailboxFiles[] = [{ mailbox: "INBOX", messages: () => messagesOf(root) }];
  for (const entry of readdirSync(root).sort()) {
    const folder = join(root, entry);
    if (entry.startsWith(".") && entry.length > 1 && isMaildir(folder)) found.push({ mailbox: mailboxName(entry), messages: () => messagesOf(folder) });
  }
  return found;
}

async function* messagesOf(folder: string): AsyncGenerator<FileMessage | Error> {
  const keywords = readKeywords(folder);
  const files: { path: string; name: string }[] = [];
  for (const part of ["cur", "new"]) for (const name of readdirSync(join(folder, part))) if (!name.startsWith(".")) files.push({ path: join(folder, part, name), name });
  // The number of seconds a name begins with is when the message came: oldest first gives UIDs in that order.
  files.sort((a, b) => Number.parseInt(a.name, 10) - Number.parseInt(b.name, 10) || (a.name < b.name ? -1 : 1));
  for (const { path, name } of files) {
    const letters = /[:;!]2,([A-Za-z]*)$/.exec(name)?.[1] ?? "";
    try {
      yield {
        content: readFileSync(path),
        system: MAILDIR_LETTERS.reduce((bits, [letter, bit]) => (letters.includes(letter) ? bits | bit : bits), 0),
        keywords: [...letters].flatMap((letter) => keywords[KEYWORD_LETTERS.indexOf(letter)] ?? []),
        internalDate: Math.floor(statSync(path).mtimeMs),
      };
    } catch (error) {
      yield new Error(`${path}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}

function readKeywords(folder: string): readonly string[] {
  const path = join(folder, "dovecot-keywords");
  const keywords: string[] = [];
  if (!existsSync(path)) return keywords;
  for (const [, at, keyword] of readFileSync(path, "utf8").matchAll(/^([0-9]{1,2}) (\S+)$/gm)) keywords[Number(at)] = keyword!;
  return keywords;
}

function folderName(mailbox: string): string {
  return `.${mailbox.split("/").map((part) => encodeModifiedUtf7(part).replaceAll(".", ENCODED_DOT)).join(".")}`;
}

/** A name that is no modified UTF-7 is taken as it is written. */
function mailboxName(entry: string): string {
  return entry.slice(1).split(".").map((part) => part.split(ENCODED_DOT).map((piece) => decodeModifiedUtf7(piece) ?? piece).join(".")).join("/");
}
