import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { LineReader } from "./line.ts";

function linesOf(pieces: readonly Buffer[], bytesMax: number): string[] {
  const reader = new LineReader();
  const out: string[] = [];
  for (const piece of pieces) {
    reader.push(piece);
    for (let answer = reader.line(bytesMax); answer.kind !== "more"; answer = reader.line(bytesMax)) {
      out.push(answer.kind === "line" ? `=${answer.line.toString("latin1")}` : answer.kind);
    }
    assert.ok(reader.length <= bytesMax, "no more waits than one line may have");
  }
  return out;
}

test("a line may have the limit's octets with CRLF, and not one more", () => {
  assert.deepEqual(linesOf([Buffer.from("12345678\r\n123456789\r\nok\r\n")], 10), ["=12345678", "too-long", "=ok"]);
});
test("a line that is too long is said once, at its end, and costs no memory", () => {
  const pieces = [...Array(1000).fill(Buffer.from("x".repeat(1000))), Buffer.from("\r\nok\r\n")];
  assert.deepEqual(linesOf(pieces, 512), ["too-long", "=ok"]);
});
test("a bare LF ends no command", () => {
  assert.deepEqual(linesOf([Buffer.from("NOOP\nNOOP\r\n\r\n")], 512), ["bare-line-end", "=NOOP", "="]);
});
test("what is put back comes before what waits", () => {
  const reader = new LineReader();
  reader.push(Buffer.from("abcdef\r\n"));
  const taken = reader.take(4);
  assert.equal(taken.toString(), "abcd");
  reader.unread(taken.subarray(2));
  assert.deepEqual(reader.line(99), { kind: "line", line: Buffer.from("cdef") });
});
test("any octets in any pieces make the same lines", () => {
  const text = fc.array(fc.constantFrom("\r", "\n", "\r\n", "a", "0123456789"), { maxLength: 40 }).map((parts) => parts.join(""));
  fc.assert(fc.property(text, fc.array(fc.nat()), (sent, at) => {
    const places = [...new Set(at.map((place) => place % (sent.length + 1)))].sort((a, b) => a - b);
    const pieces = [0, ...places].map((from, i) => Buffer.from(sent.slice(from, places[i] ?? sent.length)));
    assert.deepEqual(linesOf(pieces, 24), linesOf([Buffer.from(sent)], 24));
  }), { numRuns: 2000 });
});
