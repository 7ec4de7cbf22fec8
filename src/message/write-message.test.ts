import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { FakeRandom } from "../port/random.fake.ts";
import { decodeEncodedWords } from "./encoded-word.ts";
import { headerField } from "./header-fields.ts";
import { toCrlf } from "./line-end.ts";
import { parseMessage } from "./message.ts";
import { assertTree } from "./part.contract.ts";
import { fileNameOf, textOfPart } from "./text.ts";
import { countReceived } from "./trace.ts";
import { decodeTransferEncoding } from "./transfer-encoding.ts";
import { writeMessage } from "./write-message.ts";
import type { ComposedPart } from "./write-message.ts";

const body = (content: Buffer, part: ReturnType<typeof parseMessage>): string => content.toString("latin1", part.body.start, part.body.end);

test("RFC 6522: a report of text, status and the message it is about", () => {
  const returned = Buffer.from("Received: x\r\nSubject: =?utf-8?B?5L6/44KK?=\r\n\r\n\xe9\r\n", "latin1");
  const report: ComposedPart = {
    fields: [["From", "MAILER-DAEMON@mx.test"], ["To", "a@b.test"], ["Subject", "配信できませんでした: Undelivered mail"], ["Auto-Submitted", "auto-replied"]],
    body: {
      kind: "multipart",
      subtype: "report",
      params: [["report-type", "delivery-status"]],
      parts: [
        { fields: [["Content-Description", "Notification"]], body: { kind: "text", subtype: "plain", text: "配信できませんでした。\nlong ".repeat(20) } },
        { fields: [], body: { kind: "octets", type: "message/delivery-status", octets: Buffer.from("Reporting-MTA: dns; mx.test\r\n\r\nFinal-Recipient: rfc822; a@b.test\r\n") } },
        { fields: [], body: { kind: "octets", type: "message/rfc822", octets: returned } },
      ],
    },
  };
  const content = writeMessage(report, new FakeRandom(7));
  const part = parseMessage(content);
  assertTree(content, part);
  assert.doesNotMatch(content.toString("latin1"), /[^\r]\n|\r[^\n]/);
  assert.equal(decodeEncodedWords(headerField(content, part, "subject")!), "配信できませんでした: Undelivered mail");
  assert.equal(headerField(content, part, "mime-version"), "1.0");
  assert.deepEqual([part.contentType.subtype, part.contentType.params.get("report-type"), part.encoding], ["report", "delivery-status", "8bit"]);
  const [text, status, message] = part.children;
  assert.equal(textOfPart(content, text!), "配信できませんでした。\r\nlong ".repeat(20));
  assert.equal(text!.encoding, "base64");
  assert.equal(body(content, status!), "Reporting-MTA: dns; mx.test\r\n\r\nFinal-Recipient: rfc822; a@b.test\r\n");
  assert.deepEqual([message!.kind, message!.encoding, body(content, message!)], ["message", "8bit", returned.toString("latin1")]);
  assert.deepEqual(writeMessage(report, new FakeRandom(7)), content);
});

describe("RFC 2045 section 6: the encoding follows the octets", () => {
  const encodingOf = (part: ComposedPart["body"]): string => parseMessage(writeMessage({ fields: [], body: part }, new FakeRandom())).encoding;
  const cases: readonly (readonly [what: string, part: ComposedPart["body"], encoding: string])[] = [
    ["short ASCII lines", { kind: "text", subtype: "plain", text: "a\nb\r\n" }, "7bit"],
    ["998 octets", { kind: "text", subtype: "plain", text: `${"a".repeat(998)}\n` }, "7bit"],
    ["999 octets", { kind: "text", subtype: "plain", text: `${"a".repeat(999)}\n` }, "quoted-printable"],
    ["a bare CR", { kind: "text", subtype: "plain", text: "a\rb" }, "quoted-printable"],
    ["mostly ASCII", { kind: "text", subtype: "plain", text: "a".repeat(30) + "é" }, "quoted-printable"],
    ["mostly Japanese", { kind: "text", subtype: "plain", text: "便り" }, "base64"],
    ["an attachment of ASCII lines", { kind: "octets", type: "text/csv", octets: Buffer.from("a,b\r\n") }, "7bit"],
    ["an attachment of LF lines", { kind: "octets", type: "text/csv", octets: Buffer.from("a,b\n") }, "base64"],
    ["a binary attachment", { kind: "octets", type: "application/gzip", octets: Buffer.from([0x1f, 0x8b, 0]) }, "base64"],
    ["a message with octets above 127", { kind: "octets", type: "message/rfc822", octets: Buffer.from("A: b\r\n\r\né\r\n") }, "8bit"],
  ];
  for (const [what, part, encoding] of cases) test(what, () => assert.equal(encodingOf(part), encoding));
});

test("values never add fields, and UTF-8 fields stay when asked for", () => {
  const message: ComposedPart = { fields: [["Subject", "便り\r\nBcc: x@y"], ["To", "便り@example.test"]], body: { kind: "text", subtype: "plain", text: "" } };
  for (const utf8Fields of [false, true]) {
    const content = writeMessage(message, new FakeRandom(), { utf8Fields });
    assert.deepEqual(parseMessage(content).fields.map((field) => field.nameLower), ["subject", "to", "mime-version", "content-type"]);
    assert.equal(content.includes("To: 便り@example.test\r\n"), utf8Fields);
  }
});

test("a boundary is never one that a part holds already", () => {
  const inner = writeMessage({ fields: [], body: { kind: "multipart", subtype: "mixed", parts: [{ fields: [], body: { kind: "text", subtype: "plain", text: "a" } }] } }, new FakeRandom(3));
  const content = writeMessage({ fields: [], body: { kind: "multipart", subtype: "mixed", parts: [{ fields: [], body: { kind: "octets", type: "message/rfc822", octets: inner } }] } }, new FakeRandom(3));
  const part = parseMessage(content);
  assert.notEqual(part.contentType.params.get("boundary"), part.children[0]!.message!.contentType.params.get("boundary"));
  assert.equal(body(content, part.children[0]!), inner.toString("latin1"));
});

test("property: what is written is parsed again", () => {
  const text = fc.string({ unit: fc.constantFrom("a", " ", "=", "é", "便", "\n", "--", "."), maxLength: 200 });
  const leaf: fc.Arbitrary<ComposedPart> = fc.oneof(
    text.map((value): ComposedPart => ({ fields: [], body: { kind: "text", subtype: "plain", text: value } })),
    fc.tuple(fc.uint8Array({ maxLength: 100 }), text).map(([octets, name]): ComposedPart => ({ fields: [], body: { kind: "octets", type: "application/x", octets: Buffer.from(octets), params: [["name", name]] } })),
  );
  fc.assert(
    fc.property(text, fc.array(leaf, { minLength: 1, maxLength: 5 }), fc.integer(), (subject, parts, seed) => {
      const content = writeMessage({ fields: [["Subject", `x${subject}x`]], body: { kind: "multipart", subtype: "mixed", parts } }, new FakeRandom(seed));
      const part = parseMessage(content);
      assertTree(content, part);
      assert.equal(decodeEncodedWords(headerField(content, part, "subject")!), `x${subject}x`);
      assert.equal(part.children.length, parts.length);
      for (const [at, child] of part.children.entries()) {
        const source = parts[at]!.body;
        if (source.kind === "text") assert.equal(textOfPart(content, child), source.text.replaceAll("\n", "\r\n"));
        if (source.kind !== "octets") continue;
        assert.deepEqual(decodeTransferEncoding(content.subarray(child.body.start, child.body.end), child.encoding), source.octets);
        assert.equal(fileNameOf(child), source.params![0]![1]);
      }
    }),
  );
});

test("RFC 5321 section 6.3: Received fields are counted in the header only", () => {
  const count = (text: string): number => countReceived(Buffer.from(text));
  assert.equal(count("Received: a\r\n b\r\nRECEIVED : c\r\nX: Received: no\r\n Received: no\r\nReceived-SPF: no\r\n\r\nReceived: no\r\n"), 2);
  assert.equal(count("Received: a\n".repeat(101)), 101);
  assert.equal(count(""), 0);
  assert.equal(count("\nReceived: a\n"), 0);
});

test("bare LFs become CRLF, and nothing is copied when there are none", () => {
  const same = Buffer.from("a\r\nb\rc\r\n");
  assert.equal(toCrlf(same), same);
  assert.equal(toCrlf(Buffer.from("\na\nb\r\nc\r\n\n")).toString(), "\r\na\r\nb\r\nc\r\n\r\n");
});
