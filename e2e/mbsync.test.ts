/** mbsync keeps a mailbox of 1,000 messages and a Maildir equal, with changes on both sides. */
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, renameSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { ImapClient } from "./imap-client.ts";
import { contents, open } from "./mailbox.ts";
import { mustRun } from "./program.ts";
import { PASSWORD, TayoriServer } from "./server.ts";
import { message } from "./smtp-client.ts";

const COUNT = 1000;
const MAILDIR_FLAGS: Readonly<Record<string, string>> = { "\\Draft": "D", "\\Flagged": "F", "\\Answered": "R", "\\Seen": "S", "\\Deleted": "T", "$Forwarded": "P" };

let server: TayoriServer;
let client: ImapClient;
let maildir: string;
before(async () => {
  server = await TayoriServer.start();
  client = await open(server);
  maildir = join(server.directory, "maildir");
  mkdirSync(maildir);
  writeFileSync(join(server.directory, "mbsyncrc"), `
IMAPAccount tayori
Host localhost
Port ${server.port("imaps")}
User user@tayori.test
Pass ${PASSWORD}
SSLType IMAPS
CertificateFile ${server.certificate.cert}
AuthMechs SCRAM-SHA-256
PipelineDepth 50

IMAPStore far
Account tayori

MaildirStore near
Path ${maildir}/
Inbox ${maildir}/INBOX
SubFolders Verbatim

Channel both
Far :far:
Near :near:
Patterns *
Create Both
Remove Both
Expunge Both
Sync All
CopyArrivalDate yes
SyncState *
`);
});
after(async () => {
  client?.stream.destroy();
  await server?.dispose();
});

const sync = async (): Promise<void> => {
  await mustRun("mbsync", ["-c", join(server.directory, "mbsyncrc"), "both"], { timeoutMs: 120_000 });
};
const numberOf = (content: string): string => /^X-Number: (\S+)/m.exec(content)?.[1] ?? `unnumbered: ${content.slice(0, 80)}`;
const letter = (number: string): string => message({ subject: `letter ${number}`, id: `${number}@peer.test` }, `body of ${number}`).replace("\r\n", `\r\nX-Number: ${number}\r\n`);

/** What is on the server: number to flags as Maildir letters, and the content without mbsync's own field. */
async function far(mailbox = "INBOX"): Promise<Map<string, string>> {
  const map = new Map<string, string>();
  for (const { content, flags } of await contents(client, mailbox)) {
    const letters = flags.map((flag) => MAILDIR_FLAGS[flag] ?? "").sort().join("");
    assert.ok(!map.has(numberOf(content.toString())), `twice on the server: ${numberOf(content.toString())}`);
    map.set(numberOf(content.toString()), `${letters} ${comparable(content.toString())}`);
  }
  return map;
}
function near(mailbox = "INBOX"): Map<string, string> {
  const map = new Map<string, string>();
  for (const { path, flags } of files(mailbox)) {
    const content = readFileSync(path, "utf8");
    assert.ok(!map.has(numberOf(content)), `twice in the Maildir: ${numberOf(content)}`);
    map.set(numberOf(content), `${flags} ${comparable(content)}`);
  }
  return map;
}
const comparable = (content: string): string => content.replaceAll("\r\n", "\n").replace(/^X-TUID: .*\n/m, "");

interface MaildirFile {
  readonly path: string;
  readonly flags: string;
}
function files(mailbox = "INBOX"): MaildirFile[] {
  return ["new", "cur"].flatMap((folder) => readdirSync(join(maildir, mailbox, folder)).sort()
    .map((name) => ({ path: join(maildir, mailbox, folder, name), flags: [.../:2,([A-Z]*)/.exec(name)?.[1] ?? ""].sort().join("") })));
}
function setFlags(file: MaildirFile, flags: string): void {
  const name = (file.path.split("/").at(-1) ?? "").replace(/:2,.*$/, "");
  renameSync(file.path, join(maildir, "INBOX", "cur", `${name}:2,${flags}`));
}
async function bothEqual(count: number): Promise<void> {
  const there = await far();
  assert.equal(there.size, count);
  const here = near();
  const different = [...new Set([...there.keys(), ...here.keys()])].filter((number) => there.get(number) !== here.get(number));
  assert.deepEqual(different.slice(0, 5).map((number) => [there.get(number), here.get(number)]), [], `${different.length} messages differ`);
}

test("a first sync copies 1,000 messages", { timeout: 180_000 }, async () => {
  const appends = Array.from({ length: COUNT }, (_, i) => client.append("INBOX", Buffer.from(letter(`s${i}`)), i % 3 === 0 ? { flags: "\\Seen" } : {}));
  for (const { status, text } of await Promise.all(appends)) assert.equal(status, "OK", text);
  await sync();
  await bothEqual(COUNT);
});
test("flags, new messages, deletions and mailboxes of both sides reach the other", { timeout: 180_000 }, async () => {
  await client.select("INBOX");
  await client.ok("STORE 1:300 +FLAGS (\\Flagged)");
  await client.ok("STORE 4:5 -FLAGS (\\Seen)");
  await client.ok("STORE 990:1000 +FLAGS.SILENT (\\Deleted)");
  await client.ok("EXPUNGE");
  await client.ok("CREATE Work");
  await client.append("Work", Buffer.from(letter("archived")));
  await client.append("INBOX", Buffer.from(letter("new-far")));
  const local = files().filter(({ path }) => Number(numberOf(readFileSync(path, "utf8")).slice(1)) < 980);
  for (const file of local.slice(100, 400)) setFlags(file, "RS");
  for (const file of local.slice(500, 510)) unlinkSync(file.path);
  writeFileSync(join(maildir, "INBOX/new/1700000000.1_1.near"), letter("new-near").replaceAll("\r\n", "\n"));
  await sync();
  await sync();
  await bothEqual(COUNT - 11 - 10 + 2);
  assert.equal((await far()).get("new-near")?.startsWith(" "), true);
  assert.deepEqual(near("Work"), await far("Work"));
});
test("a sync with nothing to do changes nothing", { timeout: 60_000 }, async () => {
  const [there, here] = [await far(), near()];
  await sync();
  assert.deepEqual(await far(), there);
  assert.deepEqual(near(), here);
});
test("a keyword a client cannot show does not disturb, and UIDVALIDITY stays over a restart", { timeout: 60_000 }, async () => {
  const { uidValidity, uidNext } = await client.select("INBOX");
  await client.ok("STORE 1:10 +FLAGS ($Forwarded custom)");
  await client.logout();
  await server.stop();
  await server.start();
  writeFileSync(join(server.directory, "mbsyncrc"), readFileSync(join(server.directory, "mbsyncrc"), "utf8").replace(/^Port .*$/m, `Port ${server.port("imaps")}`));
  client = await open(server);
  const selected = await client.select("INBOX");
  assert.equal(selected.uidValidity, uidValidity);
  assert.equal(selected.uidNext, uidNext);
  await sync();
  await bothEqual(COUNT - 11 - 10 + 2);
});
