import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { MAILBOX_NAME_BYTES_MAX } from "./limits.ts";
import { canonicalMailboxName, compilePattern, mailboxNameProblem } from "./mailbox-name.ts";
import { decodeModifiedUtf7, encodeModifiedUtf7 } from "./modified-utf7.ts";

describe("RFC 3501 section 5.1.3, modified UTF-7", () => {
  const cases: readonly (readonly [name: string, wire: string])[] = [
    ["~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"],
    ["a&b", "a&-b"],
    ["&", "&-"],
    ["Entwürfe", "Entw&APw-rfe"],

    ["😀", "&2D3eAA-"],
    ["tab\t", "tab&AAk-"],
    ["", ""],
  ];
  for (const [name, wire] of cases) {
    test(JSON.stringify(name), () => {
      assert.equal(encodeModifiedUtf7(name), wire);
      assert.equal(decodeModifiedUtf7(wire), name);
    });
  }
  const wrong: readonly (readonly [wire: string, why: string])[] = [
    ["a&b", "a shift that is not closed"], ["&Jjo!", "not base64"], ["&AGE-", "base64 of what stands for itself"],
    ["&U,BTFw-&ZeVnLIqe-", "two shifts in a row"], ["é", "8-bit"], ["a\u0001", "control"], ["&ZeVnLIq-", "stray bits"], ["&2D0-", "half a surrogate pair"],
    ["&AAA", "no end"], ["&ZeVnLIqe=-", "padding"],
  ];
  for (const [wire, why] of wrong) test(`refuses ${why}`, () => assert.equal(decodeModifiedUtf7(wire), null));
  test("decode(encode(x)) is x", () => {
    fc.assert(fc.property(fc.string({ unit: "binary" }), (name) => assert.equal(decodeModifiedUtf7(encodeModifiedUtf7(name)), name)));
  });
  test("each name has one spelling", () => {
    const letters = fc.string({ unit: fc.constantFrom("&", "-", "A", "G", "E", "/", ",", "+", "a", "é") });
    fc.assert(fc.property(letters, (wire) => {
      const name = decodeModifiedUtf7(wire);
      if (name !== null) assert.equal(encodeModifiedUtf7(name), wire);
    }), { numRuns: 1000 });
  });
});

describe("RFC 9051 section 5.1, names", () => {
  test("INBOX ignores case, other names do not", () => {
    assert.equal(canonicalMailboxName("inBox"), "INBOX");
    assert.equal(canonicalMailboxName("inbox/Lists"), "INBOX/Lists");
    assert.equal(canonicalMailboxName("inboxes"), "inboxes");
    assert.equal(canonicalMailboxName("a/inbox"), "a/inbox");
  });
  test("composed and decomposed are one name", () => assert.equal(canonicalMailboxName("Entwu\u0308rfe"), "Entwürfe"));
  for (const name of ["", "a//b", "/a", "a/", "a*", "100%", "a\nb", "a\u007f", "a\u0085", "a\u2028", "#news", "..", "a/./b", "\ud800", "x".repeat(MAILBOX_NAME_BYTES_MAX + 1)]) {
    test(`refuses ${JSON.stringify(name.slice(0, 20))}`, () => assert.notEqual(mailboxNameProblem(name), null));
  }
  for (const name of ["INBOX", "a/b/c", "下書き", "Sent Items", "a&b", "x".repeat(MAILBOX_NAME_BYTES_MAX)]) {
    test(`takes ${JSON.stringify(name.slice(0, 20))}`, () => assert.equal(mailboxNameProblem(name), null));
  }
});

describe("RFC 9051 section 6.3.9, patterns", () => {
  const cases: readonly (readonly [pattern: string, yes: readonly string[], no: readonly string[]])[] = [
    ["*", ["", "a", "a/b"], []],
    ["%", ["a"], ["a/b"]],
    ["a/%", ["a/b", "a/"], ["a", "a/b/c"]],
    ["a*", ["a", "ab", "a/b/c"], ["b"]],
    ["%/%", ["a/b"], ["a", "a/b/c"]],
    ["*b", ["b", "a/b", "abab"], ["ba"]],
    ["a%c*e", ["ace", "abcde", "abc/d/e"], ["a/ce", "ac"]],
    ["inbox", ["INBOX"], ["inbox2"]],
    ["iNb*", ["INBOX", "INBOX/a"], ["inbetween", "INBOXES"]],
    ["inbox/%", ["INBOX/a"], ["inbox2/a"]],
    ["%*%", ["", "a/b"], []],
    ["a%%b", ["ab", "axxb"], ["a/b"]],
    ["x", ["x"], ["X", "xx", ""]],
  ];
  for (const [pattern, yes, no] of cases) {
    test(pattern, () => {
      const matches = compilePattern(pattern);
      for (const name of yes) assert.ok(matches(name), name);
      for (const name of no) assert.ok(!matches(name), name);
    });
  }
  test("agrees with the definition by regular expression", () => {
    const letter = fc.constantFrom("a", "b", "/");
    fc.assert(fc.property(fc.string({ unit: fc.oneof(letter, fc.constantFrom("*", "%")), maxLength: 8 }), fc.string({ unit: letter, maxLength: 10 }), (pattern, name) => {
      const expected = new RegExp(`^${pattern.replaceAll("*", ".*").replaceAll("%", "[^/]*")}$`).test(name);
      assert.equal(compilePattern(pattern)(name), expected);
    }), { numRuns: 3000 });
  });
  test("many wildcards do not make it slow", () => {
    const matches = compilePattern(`${"a%*".repeat(160)}b`);
    const before = process.hrtime.bigint();
    assert.equal(matches("a".repeat(1000)), false);
    assert.ok(process.hrtime.bigint() - before < 2_000_000_000n);
  });
});
