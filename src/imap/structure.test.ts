import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { parseMessage } from "../message/message.ts";
import { assertBody, assertEnvelope, readValue } from "./structure.contract.ts";
import { writeBodyStructure } from "./write-body-structure.ts";
import { writeEnvelope } from "./write-envelope.ts";

const crlf = (lines: readonly string[]): Buffer => Buffer.from(lines.join("\r\n"), "latin1");
const envelope = (lines: readonly string[]): string => {
  const content = crlf(lines);
  return writeEnvelope(content, parseMessage(content)).toString("latin1");
};
const structure = (lines: readonly string[], extended = true): string => {
  const content = crlf(lines);
  return writeBodyStructure(content, parseMessage(content), extended).toString("latin1");
};

describe("RFC 9051 section 7.5.2, ENVELOPE", () => {
  test("the example of section 8", () => {
    assert.equal(envelope([
      "Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)", "From: Terry Gray <gray@cac.washington.edu>", "Subject: IMAP4rev2 WG mtg summary and minutes", "To: imap@cac.washington.edu",
      "cc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>", "Message-Id: <B27397-0100000@cac.washington.ed>", "MIME-Version: 1.0", "Content-Type: TEXT/PLAIN; CHARSET=US-ASCII", "", "",
    ]), '("Wed, 17 Jul 1996 02:23:25 -0700 (PDT)" "IMAP4rev2 WG mtg summary and minutes" (("Terry Gray" NIL "gray" "cac.washington.edu")) (("Terry Gray" NIL "gray" "cac.washington.edu")) '
      + '(("Terry Gray" NIL "gray" "cac.washington.edu")) ((NIL NIL "imap" "cac.washington.edu")) ((NIL NIL "minutes" "CNRI.Reston.VA.US")("John Klensin" NIL "KLENSIN" "MIT.EDU")) NIL NIL "<B27397-0100000@cac.washington.ed>")');
  });
  test("an empty message has nothing", () => assert.equal(envelope(["", ""]), "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)"));
  test("absent and empty fields differ", () => assert.match(envelope(["Subject:", "", ""]), /^\(NIL "" NIL /));
  test("groups", () => {
    assert.match(envelope(["To: A Group: Ed Jones <joe@where.test>, john@there.test;", "", ""]), / \(\(NIL NIL "A Group" NIL\)\("Ed Jones" NIL "joe" "where\.test"\)\(NIL NIL "john" "there\.test"\)\(NIL NIL NIL NIL\)\) /);
  });
  test("quotes are escaped", () => assert.match(envelope(['Subject: a "b" \\c', "", ""]), /^\(NIL "a \\"b\\" \\\\c" /));
  test("raw UTF-8 is a literal, so that no client is sent an 8-bit quoted string", () => {
    const octets = Buffer.from("Subject: Grüße\r\n\r\n", "utf8");
    assert.equal(writeEnvelope(octets, parseMessage(octets)).toString("utf8"), "(NIL {7}\r\nGrüße NIL NIL NIL NIL NIL NIL NIL NIL)");
  });
});

describe("RFC 9051 section 7.5.2, BODYSTRUCTURE", () => {
  test("no Content-Type is plain text", () => {
    assert.equal(structure(["Subject: x", "", "line 1", "line 2", ""], false), '("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 16 2)');
    assert.equal(structure(["Subject: x", "", "line 1", "line 2", ""]), '("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 16 2 NIL NIL NIL NIL)');
  });
  test("all fields of one part", () => {
    assert.equal(structure([
      "Content-Type: application/pdf; name=\"a b.pdf\"; x=1", "Content-Transfer-Encoding: BASE64", "Content-ID: <1@x.test>", "Content-Description: A \"paper\"", "Content-MD5: Q2hlY2sgSW50ZWdyaXR5IQ==",
      "Content-Disposition: Attachment; filename=\"a b.pdf\"; size=3", "Content-Language: de, en", "Content-Location: http://x.test/", "", "AAAA", "",
    ]), '("application" "pdf" ("name" "a b.pdf" "x" "1") "<1@x.test>" "A \\"paper\\"" "base64" 6 "Q2hlY2sgSW50ZWdyaXR5IQ==" ("attachment" ("filename" "a b.pdf" "size" "3")) ("de" "en") "http://x.test/")');
  });
  const multipart = ["Content-Type: multipart/mixed; boundary=b", "", "--b", "", "one", "", "--b", "Content-Type: message/rfc822", "", "Subject: inner", "", "two", "", "--b--", ""];
  test("a multipart with a message inside", () => {
    assert.equal(structure(multipart, false), '(("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 5 1)("message" "rfc822" NIL NIL NIL "7bit" 23 (NIL "inner" NIL NIL NIL NIL NIL NIL NIL NIL) '
      + '("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 5 1) 3) "mixed")');
    assert.equal(structure(["Content-Type: multipart/mixed; boundary=b; x=y", "Content-Language: fr", ...multipart.slice(1, 6), "--b--", ""]),
      '(("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 5 1 NIL NIL NIL NIL) "mixed" ("boundary" "b" "x" "y") NIL "fr" NIL)');
  });
  test("RFC 2231 names stay as they are", () => {
    assert.match(structure(["Content-Type: text/plain", "Content-Disposition: attachment; filename*=utf-8''%E4%BE%BF", "", ""]), /\("attachment" \("filename\*" "utf-8''%E4%BE%BF"\)\)/);
  });
  test("what calls itself multipart or message without being one is still legal", () => {
    for (const lines of [
      ["Content-Type: multipart/mixed; boundary=b", "", "no delimiter"], ["Content-Type: multipart/mixed", "", "no boundary"], ["Content-Type: multipart/alternative; boundary=b", "", "--b--", ""],
      ["Content-Type: message/rfc822", "Content-Transfer-Encoding: base64", "", "AAAA"], ["Content-Type: message/rfc822", "", ""], ["Content-Type: \"\"/", "", ""], [],
    ]) for (const extended of [true, false]) assertBody(readValue(Buffer.from(structure(lines, extended), "latin1")), extended);
  });
  test("8-bit and control octets in parameters are literals", () => {
    assertBody(readValue(Buffer.from(structure(["Content-Type: text/plain; name=\"\xe9\0\x01\"", "Content-Description: \xff", "", "x"]), "latin1")), true);
  });
});

test("any octets give a legal envelope and a legal structure", () => {
  const line = fc.oneof(
    fc.constantFrom("Content-Type: multipart/mixed; boundary=b", "Content-Type: message/rfc822", "Content-Type: text/html; charset=\"x\"", "Content-Disposition: inline; filename=x", "--b", "--b--", "", "From: a <b@c>, d:;",
      "To: \"x", "Subject: \xe9", "Content-Language: a, b", "Content-Type: a/b; c*0=d; c*1*=%41", "Content-Transfer-Encoding: base64", " folded", "Content-MD5: \0"),
    fc.string({ unit: "binary", maxLength: 20 }),
  );
  fc.assert(fc.property(fc.array(line, { maxLength: 25 }), (lines) => {
    const content = Buffer.from(lines.join("\r\n"), "latin1");
    const message = parseMessage(content);
    assertEnvelope(readValue(writeEnvelope(content, message)));
    for (const extended of [true, false]) assertBody(readValue(writeBodyStructure(content, message, extended)), extended);
  }), { numRuns: 500 });
});
