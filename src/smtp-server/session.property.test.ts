import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ScriptedClient } from "./scripted-client.fake.ts";
import type { SmtpRole } from "./smtp-server.ts";

const PLAIN = Buffer.from("\0alice@example.test\0wonderland").toString("base64");
/** What brings a session into each of its states. */
const states: readonly (readonly [name: string, role: SmtpRole, prefix: string])[] = [
  ["connected", "mx", ""],
  ["after EHLO", "mx", "EHLO client.example\r\n"],
  ["after MAIL", "mx", "EHLO client.example\r\nMAIL FROM:<a@client.example>\r\n"],
  ["after RCPT", "mx", "HELO client.example\r\nMAIL FROM:<>\r\nRCPT TO:<alice@example.test>\r\n"],
  ["in data", "mx", "EHLO client.example\r\nMAIL FROM:<a@client.example>\r\nRCPT TO:<alice@example.test>\r\nDATA\r\n"],
  ["between chunks", "mx", "EHLO client.example\r\nMAIL FROM:<a@client.example>\r\nRCPT TO:<alice@example.test>\r\nBDAT 3\r\nabc"],
  ["within a chunk", "mx", "EHLO client.example\r\nMAIL FROM:<a@client.example>\r\nRCPT TO:<alice@example.test>\r\nBDAT 30 LAST\r\nabc"],
  ["submission", "submission", "EHLO client.example\r\n"],
  ["in an exchange", "submissions", "EHLO client.example\r\nAUTH PLAIN\r\n"],
  ["logged in, in data", "submissions", `EHLO x\r\nAUTH PLAIN ${PLAIN}\r\nMAIL FROM:<alice@example.test>\r\nRCPT TO:<bob@example.test>\r\nDATA\r\n`],
];
const word = fc.oneof(
  fc.constantFrom("EHLO x\r\n", "HELO x\r\n", "MAIL FROM:<>\r\n", "MAIL FROM:<a@b.example> SIZE=50\r\n", "RCPT TO:<alice@example.test>\r\n", "RCPT TO:<nobody@example.test>\r\n", "DATA\r\n", "BDAT 5\r\n", "BDAT 0 LAST\r\n", "BDAT 4 LAST\r\n", "RSET\r\n", "NOOP\r\n", "QUIT\r\n", "VRFY x\r\n", "AUTH PLAIN\r\n", `AUTH PLAIN ${PLAIN}\r\n`, "*\r\n", ".\r\n", "\r\n.\r\n", "\r\n", "\r", "\n", ".", "From: alice@example.test\r\n\r\n", "x".repeat(700)),
  fc.uint8Array({ maxLength: 20 }).map((octets) => Buffer.from(octets).toString("latin1")),
);

/** All replies to `octets` sent in pieces, to the end of the session, and what was delivered. */
async function heard(role: SmtpRole, octets: Buffer, at: readonly number[]): Promise<{ readonly replies: readonly string[]; readonly delivered: readonly string[] }> {
  const client = new ScriptedClient(role, { settings: { startTls: false, messageBytesMax: 2000 }, budgetBytes: 1500 });
  const places = [...new Set(at.map((place) => place % (octets.length + 1)))].sort((a, b) => a - b);
  for (const [i, from] of [0, ...places].entries()) {
    client.send(octets.subarray(from, places[i] ?? octets.length));
    await client.clock.advance(0);
  }
  await client.clock.advance(0);
  await new Promise((resolve) => setImmediate(resolve));
  client.connection.end();
  const replies = await client.hearAll();
  await client.done;
  assert.equal(client.budget.bytes, 0, "the memory was given back");
  assert.ok(!client.log.lines.some((line) => line.event === "smtp-fault"), JSON.stringify(client.log.lines));
  for (const reply of replies) assert.match(reply, /^[2345][0-9][0-9]/);
  const delivered = client.intake.delivered.map((message) => message.content.toString("latin1").replace(/fake-[0-9]+/g, "fake"));
  return { replies, delivered };
}

for (const [name, role, prefix] of states) {
  // Passwords are hashed off the event loop, so that these sessions cannot be compared step by step; they must only behave.
  const compared = role === "mx";
  test(`${name}: any octets in any pieces have the same replies`, { timeout: 60_000 }, async () => {
    await fc.assert(fc.asyncProperty(fc.array(word, { maxLength: 12 }), fc.array(fc.nat(), { maxLength: 10 }), async (words, at) => {
      const octets = Buffer.from(prefix + words.join(""), "latin1");
      const pieces = await heard(role, octets, at);
      if (!compared) return;
      const whole = await heard(role, octets, []);
      assert.deepEqual(pieces, whole);
      for (const content of whole.delivered) assert.doesNotMatch(content, /\r(?!\n)|(?<!\r)\n/);
    }), { numRuns: compared ? 60 : 30 });
  });
}
