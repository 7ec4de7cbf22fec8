import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { DataReader, LineEnds, writeData } from "./data.ts";

interface Read {
  readonly content: string;
  readonly rest: string | null;
  readonly strict: boolean;
}
/** Feeds the pieces and says what was content and what came behind the end. */
function read(pieces: readonly Buffer[], bytesMax = 1e9): Read {
  const reader = new DataReader(bytesMax);
  for (const [index, piece] of pieces.entries()) {
    const answer = reader.feed(piece);
    if (answer.kind === "end") {
      const rest = Buffer.concat([answer.rest, ...pieces.slice(index + 1)]).toString("latin1");
      return { content: reader.content.join().toString("latin1"), rest, strict: reader.strict };
    }
  }
  return { content: reader.content.join().toString("latin1"), rest: null, strict: reader.strict };
}
const once = (text: string): Read => read([Buffer.from(text, "latin1")]);
const octetwise = (text: string): Read => read([...Buffer.from(text, "latin1")].map((octet) => Buffer.from([octet])));

/** The rule as a specification, slow and plain: only CRLF "." CRLF ends, one dot goes at the start of a line. */
function specified(text: string): Read {
  const end = `\r\n${text}`.indexOf("\r\n.\r\n");
  const body = end < 0 ? text : text.slice(0, end);
  const content = body.replace(/(^|\r\n)\./g, "$1");
  return { content, rest: end < 0 ? null : text.slice(end + 3), strict: !/\r(?!\n)|(?<!\r)\n/.test(end < 0 ? text : text.slice(0, end + 3)) };
}

describe("RFC 5321 section 4.5.2: transparency and the end of data", () => {
  const cases: readonly (readonly [sent: string, content: string, rest: string | null, strict: boolean])[] = [
    [".\r\n", "", "", true],
    ["\r\n.\r\n", "\r\n", "", true],
    ["a\r\n.\r\nQUIT\r\n", "a\r\n", "QUIT\r\n", true],
    ["..\r\n.\r\n", ".\r\n", "", true],
    [".a\r\n..b\r\n.\r\n", "a\r\n.b\r\n", "", true],
    ["a.\r\n.b.\r\n.\r\n", "a.\r\nb.\r\n", "", true],
    ["a\r\n.\r\r\n.\r\n", "a\r\n\r\r\n", "", false],
    ["a\r\r\n.\r\n", "a\r\r\n", "", false],
    ["a\r\n.\n.\r\n", "a\r\n\n.\r\n", null, false],
    ["\n.\r\n", "\n.\r\n", null, false],
  ];
  for (const [sent, content, rest, strict] of cases) {
    test(JSON.stringify(sent), () => {
      assert.deepEqual(once(sent), { content, rest, strict });
      assert.deepEqual(octetwise(sent), { content, rest, strict });
    });
  }
  test("content past the limit is not kept, and the end is still found", () => {
    const reader = new DataReader(4);
    assert.deepEqual(reader.feed(Buffer.from("ab\r\n")), { kind: "more" });
    assert.equal(reader.tooLarge, false);
    assert.equal(reader.feed(Buffer.from("c\r\n.\r\nX")).kind, "end");
    assert.equal(reader.tooLarge, true);
    assert.equal(reader.content.bytes, 0);
  });
});

describe("T-SMTP-SMUG: the sixteen ends of data", () => {
  const ends = ["\r\n", "\n", "\r", "\n\r"];
  for (const before of ends) {
    for (const after of ends) {
      const sequence = `${before}.${after}`;
      test(JSON.stringify(sequence), () => {
        const sent = `text${sequence}MAIL FROM:<>\r\n.\r\n`;
        for (const answer of [once(sent), octetwise(sent)]) {
          if (sequence === "\r\n.\r\n") assert.deepEqual(answer, { content: "text\r\n", rest: "MAIL FROM:<>\r\n.\r\n", strict: true });
          else assert.deepEqual([answer.rest, answer.strict], ["", false]);
        }
        // On the way out: what is not strict is not sent, and a whole end in the content arrives as content.
        const content = Buffer.from(`text${sequence}more\r\n`);
        const written = writeData(content);
        if (sequence !== "\r\n.\r\n") return assert.deepEqual(written, { kind: "bare-line-end" });
        assert.ok(written.kind === "data");
        return assert.deepEqual(read(written.pieces), { content: content.toString(), rest: "", strict: true });
      });
    }
  }
});

const tricky = fc.array(fc.constantFrom("\r", "\n", ".", "\r\n", "\r\n.", "\r\n.\r\n", "a", "xyz"), { maxLength: 30 }).map((parts) => parts.join(""));
/** Cuts `text` into pieces at the places given. */
function cut(text: string, at: readonly number[]): Buffer[] {
  const places = [...new Set(at.map((place) => place % (text.length + 1)))].sort((a, b) => a - b);
  return [0, ...places].map((from, i) => Buffer.from(text.slice(from, places[i] ?? text.length), "latin1"));
}

describe("properties", () => {
  test("any octets in any pieces read as the specification says", () => {
    fc.assert(fc.property(tricky, fc.array(fc.nat()), (begin, at) => {
      const text = `${begin}\r\n.\r\n`;
      assert.deepEqual(read(cut(text, at)), specified(text));
    }), { numRuns: 2000 });
  });
  test("what is written is read back, and nothing behind it is taken for content", () => {
    fc.assert(fc.property(fc.array(fc.constantFrom("\r\n", ".", "..", "a", "long line "), { maxLength: 40 }), (parts) => {
      const content = parts.join("");
      const written = writeData(Buffer.from(content));
      assert.ok(written.kind === "data");
      const complete = content === "" || content.endsWith("\r\n") ? content : `${content}\r\n`;
      assert.deepEqual(read([...written.pieces, Buffer.from("QUIT")]), { content: complete, rest: "QUIT", strict: true });
    }), { numRuns: 1000 });
  });
  test("line ends are judged the same in any pieces", () => {
    fc.assert(fc.property(tricky, fc.array(fc.nat()), (text, at) => {
      const ends = new LineEnds();
      for (const piece of cut(text, at)) ends.feed(piece);
      assert.equal(ends.strict, !/\r(?!\n)|(?<!\r)\n/.test(text));
    }), { numRuns: 2000 });
  });
  test("large content with many dots, in pieces of any size, keeps its octets", () => {
    const line = `.${"x".repeat(70)}\r\n`;
    const content = Buffer.from(line.repeat(5000));
    const written = writeData(content);
    assert.ok(written.kind === "data");
    const sent = Buffer.concat([...written.pieces]);
    for (const size of [1, 7, 73, 4096, 65536]) {
      const pieces: Buffer[] = [];
      for (let from = 0; from < sent.length; from += size) pieces.push(sent.subarray(from, from + size));
      assert.equal(read(pieces).content, content.toString("latin1"), `pieces of ${size}`);
    }
  });
});
