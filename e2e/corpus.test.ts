/** Every message of the public MIME and bounce sets goes in by APPEND and by SMTP and comes back octet for octet. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { corpus, type CorpusMessage, legalForData, withCrlf } from "./corpus.ts";
import { type ImapClient, sectionOf } from "./imap-client.ts";
import { checkBody, checkEnvelope, numberOf } from "./imap-value.ts";
import { contents, open } from "./mailbox.ts";
import { mustRun } from "./program.ts";
import { PASSWORD, TayoriServer } from "./server.ts";
import { SmtpClient } from "./smtp-client.ts";
import { STALL_MS_MAX, stallDuring } from "./stall.ts";

let server: TayoriServer;
let client: ImapClient;
const messages = corpus();
/** IMAP literals without NUL (RFC 9051 section 4.3: CHAR8 is any octet but NUL). */
const appendable = messages.filter(({ content }) => !content.includes(0));
const deliverable = messages.map(({ name, content }) => ({ name, content: withCrlf(content) })).filter(({ content }) => legalForData(content));

before(async () => {
  server = await TayoriServer.start({ accounts: ["user@tayori.test", "smtp@tayori.test"] });
  client = await open(server);
});
after(async () => {
  client?.stream.destroy();
  await server?.dispose();
});

const hasBlankLine = (content: Buffer): boolean => /^\r?\n|\r?\n\r?\n/.test(content.toString("latin1"));
async function appendAll(mailbox: string, list: readonly CorpusMessage[]): Promise<void> {
  for (const { name, content } of list) {
    const { status, text } = await client.append(mailbox, content);
    assert.equal(status, "OK", `${name}: ${text}`);
  }
}

describe(`APPEND of ${appendable.length} messages as they are`, () => {
  test("the event loop never stands still for 100 ms", { timeout: 180_000 }, async () => {
    const stall = await stallDuring(server, async (attempt) => {
      await client.ok(`CREATE Corpus${attempt}`);
      await appendAll(`Corpus${attempt}`, appendable);
    });
    assert.ok(stall < STALL_MS_MAX, `${stall.toFixed(0)} ms`);
  });
  test("each comes back octet for octet, with its size, in order", { timeout: 120_000 }, async () => {
    assert.equal((await client.select("Corpus0")).exists, appendable.length);
    const fetched = await client.fetch("1:*", "(UID RFC822.SIZE BODY.PEEK[])");
    assert.equal(fetched.length, appendable.length);
    for (const [index, { name, content }] of appendable.entries()) {
      const got = fetched[index];
      assert.ok(got !== undefined);
      assert.ok(sectionOf(got, "BODY[]").equals(content), `${name} came back changed`);
      assert.equal(numberOf(got.items.get("RFC822.SIZE")), content.length, name);
    }
  });
  test("header and text together are the message, and a partial fetch is a part of it", { timeout: 120_000 }, async () => {
    const fetched = await client.fetch("1:*", "(BODY.PEEK[HEADER] BODY.PEEK[TEXT] BODY.PEEK[]<10.50>)");
    for (const [index, { name, content }] of appendable.entries()) {
      const got = fetched[index];
      assert.ok(got !== undefined);
      const whole = Buffer.concat([sectionOf(got, "BODY[HEADER]"), sectionOf(got, "BODY[TEXT]")]);
      // RFC 9051 section 6.4.5.1: the blank line belongs to HEADER. Where a message has none, a server may show one.
      const added = hasBlankLine(content) ? [] : ["\r\n", "\r\n\r\n"].map((blank) => whole.toString("latin1").replace(blank, ""));
      assert.ok(whole.equals(content) || added.includes(content.toString("latin1")), `${name}: HEADER and TEXT are not the message`);
      assert.ok(sectionOf(got, "BODY[]<10>").equals(content.subarray(10, 60)), `${name}: partial`);
    }
  });
  test("ENVELOPE, BODY and BODYSTRUCTURE of each keep to the grammar, without a stall", { timeout: 180_000 }, async () => {
    const broken: string[] = [];
    const stall = await stallDuring(server, async () => {
      broken.length = 0;
      for (const [index, { name }] of appendable.entries()) {
        try {
          const [got] = await client.fetch(`${index + 1}`, "(ENVELOPE BODY BODYSTRUCTURE)");
          checkEnvelope(got?.items.get("ENVELOPE"));
          checkBody(got?.items.get("BODY"), false);
          checkBody(got?.items.get("BODYSTRUCTURE"), true);
        } catch (error) {
          broken.push(`${name}: ${String(error)}`);
        }
      }
    });
    assert.deepEqual(broken, []);
    assert.ok(stall < STALL_MS_MAX, `${stall.toFixed(0)} ms`);
  });
  test("every part that BODYSTRUCTURE names can be fetched", { timeout: 180_000 }, async () => {
    for (const [index, { name }] of appendable.entries()) {
      const { status, text } = await client.send(`FETCH ${index + 1} (BODY.PEEK[1] BODY.PEEK[1.MIME] BODY.PEEK[2] BODY.PEEK[HEADER.FIELDS (From Subject)])`);
      assert.equal(status, "OK", `${name}: ${text}`);
    }
  });
  test("SEARCH in headers and bodies answers over all of them", { timeout: 120_000 }, async () => {
    const subject = await client.search("HEADER SUBJECT \"\"");
    assert.ok(subject.length > appendable.length / 2 && subject.length <= appendable.length, `${subject.length}`);
    assert.deepEqual(await client.search("TEXT zzqx-not-there"), []);
    assert.ok((await client.search("BODY \"550\"")).length > 10);
  });
  test("Python's imaplib reads every envelope and structure", { timeout: 120_000 }, async () => {
    const script = `
import imaplib, ssl, sys
imap = imaplib.IMAP4_SSL("localhost", int(sys.argv[1]), ssl_context=ssl.create_default_context(cafile=sys.argv[2]), timeout=60)
imap.login("user@tayori.test", sys.argv[3])
status, data = imap.select("Corpus0", readonly=True)
status, data = imap.fetch("1:*", "(ENVELOPE BODYSTRUCTURE)")
assert status == "OK"
# A response with literals is several entries: pairs, each ending in a literal, then the rest.
text = b"".join(b"".join(part) if isinstance(part, tuple) else part + b"\\n" for part in data)
assert text.count(b" (ENVELOPE (") == int(sys.argv[4]), text.count(b" (ENVELOPE (")
assert text.count(b" BODYSTRUCTURE (") >= int(sys.argv[4])
`;
    await mustRun("/usr/bin/python3", ["-c", script, `${server.port("imaps")}`, server.certificate.cert, PASSWORD, `${appendable.length}`]);
  });
});

/** Final delivery takes Return-Path fields of earlier deliveries away and writes its own (RFC 5321 section 4.4). */
function withoutReturnPaths(content: Buffer): Buffer {
  const text = content.toString("latin1");
  const end = text.startsWith("\r\n") ? 0 : text.indexOf("\r\n\r\n");
  const header = end < 0 ? text : text.slice(0, end + 2);
  return Buffer.from(header.replace(/^Return-Path[ \t]*:[^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*/gim, "") + text.slice(header.length), "latin1");
}

describe(`SMTP of ${deliverable.length} messages that DATA allows`, () => {
  test("each arrives once, with nothing but trace fields in front", { timeout: 180_000 }, async () => {
    const refused: string[] = [];
    const stall = await stallDuring(server, async (attempt) => {
      if (attempt > 0) return;
      const smtp = await SmtpClient.open(server.port("smtp"));
      for (const { name, content } of deliverable) {
        const reply = await smtp.send({ from: "corpus@peer.test", to: ["smtp@tayori.test"], content, parameters: "BODY=8BITMIME" });
        if (reply.code !== 250) refused.push(`${name}: ${reply.code} ${reply.lines.join(" ")}`);
      }
      await smtp.quit();
    });
    assert.deepEqual(refused, []);
    assert.ok(stall < STALL_MS_MAX, `${stall.toFixed(0)} ms`);
    const reader = await open(server, "smtp@tayori.test");
    const stored = await contents(reader);
    await reader.logout();
    assert.equal(stored.length, deliverable.length);
    for (const [index, { name, content }] of deliverable.entries()) {
      const got = stored[index]?.content;
      const ended = content.subarray(-2).toString("latin1") === "\r\n" ? content : Buffer.concat([content, Buffer.from("\r\n")]);
      const sent = withoutReturnPaths(ended);
      assert.ok(got !== undefined && got.subarray(-sent.length).equals(sent), `${name} came back changed`);
      const front = got.subarray(0, got.length - sent.length).toString("latin1");
      assert.match(front, /^(?:[A-Za-z-]+:[^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*)+$/, `${name}: in front stands ${JSON.stringify(front)}`);
    }
  });
});
