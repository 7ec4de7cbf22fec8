import assert from "node:assert/strict";
import { test } from "node:test";
import { isWithin, questionName } from "./question-name.ts";

const label = "a".repeat(63);
const cases: readonly (readonly [text: string, name: string | null])[] = [
  ["Mail.Example.TEST.", "mail.example.test"],
  ["_dmarc.example.test", "_dmarc.example.test"],
  [`${label}.test`, `${label}.test`],
  [`a${label}.test`, null],
  [`${label}.${label}.${label}.${"a".repeat(61)}`, `${label}.${label}.${label}.${"a".repeat(61)}`],
  [`${label}.${label}.${label}.${"a".repeat(62)}`, null],
  ["", null],
  [".", null],
  ["a..b", null],
  [".a", null],
  ["a..", null],
  ["a b@c.test", "a b@c.test"],
  ["a\\046b.test", "a\\\\046b.test"],
  ["caf\u00e9.test", null],
  ["a\tb.test", null],
];
test("names fit for a question", () => {
  for (const [text, name] of cases) assert.equal(questionName(text), name, text);
});
test("below a domain", () => {
  assert.equal(isWithin("a.test", "a.test"), true);
  assert.equal(isWithin("b.a.test", "a.test"), true);
  assert.equal(isWithin("ba.test", "a.test"), false);
  assert.equal(isWithin("test", "a.test"), false);
});
