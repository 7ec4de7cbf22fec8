import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { FLAG } from "../../account/flags.ts";
import { toLf, type FileMessage } from "./mailbox-file.ts";
import { parseMbox, writeMboxMessage } from "./mbox.ts";

async function parse(...chunks: readonly Buffer[]): Promise<(FileMessage | Error)[]> {
  const found: (FileMessage | Error)[] = [];
  for await (const message of parseMbox((async function* () { yield* chunks; })())) found.push(message);
  return found;
}
const lf = (text: string): Buffer => Buffer.from(text, "latin1");
const text = (messages: readonly (FileMessage | Error)[]): string[] => messages.map((message) => (message instanceof Error ? `! ${message.message}` : message.content.toString("latin1")));

const line = fc.oneof(
  fc.constantFrom("", "From here", ">From there", ">>From", "From", "Subject: x", " folded", "\tfolded", "\r", "X-Statuses: no", ">"),
  fc.string({ maxLength: 20 }).map((value) => Buffer.from(value, "utf8").toString("latin1").replaceAll("\n", "")),
);
const message: fc.Arbitrary<FileMessage> = fc.record({
  content: fc.array(line, { maxLength: 8 }).map((lines) => lines.filter((one) => !/^(status|x-status|x-keywords):/i.test(one)).map((one) => `${one}\n`).join("")).map(lf),
  system: fc.integer({ min: 0, max: 31 }),
  keywords: fc.uniqueArray(fc.constantFrom("$Forwarded", "重要", "a", "NonJunk"), { maxLength: 3 }),
  internalDate: fc.integer({ min: 1, max: 4_000_000_000 }).map((seconds) => seconds * 1000),
}, { noNullPrototype: true });

describe("mbox", () => {
  test("gives back every message as it was, in any chunks", async () => {
    await fc.assert(fc.asyncProperty(fc.array(message, { maxLength: 4 }), fc.integer({ min: 1, max: 40 }), async (messages, size) => {
      const file = Buffer.concat(messages.map(writeMboxMessage));
      const chunks = Array.from({ length: Math.ceil(file.length / size) }, (_, i) => file.subarray(i * size, (i + 1) * size));
      assert.deepEqual(await parse(...chunks), messages);
    }));
  });

  test("takes anything without throwing", async () => {
    await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
      await parse(Buffer.concat([lf("From x\n"), Buffer.from(bytes)]));
      await parse(Buffer.from(bytes));
    }));
  });

  test("reads what other programs write", async () => {
    const file = "From someone@example.test Tue Nov 24 11:09:00 2026\r\nSubject: one\r\nStatus: RO\r\nX-Status: AF\r\nX-Keywords: $Label1,\r\n other\r\n\r\n>From me\r\n\r\nFrom MAILER-DAEMON Wed Nov 25 01:02:03 UTC 2026\r\n\r\nno header";
    const [first, second] = await parse(lf(file));
    assert(first !== undefined && second !== undefined && !(first instanceof Error) && !(second instanceof Error));
    assert.deepEqual([first.content.toString(), first.system, first.keywords, first.internalDate], ["Subject: one\n\nFrom me\n", FLAG.seen | FLAG.answered | FLAG.flagged, ["$Label1", "other"], Date.UTC(2026, 10, 24, 11, 9)]);
    assert.deepEqual([second.content.toString(), second.system, second.internalDate], ["\nno header\n", 0, Date.UTC(2026, 10, 25, 1, 2, 3)]);
  });

  test("a From_ line needs an empty line before it, and the first line of the file must be one", async () => {
    assert.deepEqual(text(await parse(lf("From a\n\none\nFrom b\n\nFrom c\n\ntwo\n"))), ["\none\nFrom b\n", "\ntwo\n"]);
    assert.deepEqual(text(await parse(lf("Subject: no mbox\n\nFrom a\n"))), ["! the file does not begin with a From_ line: it is no mbox"]);
    assert.deepEqual(await parse(lf("")), []);
  });

  test("line ends become LF in files, and nothing else changes", () => {
    assert.equal(toLf(lf("a\r\n\rb\n\r\r\n")).toString(), "a\n\rb\n\r\n");
    const same = lf("a\nb\r");
    assert.equal(toLf(same), same);
  });
});
