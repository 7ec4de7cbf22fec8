import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { parseDate, parseDateTime, writeDateTime } from "./date-time.ts";
import { ResponseWriter } from "./response-writer.ts";

const written = (ms: number): string => writeDateTime(new ResponseWriter(), ms).take().toString("latin1");

describe("RFC 9051 section 9, date-time and date", () => {
  test("reads zones", () => {
    assert.equal(parseDateTime("17-Jul-1996 02:44:25 -0700"), Date.UTC(1996, 6, 17, 9, 44, 25));
    assert.equal(parseDateTime(" 1-feb-2024 00:00:00 +0530"), Date.UTC(2024, 0, 31, 18, 30));
    assert.equal(parseDateTime("29-Feb-2024 23:59:60 +0000"), Date.UTC(2024, 1, 29, 23, 59, 59));
    assert.equal(parseDateTime("01-Jan-0099 00:00:00 +0000"), new Date("0099-01-01T00:00:00Z").getTime());
  });
  for (const text of ["", "31-Feb-2024 00:00:00 +0000", "00-Jan-2024 00:00:00 +0000", "1-Jan-2024 00:00:00 +0000", "01-Foo-2024 00:00:00 +0000", "01-Jan-2024 24:00:00 +0000",
    "01-Jan-2024 00:60:00 +0000", "01-Jan-2024 00:00:00 0000", "01-Jan-2024 00:00:00", "01-Jan-24 00:00:00 +0000", "01-Jan-2024 00:00:00 +0060"]) {
    test(`refuses "${text}"`, () => assert.equal(parseDateTime(text), null));
  }
  test("reads days", () => {
    assert.equal(parseDate("1-Jan-1970"), 0);
    assert.equal(parseDate("01-Feb-1994"), Date.UTC(1994, 1, 1) / 86_400_000);
    for (const text of ["30-Feb-1994", "1-Feb-94", "1 Feb 1994", "0-Feb-1994", ""]) assert.equal(parseDate(text), null, text);
  });
  test("writes in UTC with two digits", () => assert.equal(written(Date.UTC(2024, 1, 3, 4, 5, 6)), '"03-Feb-2024 04:05:06 +0000"'));
  test("parse(write(x)) is x in whole seconds", () => {
    fc.assert(fc.property(fc.integer({ min: -62_167_219_200, max: 253_402_300_799 }), (seconds) => assert.equal(parseDateTime(written(seconds * 1000).slice(1, -1)), seconds * 1000)), { numRuns: 2000 });
  });
});
