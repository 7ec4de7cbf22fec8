import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { bodyCanonicalizer } from "./canonical-body.ts";
import type { CanonicalizationName } from "./canonical-header.ts";
import { canonicalBlockOctets } from "./limits.ts";

function canonical(chunks: readonly Buffer[], name: CanonicalizationName): string {
  const out: Buffer[] = [];
  const canonicalizer = bodyCanonicalizer(name, (octets) => out.push(Buffer.from(octets)));
  for (const chunk of chunks) canonicalizer.push(chunk);
  canonicalizer.end();
  return Buffer.concat(out).toString("latin1");
}
/** The same said by the words of RFC 6376 section 3.4, over the whole body. */
function asTheRfcSays(body: string, name: CanonicalizationName): string {
  let text = body;
  if (name === "relaxed") text = text.split("\r\n").map((line) => line.replace(/[ \t]+/g, " ").replace(/ $(?![^])/, "")).join("\r\n");
  while (text.endsWith("\r\n")) text = text.slice(0, -2);
  if (text === "") return name === "simple" ? "\r\n" : "";
  return `${text}\r\n`;
}

const NAMES = ["simple", "relaxed"] as const;
describe("RFC 6376 section 3.4.3 and 3.4.4", () => {
  const cases: readonly (readonly [what: string, body: string, simple: string, relaxed: string])[] = [
    ["the example of section 3.4.5", " C \r\nD \t E\r\n\r\n\r\n", " C \r\nD \t E\r\n", " C\r\nD E\r\n"],
    ["an empty body", "", "\r\n", ""],
    ["only line ends", "\r\n\r\n\r\n", "\r\n", ""],
    ["a line of blanks", " \t\r\n", " \t\r\n", ""],
    ["blanks without a line end", " \t", " \t\r\n", ""],
    ["no line end", "a", "a\r\n", "a\r\n"],
    ["a CR at the end", "a\r", "a\r\r\n", "a\r\r\n"],
    ["blanks and a CR at the end", "a \r", "a \r\r\n", "a \r\r\n"],
    ["only a CR", "\r", "\r\r\n", "\r\r\n"],
    ["an LF alone ends no line", "a \nb\n\n", "a \nb\n\n\r\n", "a \nb\n\n\r\n"],
    ["a CR alone ends no line", "a \r b\r\r\n", "a \r b\r\r\n", "a \r b\r\r\n"],
    ["empty lines in the middle", "a\r\n\r\n\r\nb\r\n", "a\r\n\r\n\r\nb\r\n", "a\r\n\r\n\r\nb\r\n"],
    ["lines of blanks at the end", "a\r\n \r\n\t\r\n", "a\r\n \r\n\t\r\n", "a\r\n"],
    ["a tab", "a\tb\r\n", "a\tb\r\n", "a b\r\n"],
    ["no-break space in latin1 and NUL are no blanks", "a\xa0\xa0\0 \0\r\n", "a\xa0\xa0\0 \0\r\n", "a\xa0\xa0\0 \0\r\n"],
  ];
  for (const [what, body, simple, relaxed] of cases) {
    test(what, () => {
      const octets = Buffer.from(body, "latin1");
      for (const [name, expected] of [["simple", simple], ["relaxed", relaxed]] as const) {
        assert.equal(canonical([octets], name), expected, name);
        assert.equal(canonical([...octets].map((octet) => Buffer.from([octet])), name), expected, `${name}, octet by octet`);
        assert.equal(asTheRfcSays(body, name), expected, `${name}, in words`);
      }
    });
  }

  const pieces = fc.array(fc.oneof({ weight: 6, arbitrary: fc.constantFrom(" ", "\t", "\r", "\n", "\r\n", "\r\n\r\n", " \r\n", "a", "bc", "\0", "\xff") }, fc.string({ maxLength: 3 })), { maxLength: 40 });
  for (const name of NAMES) {
    test(`${name}: any body in any chunks is what the whole body is`, () => {
      fc.assert(fc.property(pieces, fc.array(fc.nat(12), { maxLength: 60 }), (parts, sizes) => {
        const body = parts.join("").replace(/[^\0-\xff]/g, "?");
        const octets = Buffer.from(body, "latin1");
        const chunks: Buffer[] = [];
        let at = 0;
        for (const size of sizes) chunks.push(octets.subarray(at, (at += size)));
        chunks.push(octets.subarray(at));
        assert.equal(canonical(chunks, name), asTheRfcSays(body, name));
      }), { numRuns: 3000 });
    });
  }

  test("nothing is lost where blocks meet", () => {
    for (const filler of ["x", " ", "\t x", "\r\n", " \r\n", "a  b\t\tc \r\n"]) {
      for (const end of [" \r\n", "\r\n\r\n", "  \r", "q", "\t"]) {
        for (let shift = 0; shift < 4; shift++) {
          const body = `${filler.repeat(canonicalBlockOctets / filler.length).slice(shift)}${end}${filler.repeat(300)}z${end}`;
          for (const name of NAMES) assert.equal(canonical([Buffer.from(body)], name), asTheRfcSays(body, name), JSON.stringify([filler, end, shift, name]));
        }
      }
    }
  });
});
