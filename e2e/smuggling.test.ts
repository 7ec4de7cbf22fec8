/** End of data is CR LF . CR LF and nothing else; what came before TLS is forgotten. (RFC 5321 section 2.3.8, CVE-2023-51764; RFC 3207 section 4.2, CVE-2021-33515) */
import assert from "node:assert/strict";
import { createServer, type Server, type Socket } from "node:net";
import { after, before, describe, test } from "node:test";
import type { ImapClient } from "./imap-client.ts";
import { contents, open } from "./mailbox.ts";
import { eventually } from "./program.ts";
import { PASSWORD, TayoriServer } from "./server.ts";
import { dotStuffed, expectCode, message, SmtpClient } from "./smtp-client.ts";
import { LineStream } from "./stream.ts";

/** A peer that takes whatever it is sent and keeps the octets as they came. */
class Recorder {
  readonly sessions: Buffer[] = [];
  #server: Server;
  constructor() {
    this.#server = createServer((socket) => this.#session(socket));
  }
  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    return address.port;
  }
  #session(socket: Socket): void {
    const index = this.sessions.push(Buffer.alloc(0)) - 1;
    let data = false;
    let seen = 0;
    socket.on("error", () => {});
    socket.write("220 recorder.test ESMTP\r\n");
    socket.on("data", (chunk: Buffer) => {
      const all = Buffer.concat([this.sessions[index] ?? Buffer.alloc(0), chunk]);
      this.sessions[index] = all;
      for (;;) {
        const mark = data ? "\r\n.\r\n" : "\r\n";
        const at = all.indexOf(mark, data ? Math.max(0, seen - 2) : seen, "latin1");
        if (at < 0) return;
        const line = all.subarray(seen, at).toString("latin1");
        seen = at + mark.length;
        if (data) { data = false; socket.write("250 2.0.0 taken\r\n"); continue; }
        if (/^EHLO/i.test(line)) socket.write("250-recorder.test\r\n250-8BITMIME\r\n250-PIPELINING\r\n250 ENHANCEDSTATUSCODES\r\n");
        else if (/^DATA/i.test(line)) { data = true; socket.write("354 go on\r\n"); }
        else if (/^QUIT/i.test(line)) socket.end("221 2.0.0 bye\r\n");
        else socket.write("250 2.0.0 ok\r\n");
      }
    });
  }
  close(): void {
    this.#server.close();
    this.#server.unref();
  }
}

const recorder = new Recorder();
let server: TayoriServer;
let reader: ImapClient;
before(async () => {
  server = await TayoriServer.start({ routes: { "*": `127.0.0.1:${await recorder.listen()}` } });
  reader = await open(server);
});
after(async () => {
  reader?.stream.destroy();
  recorder.close();
  await server?.dispose();
});

/** Every spelling of an end of data that some server somewhere took for one. */
const ENDS: readonly string[] = [
  "\n.\n", "\n.\r\n", "\n.\r", "\r.\r", "\r.\n", "\r.\r\n", "\r\n.\n", "\r\n.\r", "\r\r\n.\r\r\n", "\n\n.\n\n", "\r\n\0.\r\n", "\r\n.\0\r\n", "\r\n.\r\r\n", "\r\n. \r\n", "\n.\r\r\n", "\r\n\r.\r\n",
];
const show = (text: string): string => JSON.stringify(text).slice(1, -1);

describe("SMTP smuggling into a mailbox", () => {
  for (const [index, end] of ENDS.entries()) {
    test(`${show(end)} does not end the data`, async () => {
      const client = await SmtpClient.open(server.port("smtp"));
      expectCode(await client.command("MAIL FROM:<outer@peer.test>"), 250);
      expectCode(await client.command("RCPT TO:<user@tayori.test>"), 250);
      expectCode(await client.command("DATA"), 354);
      const inner = `MAIL FROM:<smuggled-${index}@peer.test>\r\nRCPT TO:<user@tayori.test>\r\nDATA\r\nSubject: smuggled ${index}\r\n\r\nhere`;
      client.stream.write(`Subject: outer ${index}\r\n\r\nbody${end}${inner}`);
      const early = await client.stream.everything(150);
      assert.equal(early.toString(), "", "a reply came before the end of data");
      client.stream.write("\r\n.\r\nNOOP\r\n");
      const replies = (await client.stream.everything(400)).toString().split("\r\n").filter((line) => line !== "");
      assert.match(replies[0] ?? "", /^(250|5\d\d) /, replies.join(" | "));
      assert.ok(replies.length <= 2, `more than one message was answered: ${replies.join(" | ")}`);
      const all = await contents(reader);
      assert.ok(all.every(({ content }) => !content.toString().startsWith(`Return-Path: <smuggled-${index}@`)), "the inner message was delivered");
      const outer = all.filter(({ content }) => content.includes(`Subject: outer ${index}\r\n`));
      assert.equal(outer.length, (replies[0] ?? "").startsWith("250") ? 1 : 0);
      // What was taken is handed to others with CR LF alone, so that nobody behind us is fooled.
      for (const { content } of outer) assert.doesNotMatch(content.toString("latin1"), /\r(?!\n)|(?<!\r)\n/);
      client.stream.destroy();
    });
  }
});

describe("SMTP smuggling out of Tayori", () => {
  test("no spelling of an end of data reaches the next server inside a message", { timeout: 60_000 }, async () => {
    for (const [index, end] of ENDS.entries()) {
      const client = await SmtpClient.open(server.port("submissions"), { tls: "implicit", login: ["user@tayori.test", PASSWORD] });
      expectCode(await client.command("MAIL FROM:<user@tayori.test>"), 250);
      expectCode(await client.command("RCPT TO:<victim@peer.test>"), 250);
      expectCode(await client.command("DATA"), 354);
      client.stream.write(`From: user@tayori.test\r\nSubject: out ${index}\r\n\r\nbody${end}MAIL FROM:<evil-${index}@tayori.test>\r\n.\r\n`);
      await client.reply();
      client.stream.destroy();
    }
    const last = message({ from: "user@tayori.test", subject: "the last one" }, ".", "..", ".x", "end");
    const client = await SmtpClient.open(server.port("submissions"), { tls: "implicit", login: ["user@tayori.test", PASSWORD] });
    expectCode(await client.send({ from: "user@tayori.test", to: ["victim@peer.test"], content: last }), 250);
    await client.quit();
    await eventually("the last message at the recorder", () => (recorder.sessions.some((session) => session.includes("Subject: the last one")) ? true : undefined));
    const wire = Buffer.concat(recorder.sessions).toString("latin1");
    assert.doesNotMatch(wire, /\r(?!\n)/, "a bare CR was sent");
    assert.doesNotMatch(wire, /(?<!\r)\n/, "a bare LF was sent");
    const body = dotStuffed(Buffer.from(last)).toString("latin1");
    assert.ok(wire.includes(body.slice(body.indexOf("\r\n\r\n"))), "the dots were not doubled");
  });
});

describe("STARTTLS injection", () => {
  for (const listener of ["smtp", "submission"] as const) {
    test(`what was sent in clear after STARTTLS on ${listener} is not carried out under TLS`, async () => {
      const client = await SmtpClient.open(server.port(listener));
      client.stream.write("STARTTLS\r\nEHLO injected.test\r\nMAIL FROM:<injected@peer.test>\r\n");
      expectCode(await client.reply(), 220);
      try {
        await client.stream.startTls();
      } catch {
        return; // Refusing to go on is as good.
      }
      assert.equal((await client.stream.everything(300)).toString(), "", "the injected command was answered");
      if (client.stream.ended) return;
      await client.ehlo();
      assert.notEqual((await client.command("RCPT TO:<user@tayori.test>")).code, 250, "the injected MAIL FROM took effect");
      await client.quit();
    });
  }
  test("the EHLO said in clear is forgotten", async () => {
    const client = await SmtpClient.open(server.port("smtp"));
    expectCode(await client.command("MAIL FROM:<before@peer.test>"), 250);
    expectCode(await client.command("RSET"), 250);
    expectCode(await client.command("STARTTLS"), 220);
    await client.stream.startTls();
    assert.equal((await client.command("MAIL FROM:<after@peer.test>")).code, 503);
    await client.ehlo();
    assert.ok(!client.extensions.includes("STARTTLS"));
    await client.quit();
  });
  test("what was sent in clear after STARTTLS over IMAP is not carried out under TLS", async () => {
    const stream = await LineStream.connect(server.port("imap"));
    await stream.line();
    stream.write(`a STARTTLS\r\nb LOGIN user@tayori.test ${PASSWORD}\r\nc NOOP\r\n`);
    assert.match((await stream.line()).toString(), /^a OK/);
    try {
      await stream.startTls();
    } catch {
      return;
    }
    assert.equal((await stream.everything(300)).toString(), "", "the injected command was answered");
    if (stream.ended) return;
    stream.write("d SELECT INBOX\r\n");
    assert.match((await stream.line()).toString(), /^d (NO|BAD)/, "the injected LOGIN took effect");
    stream.destroy();
  });
  test("a command hidden in a mailbox name or an address stays one command", async () => {
    const client = await SmtpClient.open(server.port("smtp"));
    assert.notEqual((await client.command("MAIL FROM:<a@peer.test>\nRCPT TO:<user@tayori.test>")).code, 250);
    client.stream.destroy();
  });
});
