/** Postfix and Tayori hand each other mail over STARTTLS, and tell the sender what could not be delivered. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { ImapClient } from "./imap-client.ts";
import { awaitMessage, contents, header, open } from "./mailbox.ts";
import { Postfix } from "./postfix.ts";
import { eventually, sleep } from "./program.ts";
import { asArray, field, PASSWORD, TayoriServer } from "./server.ts";
import { expectCode, message, SmtpClient } from "./smtp-client.ts";

let postfix: Postfix;
let server: TayoriServer;
let reader: ImapClient;
before(async () => {
  postfix = await Postfix.start({ mailboxes: { "peer.test": ["anna"] }, incomingTls: "encrypt", outgoingTls: "encrypt" });
  server = await TayoriServer.start({ accounts: ["user@tayori.test", "other@tayori.test"], routes: { "peer.test": `127.0.0.1:${postfix.port}` } });
  postfix.setTransports({ "tayori.test": `smtp:[127.0.0.1]:${server.port("smtp")}` });
  await postfix.reload();
  reader = await open(server);
});
after(async () => {
  reader?.stream.destroy();
  await server?.dispose();
  await postfix?.dispose();
});

/** Submits as user@tayori.test; the reply to the end of data. */
async function submit(to: readonly string[], content: string, options: { readonly notify?: string } = {}): Promise<void> {
  const client = await SmtpClient.open(server.port("submissions"), { tls: "implicit", login: ["user@tayori.test", PASSWORD] });
  expectCode(await client.command("MAIL FROM:<user@tayori.test> RET=HDRS ENVID=envelope-7"), 250);
  for (const address of to) expectCode(await client.command(`RCPT TO:<${address}>${options.notify === undefined ? "" : ` NOTIFY=${options.notify} ORCPT=rfc822;${address}`}`), 250);
  expectCode(await client.command("DATA"), 354);
  client.stream.write(`${content}.\r\n`);
  expectCode(await client.reply(), 250);
  await client.quit();
}
async function throughPostfix(to: string, content: string): Promise<void> {
  const client = await SmtpClient.open(postfix.port, { tls: "starttls" });
  expectCode(await client.send({ from: "anna@peer.test", to: [to], content }), 250);
  await client.quit();
}
const letter = (subject: string): string => message({ from: "user@tayori.test", to: "anna@peer.test", subject });

describe("Postfix to Tayori", () => {
  test("delivers over STARTTLS, and the trace says so", async () => {
    await throughPostfix("user@tayori.test", message({ from: "anna@peer.test", subject: "from postfix" }, "..two dots", "."));
    const { content } = await awaitMessage(reader, "Subject: from postfix");
    assert.match(header(content), /^Received: from postfix\.peer\.test .*with (UTF8)?E?SMTPS\b/im);
    assert.ok(content.includes("\r\n..two dots\r\n.\r\n"));
    assert.match(postfix.log, /(Untrusted|Trusted|Anonymous) TLS connection established to 127\.0\.0\.1.*TLSv1\.3/);
  });
  test("hears 5.1.1 for an unknown user and tells the sender", async () => {
    await throughPostfix("nobody@tayori.test", message({ from: "anna@peer.test", subject: "to nobody" }));
    const bounce = await postfix.awaitDelivered("anna@peer.test", "Final-Recipient: rfc822; nobody@tayori.test");
    assert.match(bounce, /^Status: 5\.1\.1$/m);
    assert.match(bounce, /^Diagnostic-Code: smtp; 550 5\.1\.1 /m);
  });
  test("a hundred messages over cached connections all arrive once", { timeout: 60_000 }, async () => {
    const client = await SmtpClient.open(postfix.port, { tls: "starttls" });
    for (let i = 0; i < 100; i++) expectCode(await client.send({ from: "anna@peer.test", to: ["other@tayori.test"], content: message({ subject: `series ${i}.` }) }), 250);
    await client.quit();
    const other = await open(server, "other@tayori.test");
    const subjects = await eventually("100 messages", async () => {
      const all = await contents(other);
      return all.length >= 100 ? all.map(({ content }) => /^Subject: (series \d+\.)/m.exec(content.toString())?.[1]) : undefined;
    }, 30_000);
    assert.deepEqual(new Set(subjects), new Set(Array.from({ length: 100 }, (_, i) => `series ${i}.`)));
    assert.equal(subjects.length, 100);
    await other.logout();
  });
});

describe("Tayori to Postfix", () => {
  test("delivers over STARTTLS with the content unchanged", async () => {
    const content = message({ from: "user@tayori.test", subject: "to postfix" }, ".dot", "..", "日本語", "x".repeat(900));
    await submit(["anna@peer.test"], content.replaceAll("\r\n.", "\r\n.."));
    const delivered = await postfix.awaitDelivered("anna@peer.test", "Subject: to postfix");
    assert.match(delivered, /using TLSv1\.3 with cipher/);
    assert.match(delivered, /by postfix\.peer\.test \(Postfix\) with E?SMTPS/);
    assert.ok(Buffer.from(delivered, "latin1").toString().replaceAll("\n", "\r\n").includes(content.slice(content.indexOf("\r\n\r\n"))), delivered);
    assert.match(postfix.log, /TLS connection established from localhost\[127\.0\.0\.1\]: TLSv1\.3/);
  });
  test("an unknown user gives the sender a DSN", async () => {
    await submit(["nobody@peer.test"], letter("to an unknown user"));
    const { content } = await awaitMessage(reader, "nobody@peer.test", "INBOX", 30_000);
    const text = content.toString();
    assert.match(header(content), /^Return-Path: <>\r$/m);
    assert.match(header(content), /^Content-Type: multipart\/report;.*report-type="?delivery-status/im);
    assert.match(header(content), /^Auto-Submitted: auto-replied\r$/m);
    assert.match(text, /^Original-Envelope-Id: envelope-7\r$/m);
    assert.match(text, /^Final-Recipient: rfc822; ?nobody@peer\.test\r$/im);
    assert.match(text, /^Action: failed\r$/m);
    assert.match(text, /^Status: 5\.1\.1\r$/m);
    assert.match(text, /^Diagnostic-Code: smtp; ?550/im);
    assert.match(text, /^Subject: to an unknown user\r$/m);
  });
  test("one good and one unknown recipient: one delivery, one DSN about the other alone", async () => {
    await submit(["anna@peer.test", "missing@peer.test"], letter("to two"));
    await postfix.awaitDelivered("anna@peer.test", "Subject: to two");
    const { content } = await awaitMessage(reader, "missing@peer.test", "INBOX", 30_000);
    assert.doesNotMatch(content.toString(), /^Final-Recipient: rfc822; ?anna@/im);
  });
  test("NOTIFY=NEVER keeps silent, NOTIFY=SUCCESS is handed on to a peer that offers DSN", async () => {
    const before = (await contents(reader)).length;
    await submit(["silent@peer.test"], letter("no report please"), { notify: "NEVER" });
    await eventually("Postfix refusing silent@peer.test", () => (postfix.log.includes("silent@peer.test") ? true : undefined));
    await submit(["anna@peer.test"], letter("report success"), { notify: "SUCCESS" });
    await postfix.awaitDelivered("anna@peer.test", "Subject: report success");
    await awaitMessage(reader, "Action: delivered", "INBOX", 30_000);
    assert.equal((await contents(reader)).length, before + 1);
  });
});

describe("while the peer is away", () => {
  test("mail stays in the queue over a kill, can be held, and leaves when the peer is back", { timeout: 120_000 }, async () => {
    await postfix.down();
    await submit(["anna@peer.test"], letter("patience"));
    const queued = await eventually("one queued message", async () => {
      const list = asArray(field(await server.json(["queue", "list"]), "messages") ?? await server.json(["queue", "list"]));
      return list.length === 1 ? list[0] : undefined;
    });
    const id = field(queued, "id");
    assert.equal(typeof id, "string", JSON.stringify(queued));
    await server.kill();
    await server.start();
    postfix.setTransports({ "tayori.test": `smtp:[127.0.0.1]:${server.port("smtp")}` });
    reader = await open(server);
    assert.match(JSON.stringify(await server.json(["queue", "list"])), new RegExp(String(id)));
    assert.match(JSON.stringify(await server.json(["queue", "show", String(id)])), /anna@peer\.test/);
    await server.mustCli(["queue", "hold", String(id)]);
    await postfix.up();
    await server.mustCli(["queue", "retry", String(id)]);
    await sleep(2000);
    assert.ok(postfix.delivered("anna@peer.test").every((text) => !text.includes("Subject: patience")), "a held message left");
    await server.mustCli(["queue", "release", String(id)]);
    await server.mustCli(["queue", "retry", String(id)]);
    await postfix.awaitDelivered("anna@peer.test", "Subject: patience", 60_000);
    await eventually("an empty queue", async () => (asArray(field(await server.json(["queue", "list"]), "messages") ?? await server.json(["queue", "list"])).length === 0 ? true : undefined));
    assert.equal(postfix.delivered("anna@peer.test").filter((text) => text.includes("Subject: patience")).length, 1);
  });
});
