import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { headerBlock, headerField, fieldsNamed, selectHeaderFields } from "./header-fields.ts";
import { messageLimits } from "./limits.ts";
import { parseMessage } from "./message.ts";
import { assertTree } from "./part.contract.ts";
import type { MessagePart } from "./part.ts";

/** "text/plain 'body'", with children in brackets and messages in braces. */
function shape(content: Buffer, part: MessagePart): string {
  const { type, subtype } = part.contentType;
  const name = `${type}/${subtype}`;
  if (part.message !== null) return `${name}{${shape(content, part.message)}}`;
  if (part.kind === "multipart") return `${name}[${part.children.map((child) => shape(content, child)).join(", ")}]`;
  return `${name} ${JSON.stringify(content.toString("latin1", part.body.start, part.body.end)).replaceAll('"', "'")}`;
}
function shapeOf(text: string): string {
  const content = Buffer.from(text, "latin1");
  const part = parseMessage(content);
  assertTree(content, part);
  return shape(content, part);
}
const MIXED = 'Content-Type: multipart/mixed; boundary="b"\n\n';

describe("RFC 2046 section 5.1: multiparts", () => {
  const cases: readonly (readonly [what: string, text: string, shape: string])[] = [
    ["preamble and epilogue are no parts", `${MIXED}pre\n--b\n\none\n--b\n\ntwo\n\n--b--\nepilogue\n--b\n\nno\n`, "multipart/mixed[text/plain 'one', text/plain 'two\\n']"],
    ["CRLF before the delimiter belongs to it", `${MIXED}--b\r\n\r\none\r\n\r\n--b--\r\n`, "multipart/mixed[text/plain 'one\\r\\n']"],
    ["mixed line ends", `${MIXED}--b\r\n\none\n--b\n\r\ntwo\r\n--b--`, "multipart/mixed[text/plain 'one', text/plain 'two']"],
    ["no final delimiter", `${MIXED}--b\n\none\n`, "multipart/mixed[text/plain 'one\\n']"],
    ["no delimiter at all", `${MIXED}text\n`, "multipart/mixed[]"],
    ["no boundary parameter", "Content-Type: multipart/mixed\n\n--b\n", "multipart/mixed '--b\\n'"],
    ["an empty boundary", 'Content-Type: multipart/mixed; boundary=""\n\n--\n\nx\n', "multipart/mixed '--\\n\\nx\\n'"],
    ["blanks behind the boundary", `${MIXED}--b \t\n\none\n--b-- \n`, "multipart/mixed[text/plain 'one']"],
    ["text behind the boundary makes it another", `${MIXED}--b\n\none\n--bc\n--b--c\n-- b\n --b\n--b--\n`, "multipart/mixed[text/plain 'one\\n--bc\\n--b--c\\n-- b\\n --b']"],
    ["empty parts", `${MIXED}--b\n--b\n\n--b\n\n\n--b--\n`, "multipart/mixed[text/plain '', text/plain '', text/plain '']"],
    ["a header without a body", `${MIXED}--b\nContent-Type: text/html\n--b--\n`, "multipart/mixed[text/html '']"],
    ["a part without a header", `${MIXED}--b\nJust text\nhere: no\n\nmore\n--b--\n`, "multipart/mixed[text/plain 'Just text\\nhere: no\\n\\nmore']"],
    ["the outer delimiter ends inner parts", `${MIXED}--b\nContent-Type: multipart/alternative; boundary=c\n\n--c\n\none\n--b\n\ntwo\n--c\n--b--\n`, "multipart/mixed[multipart/alternative[text/plain 'one'], text/plain 'two\\n--c']"],
    ["a boundary that begins with another", `${MIXED}--b\nContent-Type: multipart/alternative; boundary=bb\n\n--bb\n\none\n--bb--\n--b\n\ntwo\n--b--\n`, "multipart/mixed[multipart/alternative[text/plain 'one'], text/plain 'two']"],
    ["a boundary that another begins with", `Content-Type: multipart/mixed; boundary=bb\n\n--bb\nContent-Type: multipart/alternative; boundary=b\n\n--b\n\none\n--b--\n--bb\n\ntwo\n--bb--\n`, "multipart/mixed[multipart/alternative[text/plain 'one'], text/plain 'two']"],
    ["a boundary that ends in dashes", `${MIXED}--b\nContent-Type: multipart/alternative; boundary="b--"\n\n--b--\n\none\n--b----\n--b--\n`, "multipart/mixed[multipart/alternative[text/plain 'one']]"],
    ["of two equal boundaries the inner one counts", `${MIXED}--b\n${MIXED}--b\n\none\n--b--\n--b\n\ntwo\n--b--\n`, "multipart/mixed[multipart/mixed[text/plain 'one'], text/plain 'two']"],
    ["a digest holds messages", 'Content-Type: multipart/digest; boundary="b"\n\n--b\n\nSubject: x\n\none\n--b--\n', "multipart/digest[message/rfc822{text/plain 'one'}]"],
    ["a boundary over a fold and with a blank", 'Content-Type: multipart/mixed;\n boundary="b\n c"\n\n--b c\n\none\n--b c--\n', "multipart/mixed[text/plain 'one']"],
    ["a boundary in RFC 2231 pieces", "Content-Type: multipart/mixed; boundary*1=d; boundary*0*=us-ascii''%62c\n\n--bcd\n\none\n--bcd--\n", "multipart/mixed[text/plain 'one']"],
    ["octets above 127 in a boundary", "Content-Type: multipart/mixed; boundary=\"\xe9\"\n\n--\xe9\n\none\n--\xe9--\n", "multipart/mixed[text/plain 'one']"],
    ["NULs", `${MIXED}--b\n\n\0one\0\n--b--\n\0`, "multipart/mixed[text/plain '\\u0000one\\u0000']"],
    ["a bare CR ends no line", `${MIXED}--b\n\none\r--b\r\n--b--`, "multipart/mixed[text/plain 'one\\r--b']"],
    ["a delimiter right behind the header's empty line", 'Content-Type: message/rfc822\n\nContent-Type: multipart/mixed; boundary=b\n\n--b\n--b--', "message/rfc822{multipart/mixed[text/plain '']}"],
  ];
  for (const [what, text, expected] of cases) {
    test(what, () => {
      assert.equal(shapeOf(text), expected);
      if (!text.includes("\r")) assert.equal(shapeOf(text.replaceAll("\n", "\r\n")), expected.replaceAll("\\n", "\\r\\n"));
    });
  }
});

describe("RFC 2046 section 5.2: messages inside", () => {
  const cases: readonly (readonly [what: string, text: string, shape: string])[] = [
    ["one inside another", "Content-Type: message/rfc822\n\nContent-Type: message/global\n\nSubject: x\n\ntext\n", "message/rfc822{message/global{text/plain 'text\\n'}}"],
    ["its octets end at the outer delimiter", `${MIXED}--b\nContent-Type: message/rfc822\n\nSubject: x\n\ntext\n\n--b--\n`, "multipart/mixed[message/rfc822{text/plain 'text\\n'}]"],
    ["an encoded one stays closed", "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nU3ViamVjdDogeAo=\n", "message/rfc822 'U3ViamVjdDogeAo=\\n'"],
    ["an empty one", `${MIXED}--b\nContent-Type: message/rfc822\n\n--b--\n`, "multipart/mixed[message/rfc822{text/plain ''}]"],
    ["one whose header never ends", `${MIXED}--b\nContent-Type: message/rfc822\n\nSubject: x\n\n--b--\n`, "multipart/mixed[message/rfc822{text/plain ''}]"],
    ["other message types are leaves", "Content-Type: message/delivery-status\n\nReporting-MTA: dns;x\n", "message/delivery-status 'Reporting-MTA: dns;x\\n'"],
  ];
  for (const [what, text, expected] of cases) test(what, () => assert.equal(shapeOf(text), expected));
});

describe("RFC 5322 section 2.2: headers", () => {
  const names = (text: string): string[] => parseMessage(Buffer.from(text, "latin1")).fields.map((field) => field.name);
  const cases: readonly (readonly [what: string, text: string, names: readonly string[], body: string])[] = [
    ["folded fields", "A: 1\n 2\n\t3\nB: 4\n\nbody", ["A", "B"], "body"],
    ["blanks before the colon", "A : 1\nB\t: 2\n\n", ["A", "B"], ""],
    ["no empty line", "A: 1\nB: 2", ["A", "B"], ""],
    ["nothing", "", [], ""],
    ["no header", "\nbody", [], "body"],
    ["an mbox line in front", "From a@b Tue Nov 24\n>From a@b\nA: 1\n\nbody", ["A"], "body"],
    ["a line that is no field", "A: 1\nbroken line\nB: 2\n\nbody", ["A", "B"], "body"],
    ["blanks in front", "  A: 1\nB: 2\n\nbody", ["A", "B"], "body"],
    ["a first line that is no field", "Hello world\nA: 1\n\nbody", [], "Hello world\nA: 1\n\nbody"],
    ["a line of blanks goes on", "A: 1\n \nB: 2\n\nbody", ["A", "B"], "body"],
    ["names with octets above 127 are none", "A: 1\n\xe9: 2\n\n", ["A"], ""],
  ];
  for (const [what, text, expected, body] of cases) {
    test(what, () => {
      assert.deepEqual(names(text), expected);
      const part = parseMessage(Buffer.from(text, "latin1"));
      assert.equal(text.slice(part.body.start, part.body.end), body);
    });
  }

  test("values are unfolded, and raw octets are read as what they seem to be", () => {
    const content = Buffer.concat([
      Buffer.from("Subject: a\r\n  b\r\n\tc \r\nX-Utf8: あ\r\nX-Latin: ", "utf8"),
      Buffer.from("caf\xe9\r\nX-Sjis: \x82\xa0\x82\xa2\r\nX-Euc: \xa4\xa2\xa4\xa4\r\nSUBJECT: second\r\n\r\n", "latin1"),
    ]);
    const part = parseMessage(content);
    assert.equal(headerField(content, part, "subject"), "a  b\tc");
    assert.equal(fieldsNamed(part, "Subject").length, 2);
    assert.deepEqual(["x-utf8", "x-latin", "x-sjis", "x-euc", "none"].map((name) => headerField(content, part, name)), ["あ", "café", "あい", "あい", null]);
  });

  test("RFC 9051 section 6.4.5.1: HEADER, HEADER.FIELDS and HEADER.FIELDS.NOT", () => {
    const content = Buffer.from("From: a\r\nTo: b,\r\n c\r\nTO : d\r\nSubject: e\r\n\r\nbody");
    const part = parseMessage(content);
    const select = (names: readonly string[], not: boolean): string => selectHeaderFields(content, part, new Set(names), not).toString();
    assert.equal(select(["to", "subject"], false), "To: b,\r\n c\r\nTO : d\r\nSubject: e\r\n\r\n");
    assert.equal(select(["to", "subject"], true), "From: a\r\n\r\n");
    assert.equal(select([], false), "\r\n");
    assert.equal(headerBlock(content, part).toString(), "From: a\r\nTo: b,\r\n c\r\nTO : d\r\nSubject: e\r\n\r\n");
    for (const [text, block] of [["A: b", "A: b"], ["A: b\r\n", "A: b\r\n"], ["", ""], ["no field", "\r\n"], ["\r\nx", "\r\n"], ["\nx", "\n"], ["A: b\n\nx", "A: b\n\n"]] as const) {
      const other = Buffer.from(text);
      assert.equal(headerBlock(other, parseMessage(other)).toString(), block);
    }
    const open = Buffer.from("A: b");
    assert.equal(selectHeaderFields(open, parseMessage(open), new Set(["a"]), false).toString(), "A: b\r\n\r\n");
  });
});

test("what a part says of itself", () => {
  const content = Buffer.from(
    "Content-Type: TEXT/Html; Charset=UTF-8\nContent-Transfer-Encoding: BASE64 (really)\nContent-Disposition: Attachment; filename=a.html\nContent-ID: <x@y>\n" +
      "Content-Description: words\n and more\nContent-Language: ja, en-GB\nContent-Location: http://example.test/\nContent-MD5: Q2hlY2s=\n\na\nb\nc",
  );
  const part = parseMessage(content);
  assert.deepEqual([part.contentType.type, part.contentType.subtype, part.contentType.params.get("charset")], ["text", "html", "UTF-8"]);
  assert.deepEqual([part.encoding, part.disposition?.type, part.disposition?.params.get("filename")], ["base64", "attachment", "a.html"]);
  assert.deepEqual([part.contentId, part.description, part.location, part.md5], ["<x@y>", "words and more", "http://example.test/", "Q2hlY2s="]);
  assert.deepEqual([part.language, part.lines, part.octets], [["ja", "en-gb"], 2, 5]);
  const bare = parseMessage(Buffer.from("\n"));
  assert.deepEqual([bare.encoding, bare.disposition, bare.contentId, bare.language, bare.contentTypeDeclared], ["7bit", null, null, null, false]);
});

describe("limits, each at the limit and one past it", () => {
  const parse = (text: string, limits: Partial<typeof messageLimits>): MessagePart => {
    const content = Buffer.from(text, "latin1");
    const part = parseMessage(content, { ...messageLimits, ...limits });
    assertTree(content, part, { ...messageLimits, ...limits });
    return part;
  };
  const deepest = (part: MessagePart): MessagePart => (part.message === null ? (part.children[0] === undefined ? part : deepest(part.children[0])) : deepest(part.message));

  test("depth", () => {
    const nested = (levels: number): string => Array.from({ length: levels }, (_, i) => `Content-Type: multipart/mixed; boundary=b${i}\n\n--b${i}\n`).join("") + "\ntext";
    assert.deepEqual([deepest(parse(nested(100), {})).limit, deepest(parse(nested(100), {})).contentType.type], [null, "text"]);
    assert.deepEqual([deepest(parse(nested(101), {})).limit, deepest(parse(nested(101), {})).contentType.type], ["depth", "multipart"]);
    assert.equal(deepest(parse("Content-Type: message/rfc822\n\n".repeat(101), {})).limit, "depth");
    assert.equal(deepest(parse("Content-Type: message/rfc822\n\n".repeat(100), {})).limit, null);
  });

  test("parts", () => {
    const flat = parse(MIXED + "--b\n\nx\n".repeat(9), { partsMax: 10 });
    assert.deepEqual([flat.children.length, flat.children.at(-1)!.limit], [9, null]);
    const over = parse(MIXED + "--b\n\nx\n".repeat(30), { partsMax: 10 });
    assert.deepEqual([over.children.length, over.children.at(-1)!.limit, over.children.at(-1)!.contentType.subtype], [10, "parts", "octet-stream"]);
    assert.equal(deepest(parse("Content-Type: message/rfc822\n\n".repeat(5), { partsMax: 5 })).limit, "parts");
  });

  test("fields and octets of a header", () => {
    assert.equal(parse("A: b\n".repeat(10) + "\nbody", { fieldsMax: 10 }).limit, null);
    const over = parse("A: b\n".repeat(11) + "\nbody", { fieldsMax: 10 });
    assert.deepEqual([over.limit, over.fields.length, over.kind], ["fields", 10, "leaf"]);
    assert.equal(parse("A: bcdefg\n" + "B: x\n\n", { headerOctetsMax: 10 }).limit, null);
    assert.equal(parse("A: bcdefgh\n" + "B: x\n\n", { headerOctetsMax: 10 }).limit, "header-octets");
    assert.equal(parse("A: b\n" + " \n".repeat(100), { headerOctetsMax: 10 }).limit, "header-octets");
  });

  test("a boundary longer than allowed is none", () => {
    const text = (length: number): string => `Content-Type: multipart/mixed; boundary=${"x".repeat(length)}\n\n--${"x".repeat(length)}\n\none\n`;
    assert.equal(parse(text(256), {}).kind, "multipart");
    assert.equal(parse(text(257), {}).kind, "leaf");
  });
});

describe("time is linear, whatever is in it", () => {
  const megabytes = 8;
  const head = 'Content-Type: multipart/mixed; boundary="z"\n\n';
  const cases: readonly (readonly [what: string, content: () => Buffer])[] = [
    ["a long line in the header", () => Buffer.from(`X: ${"a".repeat(8e6)}\n\n`)],
    ["a header of short lines", () => Buffer.alloc(megabytes << 20, "a\n")],
    ["many folds", () => Buffer.from(`A: b\n${" \n".repeat(4e6)}`)],
    ["a body of short lines", () => Buffer.concat([Buffer.from(head), Buffer.alloc(megabytes << 20, "\n")])],
    ["lines that are nearly delimiters", () => Buffer.concat([Buffer.from(head), Buffer.alloc(megabytes << 20, "--a\n")])],
    ["blanks behind dashes", () => Buffer.concat([Buffer.from(head), Buffer.alloc(megabytes << 20, "--\nx --   \n")])],
    ["10,000 delimiters", () => Buffer.from(head + "--z\n\nx\n".repeat(10_000))],
    ["nested multiparts", () => Buffer.from(Array.from({ length: 20_000 }, (_, i) => `Content-Type: multipart/mixed; boundary="b${i}"\n\n--b${i}\n`).join(""))],
    ["nested messages", () => Buffer.from("Content-Type: message/rfc822\n\n".repeat(100_000))],
    ["parameters in pieces", () => Buffer.from(`Content-Type: text/plain${Array.from({ length: 100_000 }, (_, i) => `; a*${i}*=%41`).join("")}\n\n`)],
    ["a parameter of blanks", () => Buffer.from(`Content-Type: text/plain; a=${"b ".repeat(1e6)}\n\n`)],
    ["a comment in comments", () => Buffer.from(`Content-Type: ${"(".repeat(1e6)}\n\n`)],
  ];
  for (const [what, make] of cases) {
    test(what, () => {
      const content = make();
      const before = performance.now();
      parseMessage(content);
      // Quadratic time would take minutes. The real figures are a hundred times smaller than this, which leaves room for slow machines.
      assert.ok(performance.now() - before < 2000);
    });
  }
});
