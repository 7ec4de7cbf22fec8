import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { ResponseWriter } from "./response-writer.ts";
import { writeContinuation, writeESearch, writeFlags, writeList, writeNumbered, writeSearch, writeStatus, writeStatusResponse, writeVanished, writeWords } from "./write-response.ts";

const written = (write: (writer: ResponseWriter) => unknown, options: { utf8?: boolean } = {}): string => {
  const writer = new ResponseWriter(options);
  write(writer);
  return writer.take().toString("utf8");
};

describe("RFC 9051 section 4.3, strings", () => {
  const cases: readonly (readonly [text: string, astring: string, utf8: string])[] = [
    ["INBOX", "INBOX", "INBOX"],
    ["", '""', '""'],
    ["nil", '"nil"', '"nil"'],
    ["a b", '"a b"', '"a b"'],
    ['a"\\', '"a\\"\\\\"', '"a\\"\\\\"'],
    ["a]", '"a]"', '"a]"'],
    ["a%", '"a%"', '"a%"'],
    ["é", "{2}\r\né", '"é"'],
    ["a\r\nb", "{4}\r\na\r\nb", "{4}\r\na\r\nb"],
  ];
  for (const [text, astring, utf8] of cases) {
    test(JSON.stringify(text), () => {
      assert.equal(written((writer) => writer.astring(text)), astring);
      assert.equal(written((writer) => writer.astring(text), { utf8: true }), utf8);
    });
  }
  test("octets above 127 are a literal where nobody said they are UTF-8", () => {
    for (const utf8 of [true, false]) assert.equal(new ResponseWriter({ utf8 }).octetString(Buffer.from([0x41, 0xe9])).take().toString("latin1"), "{2}\r\nA\xe9");
  });
  test("a string never has NUL", () => assert.equal(written((writer) => writer.octetString(Buffer.from("a\0b"))), "{3}\r\na?b"));
  test("long strings are literals", () => assert.match(written((writer) => writer.string("x".repeat(1025))), /^\{1025\}\r\n/));
  test("mailboxes are as the client takes them", () => {
    assert.equal(written((writer) => writer.mailbox("日本語 a")), '"&ZeVnLIqe- a"');
    assert.equal(written((writer) => writer.mailbox("日本語 a"), { utf8: true }), '"日本語 a"');
  });
});

describe("the memory of the writer", () => {
  test("numbers", () => {
    fc.assert(fc.property(fc.oneof(fc.integer({ min: 0, max: 1000 }), fc.maxSafeNat()), (n) => assert.equal(written((writer) => writer.number(n)), String(n))));
    for (const n of [0, 9, 10, 99, 100, 999_999_999, 1_000_000_000, 2_147_483_647, 2_147_483_648, 4_294_967_295]) assert.equal(written((writer) => writer.number(n)), String(n));
  });
  test("keeps what was handed out, in order, large pieces without a copy", () => {
    const writer = new ResponseWriter({ slabBytes: 16 });
    const sent: Uint8Array[] = [];
    const sink = { write: (bytes: Uint8Array) => void sent.push(bytes) };
    const big = Buffer.alloc(20_000, 0x42);
    let expected = "";
    for (let i = 0; i < 200; i++) {
      writer.ascii("line ").number(i).crlf();
      expected += `line ${i}\r\n`;
      if (i % 50 === 7) {
        writer.literal(big);
        expected += `{20000}\r\n${big.toString()}`;
      }
      if (i % 3 === 0) writer.flushTo(sink);
    }
    assert.ok(writer.bytesWaiting > 0);
    writer.flushTo(sink);
    assert.equal(writer.bytesWaiting, 0);
    assert.equal(Buffer.concat(sent).toString(), expected);
    assert.equal(sent.filter((piece) => piece.buffer === big.buffer && piece.length === big.length).length, 4);
  });
});

describe("RFC 9051 section 7, responses", () => {
  const cases: readonly (readonly [wire: string, write: (writer: ResponseWriter) => unknown])[] = [
    ["A1 OK [READ-WRITE] SELECT completed\r\n", (w) => writeStatusResponse(w, "A1", { status: "OK", code: { kind: "READ-WRITE" }, text: "SELECT completed" })],
    ["* BYE Bye\r\n", (w) => writeStatusResponse(w, null, { status: "BYE", text: "Bye" })],
    ["a NO [BADCHARSET (US-ASCII UTF-8)] x\r\n", (w) => writeStatusResponse(w, "a", { status: "NO", code: { kind: "BADCHARSET", charsets: ["US-ASCII", "UTF-8"] }, text: "x" })],
    ["a OK [CAPABILITY IMAP4rev2 IMAP4rev1] x\r\n", (w) => writeStatusResponse(w, "a", { status: "OK", code: { kind: "CAPABILITY", capabilities: ["IMAP4rev2", "IMAP4rev1"] }, text: "x" })],
    ["* OK [PERMANENTFLAGS (\\Deleted \\*)] x\r\n", (w) => writeStatusResponse(w, null, { status: "OK", code: { kind: "PERMANENTFLAGS", flags: ["\\Deleted", "\\*"] }, text: "x" })],
    ["* OK [UIDVALIDITY 3857529045] x\r\n", (w) => writeStatusResponse(w, null, { status: "OK", code: { kind: "UIDVALIDITY", value: 3857529045 }, text: "x" })],
    ["a OK [APPENDUID 38505 3955] x\r\n", (w) => writeStatusResponse(w, "a", { status: "OK", code: { kind: "APPENDUID", uidValidity: 38505, uids: [3955] }, text: "x" })],
    ["a OK [COPYUID 38505 304,319:320 3956:3958] x\r\n", (w) => writeStatusResponse(w, "a", { status: "OK", code: { kind: "COPYUID", uidValidity: 38505, source: [304, 319, 320], destination: [3956, 3957, 3958] }, text: "x" })],
    ["a OK [MODIFIED 7,9] x\r\n", (w) => writeStatusResponse(w, "a", { status: "OK", code: { kind: "MODIFIED", numbers: [7, 9] }, text: "x" })],
    ["+ idling\r\n", (w) => writeContinuation(w, "idling")],
    ["* ENABLED CONDSTORE\r\n", (w) => writeWords(w, "ENABLED", ["CONDSTORE"])],
    ["* 23 EXISTS\r\n", (w) => writeNumbered(w, 23, "EXISTS")],
    ["* FLAGS (\\Seen $Junk)\r\n", (w) => writeFlags(w, ["\\Seen", "$Junk"])],
    ['* LIST (\\HasNoChildren) "/" INBOX\r\n', (w) => writeList(w, { name: "INBOX", attributes: ["\\HasNoChildren"] })],
    ['* LIST () "/" foo (CHILDINFO ("SUBSCRIBED") OLDNAME (b&APw-r))\r\n', (w) => writeList(w, { name: "foo", attributes: [], childInfo: ["SUBSCRIBED"], oldName: "bür" })],
    ['* LSUB () "/" "a b"\r\n', (w) => writeList(w, { name: "a b", attributes: [], lsub: true })],
    ["* STATUS blurdybloop (MESSAGES 231 UIDNEXT 44292 APPENDLIMIT NIL)\r\n", (w) => writeStatus(w, "blurdybloop", [["messages", 231], ["uidnext", 44292], ["appendlimit", null]])],
    ["* SEARCH 2 84 882\r\n", (w) => writeSearch(w, [2, 84, 882], null)],
    ["* SEARCH 2 5 (MODSEQ 917162500)\r\n", (w) => writeSearch(w, [2, 5], 917162500)],
    ["* SEARCH\r\n", (w) => writeSearch(w, [], 5)],
    ['* ESEARCH (TAG "A282") MIN 2 COUNT 3\r\n', (w) => writeESearch(w, { tag: "A282", uid: false, min: 2, max: null, all: null, count: 3, modSeq: null })],
    ['* ESEARCH (TAG "A283") UID MAX 11 ALL 2,10:11 MODSEQ 7\r\n', (w) => writeESearch(w, { tag: "A283", uid: true, min: null, max: 11, all: [2, 10, 11], count: null, modSeq: 7 })],
    ['* ESEARCH (TAG "A284")\r\n', (w) => writeESearch(w, { tag: "A284", uid: false, min: null, max: null, all: [], count: null, modSeq: null })],
    ["* VANISHED (EARLIER) 41,43:116\r\n", (w) => writeVanished(w, { ranges: [{ first: 41, last: 41 }, { first: 43, last: 116 }] }, { earlier: true })],
    ["* VANISHED 405,407:409\r\n", (w) => writeVanished(w, [405, 407, 408, 409], { earlier: false })],
    ["", (w) => writeVanished(w, [], { earlier: false })],
  ];
  for (const [wire, write] of cases) test(JSON.stringify(wire), () => assert.equal(written(write), wire));
});
