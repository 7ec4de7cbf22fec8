import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { envelopeOf } from "./envelope.ts";
import { fieldsNamed, headerBlock, selectHeaderFields } from "./header-fields.ts";
import { parseMessage } from "./message.ts";
import { assertTree } from "./part.contract.ts";
import type { MessagePart } from "./part.ts";
import { fileNameOf, textOfHtml, textOfPart } from "./text.ts";
import { countReceived } from "./trace.ts";

const piece = fc.constantFrom(
  "\r\n", "\n", "\n\n", "\r", "--", "--a", "--a--", "--ab", "--ab--", "a", ":", " ", "\t", "\0", "\xe9", "text", "From ", "Subject: x\n", "Received: x\n", "received:y\r\n",
  "Content-Type: multipart/mixed; boundary=a\n", "Content-Type: multipart/digest; boundary=ab\r\n", "Content-Type: message/rfc822\n", "Content-Type: message/rfc822\n\n",
  "Content-Type: text/html;\n charset=utf-7\n", "Content-Transfer-Encoding: base64\n", "Content-Type: multipart/alternative; boundary=\"a--\"\n\n", "\n--a\n\n", "\n--ab\n", "\n--a--\n",
);
const mail = fc.array(piece, { maxLength: 60 }).map((pieces) => Buffer.from(pieces.join(""), "latin1"));
const octets = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));

function visit(content: Buffer, part: MessagePart): void {
  envelopeOf(content, part);
  fileNameOf(part);
  textOfHtml(textOfPart(content, part));
  const all = selectHeaderFields(content, part, new Set(), true);
  assert.ok(all.length >= 2 && (part.octets === 0 || headerBlock(content, part).subarray(-1).toString() === "\n"));
  for (const child of part.message === null ? part.children : [part.message]) visit(content, child);
}

test("property: any octets give a tree within limits, and everything in it can be read", () => {
  fc.assert(
    fc.property(fc.oneof({ weight: 5, arbitrary: mail }, octets), (content) => {
      const part = parseMessage(content);
      assertTree(content, part);
      visit(content, part);
      if (part.fields[0]?.start === 0) assert.equal(countReceived(content), fieldsNamed(part, "Received").length);
    }),
    { numRuns: 1500 },
  );
});

test("property: small limits hold for any octets", () => {
  const limits = { depthMax: 3, partsMax: 5, fieldsMax: 4, headerOctetsMax: 60 };
  fc.assert(fc.property(mail, (content) => assertTree(content, parseMessage(content, limits), limits)), { numRuns: 1500 });
});

/** Another reading of RFC 2046, one line at a time and with no cleverness, for multiparts with one level. */
function bodiesByLine(content: string, boundary: string): string[] {
  const bodies: string[] = [];
  let current: string[] | null = null;
  for (const line of content.split(/(?<=\n)/)) {
    const bare = line.replace(/[\s]+$/, "");
    if (bare === `--${boundary}` || bare === `--${boundary}--`) {
      if (current !== null) bodies.push(current.join("").replace(/\r?\n$/, ""));
      if (bare.endsWith(`${boundary}--`)) return bodies;
      current = [];
    } else current?.push(line);
  }
  if (current !== null) bodies.push(current.join(""));
  return bodies;
}

test("property: the parts are those a walk by lines finds", () => {
  const line = fc.constantFrom("--a", "--a--", "--aa", "--ab--", "-a", "--a x", "text", "", "--", " --a", "--a \t", "--a-- ");
  const end = fc.constantFrom("\n", "\r\n");
  fc.assert(
    fc.property(fc.array(fc.tuple(line, end), { maxLength: 40 }), (lines) => {
      // Each part begins with an empty line, so its header is empty and its body is all that follows.
      const text = lines.map(([written, lineEnd]) => (/^--a\s*$/.test(written) ? `${written}${lineEnd}\n` : written + lineEnd)).join("");
      const header = "Content-Type: multipart/mixed; boundary=a\n\n";
      const content = Buffer.from(header + text);
      const part = parseMessage(content);
      assert.deepEqual(
        part.children.map((child) => content.toString("latin1", child.header.start, child.body.end).replace(/^\n/, "")),
        bodiesByLine(text, "a").map((found) => found.replace(/^\n/, "")),
      );
    }),
    { numRuns: 1000 },
  );
});
