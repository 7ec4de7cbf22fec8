import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { tagsMax } from "./limits.ts";
import { decodeBase64, decodeDkimQuotedPrintable, encodeDkimQuotedPrintable, parseTagList } from "./tag-list.ts";

const read = (text: string): Record<string, string> | null => {
  const tags = parseTagList(text);
  return tags === null ? null : Object.fromEntries([...tags].map(([name, { value }]) => [name, value]));
};

describe("RFC 6376 section 3.2", () => {
  const cases: readonly (readonly [text: string, tags: Record<string, string> | null])[] = [
    ["a=1", { a: "1" }],
    [" a = 1 ;\r\n\tb=2;", { a: "1", b: "2" }],
    ["a=1; b=x y\r\n z ; ", { a: "1", b: "x y\r\n z" }],
    ["a=;b=", { a: "", b: "" }],
    ["p=a=b==", { p: "a=b==" }],
    ["A=1;a=2", { A: "1", a: "2" }],
    ["a=1;a=2", null],
    ["a=1;;b=2", null],
    [";a=1", null],
    ["a=1;b", null],
    ["a=1;b;c=3", null],
    ["1a=1", null],
    ["a-b=1", null],
    ["a b=1", null],
    ["", null],
    ["  ", null],
    [";", null],
  ];
  for (const [text, tags] of cases) test(JSON.stringify(text), () => assert.deepEqual(read(text), tags));

  test("as many tags as the limit, and one more", () => {
    const list = (count: number): string => Array.from({ length: count }, (_, i) => `t${i}=1`).join(";");
    assert.equal(parseTagList(list(tagsMax))?.size, tagsMax);
    assert.equal(parseTagList(list(tagsMax + 1)), null);
  });

  test("any text is read or refused, and offsets lead to the values", () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.array(fc.constantFrom("a", "b", "=", ";", " ", "\r\n ")).map((parts) => parts.join(""))), (text) => {
      for (const { value, start, end } of parseTagList(text)?.values() ?? []) {
        assert.ok(text.slice(start, end).includes(value));
        assert.ok(start > 0 && text[start - 1] === "=" && (end === text.length || text[end] === ";"));
      }
    }));
  });
});

test("base64 with folds, and what is none", () => {
  assert.equal(decodeBase64("aGVs\r\n\tbG8=")?.toString(), "hello");
  for (const bad of ["", "a", "aGVsbG8", "a===", "aGV*bG8=", "====", "aGVsbG8=aGVs"]) assert.equal(decodeBase64(bad), null, bad);
});

test("RFC 6376 section 2.11: what is encoded is decoded", () => {
  assert.equal(decodeDkimQuotedPrintable("=6Along"), "jlong");
  assert.equal(decodeDkimQuotedPrintable("a=3b"), null);
  assert.equal(decodeDkimQuotedPrintable("a="), null);
  fc.assert(fc.property(fc.uint8Array(), (octets) => {
    const text = Buffer.from(octets).toString("latin1");
    const encoded = encodeDkimQuotedPrintable(text);
    assert.doesNotMatch(encoded, /[;\x00-\x20]/);
    assert.equal(decodeDkimQuotedPrintable(encoded), text);
  }));
});
