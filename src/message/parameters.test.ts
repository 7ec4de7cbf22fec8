import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { parametersMax } from "./limits.ts";
import { parseMessage } from "./message.ts";
import { parseContentDisposition, parseContentType } from "./parameters.ts";
import { fileNameOf } from "./text.ts";

const latin1 = (text: string): string => Buffer.from(text, "utf8").toString("latin1");
type Row = readonly [text: string, type: string | null, params?: Readonly<Record<string, string>>, wire?: Readonly<Record<string, string>>];

describe("RFC 2045 section 5.1: Content-Type", () => {
  const rows: readonly Row[] = [
    ["text/plain; charset=us-ascii", "text/plain", { charset: "us-ascii" }],
    ["Text/HTML;Charset=\"UTF-8\"", "text/html", { charset: "UTF-8" }],
    ["text/plain (a comment (in one)) ; charset (x) = (y) utf-8 (z); format=flowed", "text/plain", { charset: "utf-8", format: "flowed" }],
    ["text / plain", "text/plain"],
    ["text/plain;", "text/plain"],
    ["text/plain;;; charset=a;", "text/plain", { charset: "a" }],
    ["text/plain charset=a", "text/plain", { charset: "a" }],
    ["text/plain; charset=a format=flowed", "text/plain", { charset: "a", format: "flowed" }],
    ["text/plain; charset=a; charset=b", "text/plain", { charset: "a" }],
    ["application/pdf; name=My file (1).pdf", "application/pdf", { name: "My file" }],
    ["application/pdf; name=My file.pdf; x=y", "application/pdf", { name: "My file.pdf", x: "y" }],
    ['application/pdf; name="a;b=c\\"d\\\\e"', "application/pdf", { name: 'a;b=c"d\\e' }],
    ['application/pdf; name="C:\\dir\\f.pdf"', "application/pdf", { name: "C:\\dir\\f.pdf" }],
    ['application/pdf; name="never ends', "application/pdf", { name: "never ends" }],
    [latin1("application/pdf; name=\"便り.pdf\""), "application/pdf", { name: "便り.pdf" }],
    ["text; charset=a", "text/plain", { charset: "a" }],
    ["text/plain>", "text/plain"],
    ["text/plain; =a; b; c=d", "text/plain", { c: "d" }],
    ["text/plain; a=", "text/plain", { a: "" }],
    ["", null], ["/plain", null], ["text/", null], ["pdf", null], ["(unclosed", null], [";;", null],
  ];
  for (const [text, type, params] of rows) {
    test(JSON.stringify(text), () => {
      const parsed = parseContentType(text);
      assert.equal(parsed === null ? null : `${parsed.type}/${parsed.subtype}`, type);
      if (parsed !== null) assert.deepEqual(Object.fromEntries(parsed.params), params ?? {});
    });
  }
});

describe("RFC 2231 section 3 and 4: continuations and charsets", () => {
  const rows: readonly Row[] = [
    ["attachment; filename*0=a; filename*1=b; filename*2=\"c d\"", "attachment", { filename: "abc d" }, { filename: "abc d" }],
    ["attachment; filename*2=c; filename*0=a; filename*1=b", "attachment", { filename: "abc" }],
    ["attachment; filename*0=a; filename*2=c", "attachment", { filename: "a" }],
    ["attachment; filename*=utf-8'ja'%E4%BE%BF%E3%82%8A.txt", "attachment", { filename: "便り.txt" }, { "filename*": "utf-8'ja'%E4%BE%BF%E3%82%8A.txt" }],
    ["attachment; filename*=iso-2022-jp''%1B%24BJX%24j%1B%28B", "attachment", { filename: "便り" }],
    ["attachment; filename*0*=utf-8''%E4%BE; filename*1*=%BF; filename*2=\"a%41 b\"", "attachment", { filename: "便a%41 b" }, { "filename*": "utf-8''%E4%BE%BFa%2541%20b" }],
    ["attachment; filename=plain; filename*=utf-8''better", "attachment", { filename: "better" }],
    ["attachment; filename*=no-charset", "attachment", { filename: "no-charset" }],
    ["attachment; filename*=utf-8''%zz%E4", "attachment", { filename: "%zz\ufffd" }],
    ["attachment; filename*0=a; filename*0=b", "attachment", { filename: "a" }],
    ["attachment; filename*x=a; *=b; **=c", "attachment", { "filename*x": "a", "*": "b", "**": "c" }],
    ["inline", "inline"],
    ["", null],
  ];
  for (const [text, type, params, wire] of rows) {
    test(JSON.stringify(text), () => {
      const parsed = parseContentDisposition(text);
      assert.equal(parsed?.type ?? null, type);
      if (parsed !== null) assert.deepEqual(Object.fromEntries(parsed.params), params ?? {});
      if (wire !== undefined) assert.deepEqual(Object.fromEntries(parsed!.wireParams), wire);
    });
  }
});

test("at most as many parameters as the limit says", () => {
  const text = (count: number): string => `text/plain${Array.from({ length: count }, (_, i) => `; p${i}=x`).join("")}`;
  assert.equal(parseContentType(text(parametersMax))!.params.size, parametersMax);
  assert.equal(parseContentType(text(parametersMax + 1))!.params.size, parametersMax);
});

test("file names: disposition first, then the older name, encoded words decoded", () => {
  const nameOf = (header: string): string | null => fileNameOf(parseMessage(Buffer.from(`${header}\n\n`)));
  assert.equal(nameOf('Content-Disposition: attachment; filename="=?ISO-2022-JP?B?GyRCSlgkahsoQg==?="'), "便り");
  assert.equal(nameOf('Content-Type: image/png; name="=?utf-8?Q?a=20b?= =?utf-8?Q?c?="'), "a bc");
  assert.equal(nameOf("Content-Type: image/png; name=a\nContent-Disposition: inline; filename=b"), "b");
  assert.equal(nameOf("Content-Type: image/png"), null);
});

test("property: any text is read without an exception", () => {
  const piece = fc.constantFrom(";", "=", '"', "\\", "*", "'", "(", ")", " ", "/", "a", "name", "*0*", "*1", "%41", "utf-8''", "\n", "\xe9", "\0");
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
      for (const params of [parseContentType(`text/plain;${pieces.join("")}`), parseContentType(pieces.join("")), parseContentDisposition(pieces.join(""))]) {
        if (params === null) continue;
        assert.equal(params.params.size, params.wireParams.length);
        for (const [name] of params.params) assert.equal(name, name.toLowerCase());
      }
    }),
  );
});
