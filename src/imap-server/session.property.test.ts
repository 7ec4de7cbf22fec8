import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { FakeConnection } from "../port/connection.fake.ts";
import { LINE_BYTES_MAX } from "../imap/limits.ts";
import { ImapWorld } from "./imap-world.fake.ts";
import { Session } from "./session.ts";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const LOGIN = "p1 LOGIN alice@example.test wonderland\r\n";
const INBOX = `${LOGIN}p2 SELECT INBOX\r\n`;
/** What brings a session into each of its states. */
const states: readonly (readonly [name: string, prefix: string])[] = [
  ["greeted", ""],
  ["in an exchange", "p1 AUTHENTICATE PLAIN\r\n"],
  ["authenticated", LOGIN],
  ["with names in UTF-8", `${LOGIN}p2 ENABLE IMAP4rev2\r\n`],
  ["selected", INBOX],
  ["selected, read only", `${LOGIN}p2 EXAMINE INBOX\r\n`],
  ["in a literal", `${INBOX}p3 APPEND INBOX {20}\r\nSubj`],
  ["asked for a literal", `${INBOX}p3 APPEND INBOX {20}\r\n`],
  ["in IDLE", `${INBOX}p3 IDLE\r\n`],
];
const PLAIN = Buffer.from("\0alice@example.test\0wonderland").toString("base64");
const lines = [
  "CAPABILITY", "NOOP", "LOGOUT", "STARTTLS", "ID NIL", `AUTHENTICATE PLAIN ${PLAIN}`, "AUTHENTICATE PLAIN", PLAIN, "*", "LOGIN alice@example.test wrong", "ENABLE IMAP4rev2 CONDSTORE",
  "SELECT INBOX", "EXAMINE INBOX (CONDSTORE)", "CREATE a/b", "CREATE &Jjo-", "DELETE a/b", "DELETE Archive", "RENAME a c/d", "RENAME INBOX old", "SUBSCRIBE x", 'LIST "" *', 'LIST (SUBSCRIBED RECURSIVEMATCH) "" (% */*) RETURN (STATUS (MESSAGES))', 'LSUB "" %', "NAMESPACE",
  "STATUS INBOX (MESSAGES UNSEEN RECENT)", "APPEND INBOX {3+}\r\nabc", "APPEND INBOX (\\Seen kw) {3}\r\nabc", "APPEND INBOX ~{3+}\r\na\0c", "APPEND INBOX {5000}", "IDLE", "DONE", "CLOSE", "UNSELECT", "CHECK", "EXPUNGE", "UID EXPUNGE 1:*",
  "SEARCH ALL", "SEARCH RETURN (SAVE) 1:*", "SEARCH TEXT x OR SEEN NOT 1 MODSEQ 1", "FETCH 1:* (FLAGS UID)", "FETCH $ FULL", "UID FETCH 1:* (BODYSTRUCTURE BODY[] BINARY[1])", "FETCH 2 (BODY.PEEK[HEADER.FIELDS (Subject)]<0.9>)", "STORE 1 +FLAGS (\\Deleted a)", "UID STORE 1:* (UNCHANGEDSINCE 3) FLAGS.SILENT (b)",
  "COPY 1 INBOX", "MOVE 1:2 Archive", "UID MOVE * nothere",
];
const word = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(fc.constantFrom("a", "b", "c"), fc.constantFrom(...lines)).map(([tag, line]) => `${tag} ${line}\r\n`) },
  { weight: 2, arbitrary: fc.constantFrom(...lines, "\r\n", "\r", "\n", "a ", "{3+}\r\n", "{70000+}\r\n", "\0", '"', "(", ")", "x".repeat(300), "DONE\r\n", "*\r\n") },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 20 }).map((octets) => Buffer.from(octets).toString("latin1")) },
);

/** All that was answered to `octets` sent in pieces. */
async function heard(octets: Buffer, at: readonly number[]): Promise<string[]> {
  const world = await ImapWorld.open({ settings: { messageBytesMax: 4000 } });
  await world.deliver("INBOX", ["Subject: one\r\n\r\nx\r\n", "Subject: two\r\n\r\ny\r\n"], { internalDate: 0 });
  const client = world.connect();
  const places = [...new Set(at.map((place) => place % (octets.length + 1)))].sort((a, b) => a - b);
  for (const [i, from] of [0, ...places].entries()) {
    client.send(octets.subarray(from, places[i] ?? octets.length));
    await world.clock.advance(0);
  }
  // Failed logins are answered late.
  for (let i = 0; i < 4; i++) {
    await world.settle(turn);
    await world.clock.advance(2000);
  }
  client.connection.end();
  const responses = await client.hearAll();
  await client.done;
  assert.deepEqual(world.faults, []);
  assert.equal(world.deps(0).accounts.openCount, 2);
  return responses;
}

for (const [name, prefix] of states) {
  test(`${name}: any octets in any pieces have the same responses`, { timeout: 60_000 }, async () => {
    await fc.assert(fc.asyncProperty(fc.array(word, { maxLength: 12 }), fc.array(fc.nat(), { maxLength: 8 }), async (words, at) => {
      const octets = Buffer.from(prefix + words.join(""), "latin1");
      const pieces = await heard(octets, at);
      assert.deepEqual(pieces, await heard(octets, []));
      for (const response of pieces) assert.match(response, /^(?:\*|\+|[!-~]{1,128}) /);
    }), { numRuns: 8 });
  });
}

test("what a session keeps is bounded, whatever it is sent and never reads", { timeout: 60_000 }, async () => {
  for (const chunk of ["x".repeat(10_000), "a1 LOGIN {65536+}\r\n", "a1 NOOP\r\n".repeat(1000), "a1 APPEND x {3000+}\r\n"]) {
    const world = await ImapWorld.open();
    const [server, client] = FakeConnection.pair({ tls: true });
    const session = new Session(server, world.deps(0));
    const done = session.run();
    for (let i = 0; i < 60; i++) {
      client.write(Buffer.from(chunk));
      await world.clock.advance(0);
      assert.ok(session.reader.bytesWaiting <= LINE_BYTES_MAX + chunk.length, `${session.reader.bytesWaiting} octets wait`);
      assert.ok(session.writer.bytesWaiting <= 200_000);
    }
    client.end();
    await done;
    assert.deepEqual(world.faults, []);
  }
});
