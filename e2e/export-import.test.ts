/** What `account export` writes can be read by others and by `account import`: every mailbox, octet, flag and date. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { ImapClient } from "./imap-client.ts";
import { contents, open } from "./mailbox.ts";
import { mustRun } from "./program.ts";
import { TayoriServer } from "./server.ts";
import { message } from "./smtp-client.ts";

interface Given {
  readonly mailbox: string;
  readonly flags: string;
  readonly date: string;
  readonly content: string;
}
const FROM_LINES = ["From here on", ">From there", ">>From elsewhere", "From ", ".", ""];
/** Modified UTF-7 (RFC 3501 section 5.1.3): 請求書. */
const INVOICES = "&i8txQmb4-";
const GIVEN: readonly Given[] = [
  { mailbox: "INBOX", flags: "", date: "01-Jan-2020 00:00:00 +0000", content: message({ subject: "plain" }) },
  { mailbox: "INBOX", flags: "\\Seen \\Answered", date: "29-Feb-2024 23:59:59 +0900", content: message({ subject: "lines that look like an mbox" }, ...FROM_LINES) },
  { mailbox: "INBOX", flags: "\\Flagged \\Draft \\Deleted", date: "15-Jun-2023 12:00:00 -0500", content: message({ subject: "all flags 日本語" }, "本文です") },
  { mailbox: "INBOX", flags: "\\Seen $Forwarded work", date: "16-Jun-2023 12:00:00 +0000", content: message({ subject: "keywords" }) },
  { mailbox: "Archive", flags: "\\Seen", date: "17-Jun-2023 12:00:00 +0000", content: message({ subject: "archived" }, ...Array.from({ length: 3000 }, (_, i) => `line ${i}`)) },
  { mailbox: "Archive/2024", flags: "", date: "18-Jun-2023 12:00:00 +0000", content: "Subject: no line end at the end\r\n\r\nbody without CRLF" },
  { mailbox: "Archive/2024", flags: "", date: "19-Jun-2023 12:00:00 +0000", content: "Subject: empty body\r\n\r\n" },
  { mailbox: INVOICES, flags: "\\Flagged", date: "20-Jun-2023 12:00:00 +0000", content: message({ subject: "請求書" }) },
];
const MAILBOXES = ["INBOX", "Archive", "Archive/2024", INVOICES];

let server: TayoriServer;
before(async () => {
  server = await TayoriServer.start({ accounts: ["user@tayori.test", "maildir@tayori.test", "mbox@tayori.test"] });
  const client = await open(server);
  for (const mailbox of MAILBOXES.slice(1)) await client.send(`CREATE "${mailbox}"`);
  for (const { mailbox, flags, date, content } of GIVEN) {
    const { status, text } = await client.append(mailbox, Buffer.from(content), { flags, date });
    assert.equal(status, "OK", text);
  }
  await client.logout();
});
after(() => server?.dispose());

interface Comparable {
  readonly mailbox: string;
  readonly flags: string;
  readonly time: number;
  readonly content: string;
}
/** INTERNALDATE as a moment, since another time zone is no other moment. */
const time = (date: string): number => Date.parse(date.trim().replace(/^(\d{1,2})-(\w{3})-(\d{4})/, "$1 $2 $3"));
async function everything(client: ImapClient): Promise<Comparable[]> {
  const all: Comparable[] = [];
  for (const mailbox of MAILBOXES) {
    for (const stored of await contents(client, mailbox)) all.push({ mailbox, flags: [...stored.flags].sort().join(" "), time: time(stored.internalDate), content: stored.content.toString() });
  }
  return all.sort((a, b) => (a.mailbox + a.time < b.mailbox + b.time ? -1 : 1));
}
const given = (): Comparable[] => GIVEN.map(({ mailbox, flags, date, content }) => ({ mailbox, flags: flags.split(" ").filter((flag) => flag !== "").sort().join(" "), time: time(date), content }))
  .sort((a, b) => (a.mailbox + a.time < b.mailbox + b.time ? -1 : 1));

for (const format of ["maildir", "mbox"] as const) {
  describe(format, () => {
    const directory = (): string => join(server.directory, `export-${format}`);
    test("export and import give the same mailboxes, octets, flags and dates", { timeout: 60_000 }, async () => {
      await server.mustCli(["account", "export", "user@tayori.test", "--format", format, "--to", directory()]);
      assert.ok(existsSync(directory()));
      await server.mustCli(["account", "import", `${format}@tayori.test`, "--from", directory()]);
      const client = await open(server, `${format}@tayori.test`);
      // An mbox cannot say that the last line has no end, so it gets one.
      const expected = format === "maildir" ? given() : given().map((one) => ({ ...one, content: one.content.endsWith("\r\n") ? one.content : `${one.content}\r\n` }));
      assert.deepEqual(await everything(client), expected);
      await client.logout();
    });
    test("Python's mailbox module finds every message in the export, with its system flags", { timeout: 30_000 }, async () => {
      const { stdout } = await mustRun("/usr/bin/python3", ["-c", READERS[format], directory()]);
      const found = stdout.trim().split("\n").sort();
      const letters = (flags: string): string => flags.split(" ").map((flag) => FLAG_LETTERS[flag] ?? "").sort().join("");
      const expected = GIVEN.map(({ content, flags }) => `${/^Subject: (.*)\r$/m.exec(content)?.[1]}|${letters(flags)}`).sort();
      assert.deepEqual(found, expected);
    });
  });
}
test("an export of an account that is not there, and an import from nowhere, fail and say why", async () => {
  const missing = await server.cli(["account", "export", "nobody@tayori.test", "--format", "mbox", "--to", join(server.directory, "nothing")]);
  assert.notEqual(missing.code, 0);
  assert.match(missing.stderr, /nobody@tayori\.test/);
  const nowhere = await server.cli(["account", "import", "user@tayori.test", "--from", join(server.directory, "not-there")]);
  assert.notEqual(nowhere.code, 0);
  assert.match(nowhere.stderr, /not-there/);
});

const FLAG_LETTERS: Readonly<Record<string, string>> = { "\\Draft": "D", "\\Flagged": "F", "\\Answered": "R", "\\Seen": "S", "\\Deleted": "T" };
/** Prints "subject|flags" for every message below a directory. */
const READERS = {
  maildir: `
import mailbox, os, sys
from email import policy, message_from_bytes
for base, folders, files in os.walk(sys.argv[1]):
    if "cur" in folders and "new" in folders:
        box = mailbox.Maildir(base, create=False)
        for key in box.keys():
            message = message_from_bytes(box.get_bytes(key), policy=policy.SMTPUTF8)
            print(message["Subject"] + "|" + "".join(sorted(set(box.get_message(key).get_flags()) & set("DFRST"))))
`,
  mbox: `
import mailbox, os, sys
from email import policy, message_from_bytes
letters = {"R": "S", "A": "R", "F": "F", "D": "T", "T": "D"}
for base, folders, files in os.walk(sys.argv[1]):
    for name in files:
        with open(os.path.join(base, name), "rb") as file:
            if not file.read(5) == b"From ":
                continue
        box = mailbox.mbox(os.path.join(base, name), create=False)
        for message in box:
            parsed = message_from_bytes(message.as_bytes(), policy=policy.SMTPUTF8)
            print(parsed["Subject"] + "|" + "".join(sorted(letters[flag] for flag in message.get_flags() if flag in letters)))
`,
} as const;
