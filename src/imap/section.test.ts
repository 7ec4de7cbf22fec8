import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseMessage } from "../message/message.ts";
import type { Section } from "./command.ts";
import { CommandReader } from "./command-reader.ts";
import { parseCommand } from "./parse-command.ts";
import { binaryOctets, partialOctets, sectionOctets } from "./section.ts";

/** The tree of RFC 9051 section 6.4.5.1: 1 text, 2 octets, 3 message (1 text, 2 octets), 4 mixed (1 image, 2 message (1 text, 2 alternative (1 plain, 2 richtext))). */
const content = Buffer.from([
  "Subject: outer", "Content-Type: multipart/mixed; boundary=A", "",
  "--A", "Content-Type: text/plain", "", "part 1",
  "--A", "Content-Type: application/octet-stream", "Content-Transfer-Encoding: base64", "", "cGFydCAy",
  "--A", "Content-Type: message/rfc822", "", "Subject: third", "Content-Type: multipart/mixed; boundary=B", "",
  "--B", "", "part 3.1", "--B", "Content-Type: application/octet-stream", "Content-Transfer-Encoding: x-own", "", "part 3.2", "--B--",
  "--A", "Content-Type: multipart/mixed; boundary=C", "",
  "--C", "Content-Type: image/gif", "", "part 4.1",
  "--C", "Content-Type: message/rfc822", "", "Subject: fourth", "Content-Type: multipart/mixed; boundary=D", "",
  "--D", "", "part 4.2.1", "--D", "Content-Type: multipart/alternative; boundary=E", "", "--E", "Content-Type: text/plain", "", "part 4.2.2.1", "--E", "Content-Type: text/richtext", "", "part 4.2.2.2", "--E--", "--D--",
  "--C--", "--A--", "",
].join("\r\n"));

function sectionOf(text: string): Section {
  const reader = new CommandReader();
  reader.push(Buffer.from(`a FETCH 1 BODY[${text}]\r\n`));
  const event = reader.next();
  assert.ok(event.kind === "command");
  const answer = parseCommand(event.raw, { utf8: false });
  assert.ok(answer.kind === "parsed" && answer.command.kind === "fetch");
  const [item] = answer.command.items;
  assert.ok(item?.kind === "section");
  return item.section;
}
const octetsOf = (text: string, of = content): string | null => sectionOctets(of, parseMessage(of), sectionOf(text))?.toString("latin1") ?? null;

describe("RFC 9051 section 6.4.5.1, part specifiers", () => {
  const cases: readonly (readonly [section: string, octets: string | null])[] = [
    ["HEADER", "Subject: outer\r\nContent-Type: multipart/mixed; boundary=A\r\n\r\n"],
    ["HEADER.FIELDS (subject)", "Subject: outer\r\n\r\n"],
    ["HEADER.FIELDS.NOT (SUBJECT x)", "Content-Type: multipart/mixed; boundary=A\r\n\r\n"],
    ["1", "part 1"],
    ["1.MIME", "Content-Type: text/plain\r\n\r\n"],
    ["2", "cGFydCAy"],
    ["3.HEADER", "Subject: third\r\nContent-Type: multipart/mixed; boundary=B\r\n\r\n"],
    ["3.MIME", "Content-Type: message/rfc822\r\n\r\n"],
    ["3.HEADER.FIELDS (Subject)", "Subject: third\r\n\r\n"],
    ["3.1", "part 3.1"],
    ["3.1.MIME", "\r\n"],
    ["3.2", "part 3.2"],
    ["4.MIME", "Content-Type: multipart/mixed; boundary=C\r\n\r\n"],
    ["4.1", "part 4.1"],
    ["4.2.HEADER", "Subject: fourth\r\nContent-Type: multipart/mixed; boundary=D\r\n\r\n"],
    ["4.2.1", "part 4.2.1"],
    ["4.2.2.1", "part 4.2.2.1"],
    ["4.2.2.2", "part 4.2.2.2"],
    ["5", null], ["1.1", null], ["1.HEADER", null], ["1.TEXT", null], ["4.HEADER", null], ["3.3", null], ["4.2.2.2.1", null], ["2.1", null],
  ];
  for (const [section, octets] of cases) test(section, () => assert.equal(octetsOf(section), octets));
  test("TEXT and the whole", () => {
    assert.equal(octetsOf(""), content.toString());
    assert.equal(`${octetsOf("HEADER")}${octetsOf("TEXT")}`, content.toString());
    assert.equal(`${octetsOf("3.HEADER")}${octetsOf("3.TEXT")}`, octetsOf("3"));
  });
  test("a message that is no multipart has one part, itself", () => {
    const single = Buffer.from("Subject: x\r\n\r\nbody\r\n");
    assert.equal(octetsOf("1", single), "body\r\n");
    assert.equal(octetsOf("1.MIME", single), "Subject: x\r\n\r\n");
    for (const section of ["2", "1.1", "1.HEADER", "1.TEXT"]) assert.equal(octetsOf(section, single), null, section);
  });
  test("whole parts are the content's own memory", () => {
    for (const section of ["", "1", "TEXT", "4.2.2"]) assert.equal(sectionOctets(content, parseMessage(content), sectionOf(section))!.buffer, content.buffer);
  });
});

describe("RFC 9051 section 6.4.5, partial fetches", () => {
  const octets = Buffer.from("0123456789");
  const cases: readonly (readonly [offset: number, count: number, part: string])[] = [[0, 4, "0123"], [8, 5, "89"], [10, 1, ""], [99, 1, ""], [0, Number.MAX_SAFE_INTEGER, "0123456789"], [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, ""]];
  for (const [offset, count, part] of cases) test(`<${offset}.${count}>`, () => assert.equal(partialOctets(octets, { offset, count }).toString(), part));
});

describe("RFC 3516, BINARY", () => {
  const binary = (...numbers: number[]) => binaryOctets(content, parseMessage(content), numbers);
  test("the encoding is undone", () => assert.deepEqual(binary(2), { kind: "octets", octets: Buffer.from("part 2") }));
  test("the whole message and messages inside are as they are", () => {
    assert.deepEqual(binary(), { kind: "octets", octets: content });
    assert.equal(binary(3).kind, "octets");
  });
  test("no such part", () => assert.deepEqual(binary(9), { kind: "absent" }));
  test("section 4.3: an encoding nobody knows", () => assert.deepEqual(binary(3, 2), { kind: "unknown-encoding" }));
});
