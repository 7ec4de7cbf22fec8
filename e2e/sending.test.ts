/** Foreign programs hand mail in: swaks, curl and Python's smtplib on all three ports. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { ImapClient } from "./imap-client.ts";
import { awaitMessage, contents, header, open } from "./mailbox.ts";
import { mustRun, run, type RunResult } from "./program.ts";
import { PASSWORD, TayoriServer } from "./server.ts";
import { message, SmtpClient } from "./smtp-client.ts";

let server: TayoriServer;
let reader: ImapClient;
before(async () => {
  server = await TayoriServer.start({ accounts: ["user@tayori.test", "writer@tayori.test"], aliases: [["info@tayori.test", "user@tayori.test"]] });
  reader = await open(server);
});
after(async () => {
  reader?.stream.destroy();
  await server?.dispose();
});

const swaks = (...args: string[]): Promise<RunResult> => run("swaks", ["--server", "127.0.0.1", "--helo", "client.test", "--timeout", "20s", ...args]);
const credentials = ["--auth-user", "writer@tayori.test", "--auth-password", PASSWORD];
const accepted = (result: RunResult): void => assert.equal(result.code, 0, result.transcript);

describe("swaks", () => {
  test("on port 25 over STARTTLS the message arrives octet for octet behind one trace field that names TLS", async () => {
    const content = message({ subject: "swaks 25", id: "swaks-25@peer.test" }, "first line", ".a line with a dot", "日本語の行", "");
    const file = join(server.directory, "swaks.eml");
    writeFileSync(file, content.replaceAll("\r\n", "\n"));
    accepted(await swaks("--port", `${server.port("smtp")}`, "--tls", "--from", "a@peer.test", "--to", "user@tayori.test", "--data", `@${file}`));
    const stored = await awaitMessage(reader, "swaks-25@peer.test");
    // swaks adds an empty line of its own at the end.
    const sent = Buffer.from(`${content}\r\n`);
    assert.ok(stored.content.subarray(-sent.length).equals(sent), stored.content.toString());
    const trace = header(stored.content.subarray(0, stored.content.length - sent.length));
    assert.match(trace, /^Return-Path: <a@peer\.test>\r$/m);
    assert.equal(trace.match(/^Received:/gm)?.length, 1);
    assert.match(trace, /^Received: from client\.test .*with (UTF8)?E?SMTPS\b/im);
  });
  test("on port 25 a foreign domain is refused and AUTH is not offered", async () => {
    const result = await swaks("--port", `${server.port("smtp")}`, "--tls", "--from", "a@peer.test", "--to", "b@elsewhere.test");
    assert.notEqual(result.code, 0);
    assert.match(result.stdout, /<[~*]{2} 55[0-9] 5\.7\.1/, result.transcript);
    assert.doesNotMatch(result.stdout, /250[- ]AUTH/);
  });
  test("an unknown user is refused with 5.1.1, an alias is not", async () => {
    const port = `${server.port("smtp")}`;
    const unknown = await swaks("--port", port, "--from", "a@peer.test", "--to", "nobody@tayori.test");
    assert.match(unknown.stdout, /<[~*]{2} 550 5\.1\.1/, unknown.transcript);
    accepted(await swaks("--port", port, "--from", "a@peer.test", "--to", "info@tayori.test", "--h-Subject", "to the alias"));
    await awaitMessage(reader, "to the alias");
  });
  for (const [name, listener, tls] of [["587 over STARTTLS", "submission", "--tls"], ["465", "submissions", "--tls-on-connect"]] as const) {
    test(`on port ${name} with AUTH PLAIN`, async () => {
      accepted(await swaks("--port", `${server.port(listener)}`, tls, "--auth", "PLAIN", ...credentials, "--from", "writer@tayori.test", "--to", "user@tayori.test", "--h-From", "writer@tayori.test", "--h-Subject", `swaks ${listener}`));
      const stored = await awaitMessage(reader, `swaks ${listener}`);
      assert.match(header(stored.content), /^Received: .*with (UTF8)?E?SMTPSA\b/im);
    });
  }
  test("a wrong password is refused with 535, and no AUTH at all with 530", async () => {
    const port = `${server.port("submissions")}`;
    const wrong = await swaks("--port", port, "--tls-on-connect", "--auth", "PLAIN", "--auth-user", "writer@tayori.test", "--auth-password", "wrong", "--from", "writer@tayori.test", "--to", "user@tayori.test");
    assert.match(wrong.stdout, /535 5\.7\.8/, wrong.transcript);
    const none = await swaks("--port", port, "--tls-on-connect", "--from", "writer@tayori.test", "--to", "user@tayori.test");
    assert.match(none.stdout, /530 5\.7\.0/, none.transcript);
  });
  test("without TLS port 587 offers no AUTH", async () => {
    const result = await swaks("--port", `${server.port("submission")}`, "--quit-after", "EHLO");
    assert.doesNotMatch(result.stdout, /250[- ]AUTH [^\r\n]*(PLAIN|LOGIN)/, result.transcript);
    assert.match(result.stdout, /250[- ]STARTTLS/, result.transcript);
  });
  test("who is logged in cannot write as somebody else", async () => {
    const result = await swaks("--port", `${server.port("submissions")}`, "--tls-on-connect", "--auth", "PLAIN", ...credentials, "--from", "user@tayori.test", "--to", "user@tayori.test");
    assert.match(result.stdout, /<[~*]{2} 55[03] 5\.7\.1/, result.transcript);
  });
  test("two recipients in one pipelined transaction", async () => {
    accepted(await swaks("--port", `${server.port("smtp")}`, "--pipeline", "--from", "a@peer.test", "--to", "user@tayori.test,writer@tayori.test", "--h-Subject", "for two"));
    await awaitMessage(reader, "for two");
    const writer = await open(server, "writer@tayori.test");
    await awaitMessage(writer, "for two");
    await writer.logout();
  });
});

describe("curl", () => {
  const curl = (url: string, file: string, ...args: string[]): Promise<RunResult> =>
    run("curl", ["--silent", "--show-error", "--cacert", server.certificate.cert, url, "--mail-from", "writer@tayori.test", "--mail-rcpt", "user@tayori.test", "--upload-file", file, "--user", `writer@tayori.test:${PASSWORD}`, ...args]);
  const letter = (subject: string): string => {
    const file = join(server.directory, `${subject}.eml`);
    writeFileSync(file, message({ from: "writer@tayori.test", subject }));
    return file;
  };
  test("smtp:// with STARTTLS and a checked certificate", async () => {
    accepted(await curl(`smtp://localhost:${server.port("submission")}`, letter("curl-starttls"), "--ssl-reqd"));
    await awaitMessage(reader, "curl-starttls");
  });
  test("smtps://", async () => {
    accepted(await curl(`smtps://localhost:${server.port("submissions")}`, letter("curl-smtps")));
    await awaitMessage(reader, "curl-smtps");
  });
  test("AUTH PLAIN when told so, and a message of 5 MB", async () => {
    const file = join(server.directory, "large.eml");
    writeFileSync(file, message({ from: "writer@tayori.test", subject: "curl-large" }, ...Array.from({ length: 70_000 }, (_, i) => `${i} `.padEnd(74, "x"))));
    accepted(await curl(`smtps://localhost:${server.port("submissions")}`, file, "--login-options", "AUTH=PLAIN"));
    const stored = await awaitMessage(reader, "curl-large");
    assert.ok(stored.content.length > 5_000_000);
  });
});

describe("Python smtplib", () => {
  test("sends over SMTP_SSL with BODY=8BITMIME and SMTPUTF8", async () => {
    const script = `
import smtplib, ssl, sys
from email.message import EmailMessage
from email.policy import SMTPUTF8
port, cafile, password = int(sys.argv[1]), sys.argv[2], sys.argv[3]
with smtplib.SMTP_SSL("localhost", port, context=ssl.create_default_context(cafile=cafile), timeout=20) as smtp:
    smtp.login("writer@tayori.test", password)
    m = EmailMessage(policy=SMTPUTF8)
    m["From"], m["To"], m["Subject"] = "writer@tayori.test", "user@tayori.test", "smtplib 件名"
    m.set_content("本文\\n", cte="8bit")
    refused = smtp.send_message(m, mail_options=["SMTPUTF8", "BODY=8BITMIME"])
    assert refused == {}, refused
`;
    await mustRun("/usr/bin/python3", ["-c", script, `${server.port("submissions")}`, server.certificate.cert, PASSWORD]);
    await awaitMessage(reader, "smtplib 件名");
  });
});

describe("the limits a peer meets", () => {
  test("SIZE is announced, and a message that says it is larger is refused at MAIL FROM", async () => {
    const client = await SmtpClient.open(server.port("smtp"));
    const size = Number(client.extensions.map((line) => /^SIZE (\d+)$/.exec(line)?.[1]).find((found) => found !== undefined));
    assert.ok(size >= 1_000_000, `SIZE ${size}`);
    assert.equal((await client.command(`MAIL FROM:<a@peer.test> SIZE=${size + 1}`)).code, 552);
    await client.quit();
  });
  test("what was refused is in no mailbox", async () => {
    const before = (await contents(reader)).length;
    const client = await SmtpClient.open(server.port("smtp"));
    assert.equal((await client.send({ from: "a@peer.test", to: ["nobody@tayori.test"], content: message({ subject: "refused" }) })).code, 550);
    await client.quit();
    assert.equal((await contents(reader)).length, before);
  });
});
