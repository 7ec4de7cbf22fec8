import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { decodeCharset, decodeRawText } from "./charset.ts";
import { decodeTransferEncoding, encodeBase64, encodeQuotedPrintable } from "./transfer-encoding.ts";

const octets = (text: string): Buffer => Buffer.from(text, "latin1");

describe("charsets", () => {
  const cases: readonly (readonly [label: string, octets: string, text: string])[] = [
    ["utf-8", "\xe4\xbe\xbf\xe3\x82\x8a", "便り"],
    ["UTF8", "\xe4\xbe\xbf", "便"],
    ["us-ascii", "plain", "plain"],
    ["us-ascii", "\xe4\xbe\xbf", "便"],
    ["us-ascii", "caf\xe9", "café"],
    ["", "\x1b$BJX$j\x1b(B", "便り"],
    ["iso-8859-1", "\x93x\x94", "“x”"],
    ["iso-8859-15", "\xa4", "€"],
    ["iso-2022-jp", "\x1b$BJX$j\x1b(B!", "便り!"],
    ["ISO-2022-JP-MS", "\x1b$B-!\x1b(B", "①"],
    ["iso-2022-jp", "\x1b(I1\x1b(B", "ｱ"],
    ["iso-2022-jp", "\x82\xa0\x82\xa2", "あい"],
    ["cp932", "\x87\x40", "①"],
    ["Shift_JIS", "\x95\xd6\x82\xe8", "便り"],
    ["windows-31j", "\xfb\xfc", "髙"],
    ["x-sjis", "\xb1", "ｱ"],
    ["eucJP-ms", "\xca\xd8\xa4\xea", "便り"],
    ["gb2312", "\xc4\xe3\xba\xc3", "你好"],
    ["hz-gb-2312", "~{<:Ky2;S{~}~~ok~\n!", "己所不欲~ok!"],
    ["big5", "\xa7\x41\xa6\x6e", "你好"],
    ["cp949", "\xc7\xd1", "한"],
    ["iso-2022-kr", "\x1b$)C\x0eGQ\x0f!", "한!"],
    ["utf-7", "Hi Mom -+Jjo--+-!", "Hi Mom -☺-+!"],
    ["utf-7", "+ZeVnLIqe-", "日本語"],
    ["utf-7", "+2D3cqQ-", "\ud83d\udca9"],
    ["utf-7", "+2D0-x+", "\ufffdx"],
    ["utf-7", "\xe9+AGE", "\ufffda"],
    ["utf-16", "\x00a\x4f\xbf", "a便"],
    ["utf-16", "\xff\xfea\x00", "a"],
    ["utf-8", "\xe4\xbe", "\ufffd"],
    ["no-such-charset", "\xe4\xbe\xbf", "便"],
    ["unknown-8bit", "\xca\xd8\xa4\xea", "便り"],
    ["unknown-8bit", "d\xe9j\xe0 vu", "déjà vu"],
  ];
  for (const [label, bytes, text] of cases) test(`${label} ${JSON.stringify(bytes)}`, () => assert.equal(decodeCharset(octets(bytes), label), text));

  test("any octets in any charset give text", () => {
    const label = fc.oneof(fc.string({ maxLength: 20 }), fc.constantFrom("utf-7", "hz", "iso-2022-kr", "iso-2022-jp", "cp932", "utf-16", "us-ascii", "euc-kr", "x-user-defined", "replacement", "__proto__"));
    fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), label, (bytes, name) => assert.ok(decodeCharset(bytes, name).isWellFormed())));
    fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => assert.equal(decodeRawText(Buffer.from(text)), text.includes("\x1b$") ? decodeRawText(Buffer.from(text)) : text)));
  });
});

describe("RFC 2045 section 6.7: quoted-printable", () => {
  const cases: readonly (readonly [text: string, decoded: string])[] = [
    ["a=3Db=e9=E9", "a=b\xe9\xe9"],
    ["a=\r\nb=\nc", "abc"],
    ["a= \t\r\nb", "ab"],
    ["a  \r\nb\t\nc ", "a\r\nb\nc "],
    ["a=20\r\nb=20 \r\n", "a \r\nb \r\n"],
    ["a=0D=0A \r\n", "a\r\n\r\n"],
    ["=", ""], ["a=", "a"], ["=4", "=4"], ["=zz=3", "=zz=3"], ["==41", "=A"], ["=\rx", "=\rx"],
    ["\xe9=FF\0", "\xe9\xff\0"],
    ["a\r\n\r\n  \r\nb", "a\r\n\r\n\r\nb"],
  ];
  for (const [text, decoded] of cases) test(JSON.stringify(text), () => assert.equal(decodeTransferEncoding(octets(text), "Quoted-Printable").toString("latin1"), decoded));
});

describe("RFC 2045 section 6.8: base64", () => {
  const cases: readonly (readonly [text: string, decoded: string])[] = [
    ["QUJD", "ABC"], ["QUI=", "AB"], ["QQ==", "A"], ["QUI", "AB"], ["QU\r\n JD\r\n", "ABC"], ["Q!U*J%D", "ABC"], ["Q-U_J.D", "ABC"], ["QQ==QUI=", "AAB"], ["QQ==\r\nQUI=\r\n", "AAB"], ["=QUJD", "ABC"], ["", ""], ["====", ""], ["Q", ""],
  ];
  for (const [text, decoded] of cases) test(JSON.stringify(text), () => assert.equal(decodeTransferEncoding(octets(text), "BASE64").toString("latin1"), decoded));
});

test("uuencode", () => {
  assert.equal(decodeTransferEncoding(octets("junk\nbegin 644 a.txt\n#0V%T\n`\nend\n"), "x-uuencode").toString(), "Cat");
  assert.equal(decodeTransferEncoding(octets("begin 644 a.txt\r\n$0V%T(0``\r\n`\r\nend\r\n"), "x-uue").toString(), "Cat!");
  assert.equal(decodeTransferEncoding(octets("nothing"), "uuencode").toString(), "nothing");
});

test("other encodings give the same octets, not a copy", () => {
  const bytes = octets("a=41\xff");
  for (const encoding of ["7bit", "8bit", "binary", "x-unknown", ""]) assert.equal(decodeTransferEncoding(bytes, encoding), bytes);
});

test("property: what is written is decoded again", () => {
  const line = fc.string({ unit: fc.constantFrom("a", " ", "\t", "=", ".", "é", "便", "\u0001", "\r\n"), maxLength: 400 });
  fc.assert(
    fc.property(line, (text) => {
      const encoded = encodeQuotedPrintable(Buffer.from(text));
      assert.equal(decodeTransferEncoding(octets(encoded), "quoted-printable").toString(), text);
      for (const written of encoded.split("\r\n")) assert.match(written, /^[\x20-\x7e\t]{0,76}$/);
      assert.doesNotMatch(encoded, /[ \t](?:\r\n|$)/);
    }),
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      const encoded = encodeBase64(bytes);
      assert.deepEqual(new Uint8Array(decodeTransferEncoding(octets(encoded), "base64")), bytes);
      assert.match(encoded, /^(?:[A-Za-z0-9+/=]{1,76}\r\n)*$/);
      for (const encoding of ["base64", "quoted-printable", "x-uuencode"]) assert.ok(decodeTransferEncoding(Buffer.from(bytes), encoding).length <= bytes.length);
    }),
  );
});

test("decoding is linear", () => {
  for (const [encoding, text] of [["quoted-printable", "= "], ["quoted-printable", "=\r"], ["quoted-printable", " "], ["quoted-printable", " \n"], ["base64", "="], ["base64", "A="], ["base64", "!"], ["base64", `${" ".repeat(4095)}!`], ["x-uuencode", "\nbegin "]] as const) {
    const bytes = Buffer.alloc(4 << 20, text);
    const before = performance.now();
    decodeTransferEncoding(bytes, encoding);
    assert.ok(performance.now() - before < 3000, `${encoding} ${JSON.stringify(text)}`);
  }
});
