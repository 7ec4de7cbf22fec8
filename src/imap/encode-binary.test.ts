import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { parseMessage } from "../message/message.ts";
import { encodeBinaryParts } from "./encode-binary.ts";
import { binaryOctets } from "./section.ts";

const octets = (text: string): Buffer => Buffer.from(text, "latin1");
const part = (content: Buffer, ...numbers: number[]): Buffer => {
  const found = binaryOctets(content, parseMessage(content), numbers);
  assert.ok(found.kind === "octets");
  return found.octets;
};

describe("RFC 3516 section 4.4, messages with NUL", () => {
  test("a single part", () => {
    const encoded = encodeBinaryParts(octets("From: a@b.example\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\n\r\n\0-\xe4\n\r\n\n"));
    assert.equal(encoded?.toString("latin1"), "MIME-Version: 1.0\r\nFrom: a@b.example\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\nAC3kCg0KCg==");
    assert.deepEqual(part(encoded!, 1), octets("\0-\xe4\n\r\n\n"));
  });
  test("parts of parts; only those with NUL", () => {
    const inner = "Content-Type: multipart/mixed; boundary=y\r\n\r\n--y\r\n\r\n\0one\r\n--y\r\nContent-Transfer-Encoding: 8bit\r\n\r\ntwo\xe4\r\n--y--\r\n";
    const content = octets(`MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: message/rfc822\r\n\r\n${inner}\r\n--x\r\nContent-Type: image/png\r\n\r\n${"\0\x01".repeat(60)}\r\n--x--\r\n`);
    const encoded = encodeBinaryParts(content)!;
    assert.ok(!encoded.includes(0));
    assert.deepEqual(part(encoded, 1, 1), octets("\0one"));
    assert.deepEqual(part(encoded, 1, 2), octets("two\xe4"));
    assert.deepEqual(part(encoded, 2), octets("\0\x01".repeat(60)));
    assert.ok(encoded.toString("latin1").split("\r\n").every((line) => line.length <= 76));
  });
  test("no header at all", () => {
    const encoded = encodeBinaryParts(octets("a\0b"))!;
    assert.equal(encoded.toString("latin1"), "MIME-Version: 1.0\r\nContent-Transfer-Encoding: base64\r\n\r\nYQBi");
    assert.deepEqual(part(encoded, 1), octets("a\0b"));
  });
  test("without NUL it stays the very same", () => {
    const content = octets("Subject: x\r\n\r\n\x01\xff");
    assert.equal(encodeBinaryParts(content), content);
  });
  for (const [where, content] of [
    ["in a header", "Subject: \0\r\n\r\nx"],
    ["between parts", "Content-Type: multipart/mixed; boundary=x\r\n\r\n\0\r\n--x\r\n\r\na\r\n--x--\r\n"],
    ["in what is said to be base64", "Content-Transfer-Encoding: base64\r\n\r\nAA\0A"],
  ] as const) test(`not ${where}`, () => assert.equal(encodeBinaryParts(octets(content)), null));
  test("any octets come back", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      const body = Buffer.concat([Buffer.from([0]), bytes]);
      const encoded = encodeBinaryParts(Buffer.concat([octets("Content-Type: application/x\r\n\r\n"), body]))!;
      assert.ok(!encoded.includes(0));
      assert.deepEqual(part(encoded, 1), body);
    }));
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => assert.ok(encodeBinaryParts(Buffer.from(bytes))?.includes(0) !== true)));
  });
});
