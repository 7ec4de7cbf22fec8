import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { decodeEncodedWords, encodeHeaderText } from "./encoded-word.ts";

describe("RFC 2047: decoding", () => {
  const cases: readonly (readonly [text: string, decoded: string])[] = [
    // Section 8.
    ["=?ISO-8859-1?Q?a?=", "a"],
    ["=?ISO-8859-1?Q?a?= b", "a b"],
    ["=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=", "ab"],
    ["=?ISO-8859-1?Q?a?=  =?ISO-8859-1?Q?b?=", "ab"],
    ["=?ISO-8859-1?Q?a_b?=", "a b"],
    ["=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=", "a b"],
    ["=?US-ASCII?Q?Keith_Moore?= <moore@cs.utk.edu>", "Keith Moore <moore@cs.utk.edu>"],
    ["=?ISO-8859-1?Q?Andr=E9?= Pirard", "André Pirard"],
    ["=?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8=?= =?ISO-8859-2?B?dSB1bmRlcnN0YW5kIHRoZSBleGFtcGxlLg==?=", "If you can read this you understand the example."],
    // Language tags of RFC 2231 section 5.
    ["=?US-ASCII*EN?Q?Keith_Moore?=", "Keith Moore"],
    // Japanese.
    ["=?ISO-2022-JP?B?GyRCJDMkcyRLJEEkTxsoQg==?=", "こんにちは"],
    ["=?shift_jis?B?g1iDdYOMg2I=?=", "スブレッ"],
    ["=?cp932?Q?=87@?=", "①"],
    ["=?EUC-JP?Q?=CA=D8=A4=EA?=", "便り"],
    ["=?utf-8?B?5L6/44?= =?utf-8?B?KK?=", "便り"],
    ["=?utf-8?B?5L4=?= =?UTF-8?Q?=BF?= =?utf-8?B?44KK?=", "便り"],
    ["=?utf-8?Q?a?==?utf-8?Q?b?=", "ab"],
    // What agents write though they may not.
    ["=?utf-8?Q?with blanks?=", "with blanks"],
    ["=?utf-8?B?5L6/ 44KK?=", "便り"],
    ["=?utf-8?B?YWI?=", "ab"],
    ["=?unknown-charset?Q?a=E4=BE=BF?=", "a便"],
    ["便り =?utf-8?Q?=E4=BE=BF?=", "便り 便"],
    ["=?iso-8859-1?Q?Frösche_=FCber?=", "Frösche über"],
    ["=?utf-8?Q?=E4=BE=BF?= =?utf-8?Q?り=41?=", "便りA"],
    // What is no encoded word stays.
    ["=?utf-8?X?abc?=", "=?utf-8?X?abc?="],
    ["=?utf-8?Q?abc", "=?utf-8?Q?abc"],
    ["=??Q?abc?=", "=??Q?abc?="],
    ["a =? b ?= c", "a =? b ?= c"],
    ["", ""],
  ];
  for (const [text, decoded] of cases) test(JSON.stringify(text), () => assert.equal(decodeEncodedWords(text), decoded));
});

test("octets are read as what they seem to be", () => {
  assert.equal(decodeEncodedWords(Buffer.from("便り =?utf-8?Q?x?=")), "便り x");
  assert.equal(decodeEncodedWords(Buffer.from("caf\xe9", "latin1")), "café");
});

describe("RFC 2047: encoding", () => {
  const cases: readonly (readonly [text: string, encoded: string])[] = [
    ["plain words", "plain words"],
    ["便り", "=?UTF-8?B?5L6/44KK?="],
    ["Re: 便り [ok]", "Re: =?UTF-8?B?5L6/44KK?= [ok]"],
    ["便り 便り", "=?UTF-8?B?5L6/44KKIOS+v+OCig==?="],
    ["a\r\nBcc: x", "=?UTF-8?B?YQ0KQmNjOg==?= x"],
    ["=?utf-8?Q?x?=", "=?UTF-8?B?PT91dGYtOD9RP3g/PQ==?="],
  ];
  for (const [text, encoded] of cases) test(JSON.stringify(text), () => assert.equal(encodeHeaderText(text), encoded));
});

const unfold = (text: string): string => text.replaceAll("\r\n", "");

test("property: what is encoded is decoded again, in lines that are short and hold no bare line end", () => {
  const word = fc.oneof(fc.string({ unit: "binary", maxLength: 30 }), fc.constantFrom(" ", "  ", "便り", "a", "=?", "?=", "\r\n", "word", "長い文字列".repeat(12), "😀"));
  fc.assert(
    fc.property(fc.array(word, { maxLength: 12 }), fc.nat(30), (words, column) => {
      const text = words.join("");
      const encoded = encodeHeaderText(text, column);
      assert.equal(decodeEncodedWords(unfold(encoded)), text.toWellFormed());
      assert.match(encoded, /^[\x20-\x7e]*(?:\r\n [\x20-\x7e]*)*$/);
      for (const line of encoded.split("\r\n")) {
        assert.ok(line.length <= 76 || !line.includes("=?") || /[^ ]{76}/.test(line) || line === encoded.split("\r\n")[0], line);
        assert.ok(line.length <= 998);
        for (const [found] of line.matchAll(/=\?UTF-8\?B\?[^?]*\?=/g)) assert.ok(found.length <= 75);
      }
    }),
    { numRuns: 500 },
  );
});

test("property: any text decodes in linear time without an exception", () => {
  const piece = fc.constantFrom("=?", "?=", "?", "utf-8", "iso-2022-jp", "Q", "B", "=41", "5L6/", "\x1b$B", " ", "便", "_", "*");
  fc.assert(fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => assert.ok(decodeEncodedWords(pieces.join("")).isWellFormed())));
  for (const text of ["=?".repeat(5e5), "=?a?Q?".repeat(2e5), "=?utf-8?B?a?= ".repeat(1e5), "=?utf-8?Q?a?=".repeat(1e5), `=?utf-8?Q?${"a".repeat(1e6)}`, "=?utf-8?B?YQ?=\t".repeat(1e5), `=?${"a".repeat(60)}`.repeat(1e4)]) {
    const before = performance.now();
    decodeEncodedWords(text);
    assert.ok(performance.now() - before < 2000, text.slice(0, 20));
  }
});
