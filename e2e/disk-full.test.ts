/** A full disk: 452 and NO, nothing acknowledged is lost, and service goes on when there is room again. */
import assert from "node:assert/strict";
import { mkdirSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { ImapClient } from "./imap-client.ts";
import { contents, open } from "./mailbox.ts";
import { eventually, mustRun, removeDirectory, run, temporaryDirectory } from "./program.ts";
import { TayoriServer } from "./server.ts";
import { message, SmtpClient, type SmtpReply } from "./smtp-client.ts";

const DISK_BYTES = 48 << 20;
const BALLAST_BYTES = 16 << 20;
const MAIL_BYTES = 200_000;
const MAILS_MAX = 1000;

let directory: string;
let disk: string;
let server: TayoriServer;
const acknowledged = new Set<string>();
before(async () => {
  directory = temporaryDirectory("disk");
  disk = join(directory, "small");
  mkdirSync(disk);
  await mustRun("mount", ["-t", "tmpfs", "-o", `size=${DISK_BYTES}`, "tmpfs", disk]);
  writeFileSync(join(disk, "ballast"), Buffer.alloc(BALLAST_BYTES, 1));
  server = await TayoriServer.start({ storeDirectory: disk, cleartextLoopback: true });
});
after(async () => {
  await server?.dispose();
  await run("umount", ["-l", disk]);
  removeDirectory(directory);
});

/** Text that does not compress, so that the disk fills. */
function letter(id: string): string {
  const lines: string[] = [];
  for (let bytes = 0; bytes < MAIL_BYTES; bytes += 78) lines.push(Buffer.from(crypto.getRandomValues(new Uint8Array(57))).toString("base64"));
  return message({ subject: id, id: `${id}@peer.test` }, ...lines);
}
const client = (): Promise<ImapClient> => open(server);

async function deliver(id: string): Promise<SmtpReply> {
  const smtp = await SmtpClient.open(server.port("smtp"));
  const reply = await smtp.send({ from: "a@peer.test", to: ["user@tayori.test"], content: letter(id) });
  await smtp.quit();
  if (reply.code === 250) acknowledged.add(id);
  return reply;
}
async function stored(): Promise<Set<string>> {
  const imap = await client();
  const ids = (await contents(imap)).map(({ content }) => /^Subject: (\S+)/m.exec(content.toString("latin1"))?.[1] ?? "");
  await imap.logout();
  assert.equal(new Set(ids).size, ids.length, "a message is there twice");
  return new Set(ids);
}
async function nothingLost(): Promise<void> {
  const there = await stored();
  assert.deepEqual([...acknowledged].filter((id) => !there.has(id)), []);
}

test("mail is refused for now with 452 when the disk is full", { timeout: 180_000 }, async () => {
  let reply: SmtpReply = { code: 250, lines: [], enhanced: null };
  for (let i = 0; i < MAILS_MAX && reply.code === 250; i++) reply = await deliver(`smtp-${i}`);
  assert.equal(reply.code, 452, reply.lines.join(" "));
  assert.equal(reply.enhanced, "4.3.1");
  assert.ok(acknowledged.size > 20, `only ${acknowledged.size} fitted`);
});
test("APPEND is refused with NO, and reading and the server itself go on", { timeout: 60_000 }, async () => {
  const imap = await client();
  let refusals = 0;
  for (let i = 0; i < 20; i++) {
    const { status } = await imap.append("INBOX", Buffer.from(letter(`append-${i}`)));
    if (status === "OK") acknowledged.add(`append-${i}`);
    else refusals++;
    assert.notEqual(status, "BAD");
  }
  assert.ok(refusals > 0);
  await imap.logout();
  await nothingLost();
  assert.ok(server.running);
});
test("when there is room again, mail is taken without a restart", { timeout: 60_000 }, async () => {
  unlinkSync(join(disk, "ballast"));
  await eventually("a message is accepted", async () => ((await deliver(`after-${process.hrtime.bigint()}`)).code === 250 ? true : undefined), 30_000);
  const imap = await client();
  assert.equal((await imap.append("INBOX", Buffer.from(letter("append-after")))).status, "OK");
  acknowledged.add("append-after");
  await imap.select("INBOX");
  await imap.ok("STORE 1 +FLAGS (\\Flagged)");
  await imap.logout();
  await nothingLost();
});
test("after a kill everything acknowledged is there", { timeout: 60_000 }, async () => {
  await server.kill();
  await server.start();
  await nothingLost();
  await server.mustCli(["store", "check"]);
});
