import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { parseMessage } from "./message.ts";
import { textOfHtml, textOfPart } from "./text.ts";

describe("text of parts", () => {
  const cases: readonly (readonly [what: string, header: string, body: string, text: string])[] = [
    ["base64 and a charset", "Content-Type: text/plain; charset=iso-2022-jp\nContent-Transfer-Encoding: base64", "GyRCSlgkahsoQg==", "便り"],
    ["quoted-printable", "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable", "=E4=BE=BF=\n=E3=82=8A", "便り"],
    ["no header", "", "便り", "便り"],
    ["no charset, HTML that names one", "Content-Type: text/html", '<meta charset="shift_jis">\x95\xd6\x82\xe8', '<meta charset="shift_jis">便り'],
    ["other types", "Content-Type: image/png", "x", ""],
    ["a multipart without a boundary", "Content-Type: multipart/mixed", "x", "x"],
    ["a message inside", "Content-Type: message/rfc822", "A: b\n\nx", ""],
  ];
  for (const [what, header, body, text] of cases) {
    test(what, () => {
      const octets = body.includes("\x95") ? Buffer.from(body, "latin1") : Buffer.from(body, "utf8");
      const content = Buffer.concat([Buffer.from(`${header}\n\n`.replace(/^\n/, "")), octets]);
      assert.equal(textOfPart(content, parseMessage(content)), text);
    });
  }
  test("no more octets than asked for", () => {
    const content = Buffer.from("\nabcdef");
    assert.equal(textOfPart(content, parseMessage(content), 3), "abc");
  });
});

describe("text of HTML", () => {
  const cases: readonly (readonly [html: string, text: string])[] = [
    ["<p>Hello <b>w</b>orld</p><p>again</p>", "Hello world\nagain"],
    ["a<br>b<div>c</div>d", "a\nb\nc\nd"],
    ["<table><tr><td>a<td>b</tr></table>", "a b"],
    ["<style>p{}</style>x<script>if (a<b) '</p>'</script >y<!-- <p>no</p> -->z", "xyz"],
    ["<html><head><title>t</title><meta x><body>b", "b"],
    ["<head><title>never closed<body class=x>b", "b"],
    ['<a href="a>b" title=\'>\'>x</a>', "x"],
    ["<A\nHREF = \"x>\">y</A\n>", "y"],
    ["1 < 2 && 3 > 2 <3", "1 < 2 && 3 > 2 <3"],
    ["&lt;p&gt; &amp;amp; &#20415;&#x308A; &copy &nbsp;x&unknown; &#0; &#xD800;", "<p> &amp; 便り © x&unknown; \ufffd \ufffd"],
    ["  a \n\n b\t c ", "a\nb c"],
    ["<script>never closed", ""], ["<!-- never closed", ""], ["x<p", "x"], ["x<", "x<"], ["<p title=\"", ""], ["", ""],
    ["<!DOCTYPE html><?xml x?>a", "a"],
    ["<script/>x", "x"],
  ];
  for (const [html, text] of cases) test(JSON.stringify(html), () => assert.equal(textOfHtml(html), text));

  test("any text in linear time without an exception", () => {
    const piece = fc.constantFrom("<", ">", "<p", "</", "<script>", "</script>", "<!--", "-->", '"', "'", "=", "&", "#", ";", "amp", "a", " ", "\n", "İ");
    fc.assert(fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => assert.equal(typeof textOfHtml(pieces.join("")), "string")));
    for (const text of ["<", "<a ", "<!", "<!--", "<script>", "</script", "<a b='", "<a b=", "&", "&#1", "<p>", " \n", "\n ", "<head>", "<b>x</b>", " "]) {
      const before = performance.now();
      textOfHtml(text.repeat(2e5));
      assert.ok(performance.now() - before < 3000, text);
    }
  });
});
