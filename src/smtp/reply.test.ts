import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { REPLY_LINES_MAX, REPLY_LINE_BYTES_MAX } from "./limits.ts";
import { accept, defer, reject, writeReply } from "./reply.ts";
import type { AnyReply, Reply } from "./reply.ts";
import { ReplyReader, extensionsOf } from "./reply-reader.ts";
import type { ReplyAnswer } from "./reply-reader.ts";

// @ts-expect-error a 5yz reply cannot carry a 4.x.y code
reject(550, "4.1.1", "x");
// @ts-expect-error nor a 4yz reply a code of its own class with another basic code
defer(550, "4.1.1", "x");

describe("RFC 5321 section 4.2: how replies are written", () => {
  const cases: readonly (readonly [reply: AnyReply, written: string])[] = [
    [accept(250, "2.1.5", "fine"), "250 2.1.5 fine\r\n"],
    [accept(214, "2.0.0", "one\ntwo"), "214-2.0.0 one\r\n214 2.0.0 two\r\n"],
    [reject(550, "5.1.1", "evil\r250 2.0.0 ok"), "550 5.1.1 evil?250 2.0.0 ok\r\n"],
    [reject(550, "5.1.1", "ü"), "550 5.1.1 ?\r\n"],
    [{ kind: "intermediate", code: 334, text: "" }, "334 \r\n"],
    [{ kind: "greeting", text: "mx ESMTP" }, "220 mx ESMTP\r\n"],
    [{ kind: "hello", lines: ["mx", "PIPELINING", "SIZE 1"] }, "250-mx\r\n250-PIPELINING\r\n250 SIZE 1\r\n"],
  ];
  for (const [reply, written] of cases) test(JSON.stringify(written), () => assert.equal(writeReply(reply).toString("latin1"), written));
  test("no line is longer than 512 octets", () => assert.ok(writeReply(reject(550, "5.1.1", "x".repeat(2000))).length <= 512));
});

function answers(pieces: readonly string[]): ReplyAnswer[] {
  const reader = new ReplyReader();
  const out: ReplyAnswer[] = [];
  for (const piece of pieces) {
    reader.push(Buffer.from(piece, "utf8"));
    for (let answer = reader.next(); answer.kind !== "more"; answer = reader.next()) {
      out.push(answer);
      if (answer.kind === "malformed") return out;
    }
  }
  return out;
}

describe("RFC 5321 section 4.2.1: how replies are read", () => {
  const cases: readonly (readonly [text: string, answer: ReplyAnswer])[] = [
    ["250 2.1.5 fine\r\n", { kind: "reply", reply: { code: 250, class: 2, enhanced: "2.1.5", lines: ["fine"] } }],
    ["250-2.0.0 a\r\n250 2.0.0 b\r\n", { kind: "reply", reply: { code: 250, class: 2, enhanced: "2.0.0", lines: ["a", "b"] } }],
    ["550 4.1.1 odd\r\n", { kind: "reply", reply: { code: 550, class: 5, enhanced: null, lines: ["4.1.1 odd"] } }],
    ["354 go\r\n", { kind: "reply", reply: { code: 354, class: 3, enhanced: null, lines: ["go"] } }],
    ["250\r\n", { kind: "reply", reply: { code: 250, class: 2, enhanced: null, lines: [""] } }],
    ["250 ü\x07\n", { kind: "reply", reply: { code: 250, class: 2, enhanced: null, lines: ["ü?"] } }],
    ["550 5.1.1\r\n", { kind: "reply", reply: { code: 550, class: 5, enhanced: "5.1.1", lines: [""] } }],
    ["hello\r\n", { kind: "malformed", because: "not-a-reply" }],
    ["199 x\r\n", { kind: "malformed", because: "not-a-reply" }],
    ["2500 x\r\n", { kind: "malformed", because: "not-a-reply" }],
    ["250-a\r\n251 b\r\n", { kind: "malformed", because: "codes-differ" }],
    [`250 ${"x".repeat(REPLY_LINE_BYTES_MAX)}`, { kind: "malformed", because: "line-too-long" }],
    ["250-x\r\n".repeat(REPLY_LINES_MAX + 1), { kind: "malformed", because: "reply-too-long" }],
    [`250-${"x".repeat(4000)}\r\n`.repeat(20), { kind: "malformed", because: "reply-too-long" }],
  ];
  for (const [text, answer] of cases) test(JSON.stringify(text.slice(0, 40)), () => assert.deepEqual(answers([text]), [answer]));

  test("the limits themselves are allowed", () => {
    assert.equal(answers([`250 ${"x".repeat(REPLY_LINE_BYTES_MAX - 6)}\r\n`])[0]?.kind, "reply");
    assert.equal(answers([`${"250-x\r\n".repeat(REPLY_LINES_MAX - 1)}250 x\r\n`])[0]?.kind, "reply");
  });
  test("the extensions of an EHLO reply", () => {
    const [answer] = answers(["250-mx greets you\r\n250-SIZE 1000\r\n250-auth=LOGIN\r\n250-AUTH PLAIN\r\n250-8BITMIME\r\n250 !odd\r\n"]);
    assert.ok(answer?.kind === "reply");
    assert.deepEqual([...extensionsOf(answer.reply)], [["SIZE", "1000"], ["AUTH", "LOGIN"], ["8BITMIME", ""]]);
  });
  test("what is left after a reply shows", () => {
    const reader = new ReplyReader();
    reader.push(Buffer.from("220 go\r\n250 injected"));
    assert.equal(reader.next().kind, "reply");
    assert.equal(reader.pending, true);
  });
});

describe("properties", () => {
  const text = fc.stringMatching(/^[\x21-\x7e][\x20-\x7e]{0,60}$/);
  const reply: fc.Arbitrary<Reply> = fc.oneof(
    fc.array(text, { minLength: 1, maxLength: 4 }).map((lines) => accept(250, "2.0.0", lines.join("\n"))),
    text.map((line) => defer(451, "4.3.0", line)),
    text.map((line) => reject(550, "5.7.1", line)),
  );
  test("what is written is read back, in any pieces", () => {
    fc.assert(fc.property(fc.array(reply, { maxLength: 5 }), fc.array(fc.nat()), (replies, at) => {
      const sent = Buffer.concat(replies.map(writeReply)).toString("latin1");
      const places = [...new Set(at.map((place) => place % (sent.length + 1)))].sort((a, b) => a - b);
      const pieces = [0, ...places].map((from, i) => sent.slice(from, places[i] ?? sent.length));
      const expected = replies.map((one) => ({ kind: "reply", reply: { code: one.code, class: one.class, enhanced: one.enhanced, lines: one.text.split("\n") } }));
      assert.deepEqual(answers(pieces), expected);
    }), { numRuns: 1000 });
  });
  test("any octets end in an answer", () => {
    fc.assert(fc.property(fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 20 }), (pieces) => {
      const reader = new ReplyReader();
      for (const piece of pieces) {
        reader.push(Buffer.from(piece));
        for (let i = 0; i < 100; i++) if (reader.next().kind !== "reply") break;
      }
    }), { numRuns: 1000 });
  });
});
