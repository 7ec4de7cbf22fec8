import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { parseDate, writeDate } from "./date.ts";

const iso = (text: string): string | null => {
  const date = parseDate(text);
  return date === null ? null : `${new Date(date.ms).toISOString()} ${date.offsetMinutes}`;
};

describe("RFC 5322 section 3.3 and 4.3: dates", () => {
  const cases: readonly (readonly [text: string, iso: string | null])[] = [
    ["Fri, 21 Nov 1997 09:55:06 -0600", "1997-11-21T15:55:06.000Z -360"],
    ["Tue, 24 Nov 2026 20:15:11 +0900 (JST)", "2026-11-24T11:15:11.000Z 540"],
    ["1 Jul 2003 10:52 +0200", "2003-07-01T08:52:00.000Z 120"],
    ["Thu,\t13\tFeb\t1969\t23:32\t-0330 (Newfoundland Time)", "1969-02-14T03:02:00.000Z -210"],
    ["21 Nov 97 09:55:06 GMT", "1997-11-21T09:55:06.000Z 0"],
    ["21 Nov 49 09:55:06 UT", "2049-11-21T09:55:06.000Z 0"],
    ["21 Nov 50 09:55:06 UT", "1950-11-21T09:55:06.000Z 0"],
    ["21 Nov 103 09:55:06 UT", "2003-11-21T09:55:06.000Z 0"],
    ["Fri, 21 Nov 1997 09(comment):   55  :  06 -0600", "1997-11-21T15:55:06.000Z -360"],
    ["Fri, 21 Nov 1997 09:55:06 EST", "1997-11-21T14:55:06.000Z -300"],
    ["Fri, 21 Nov 1997 09:55:06 A", "1997-11-21T09:55:06.000Z 0"],
    ["Fri, 21 Nov 1997 09:55:06 XYZ", "1997-11-21T09:55:06.000Z 0"],
    ["Fri, 21 Nov 1997 09:55:06", "1997-11-21T09:55:06.000Z 0"],
    ["Fri, 21 Nov 1997 09:55:06 GMT+0900", "1997-11-21T00:55:06.000Z 540"],
    ["Fri, 21 Nov 1997 09:55:06 +09:00", "1997-11-21T00:55:06.000Z 540"],
    ["Fri 21-Nov-1997 09:55:06 +0000", "1997-11-21T09:55:06.000Z 0"],
    ["friday, 21 NOVEMBER 1997 09:55:06 +0000", "1997-11-21T09:55:06.000Z 0"],
    ["Fri Nov 21 09:55:06 1997", "1997-11-21T09:55:06.000Z 0"],
    ["Fri Nov 21 09:55:06 EST 1997", "1997-11-21T14:55:06.000Z -300"],
    ["Sat, 31 Dec 2016 23:59:60 +0000", "2016-12-31T23:59:59.000Z 0"],
    ["Thu, 29 Feb 2024 00:00:00 +0000", "2024-02-29T00:00:00.000Z 0"],
    ["Thu, 29 Feb 2023 00:00:00 +0000", null], ["32 Jan 2020 00:00:00 +0000", null], ["0 Jan 2020 00:00:00 +0000", null],
    ["1 Foo 2020 00:00:00 +0000", null], ["1 Jan 2020 24:00:00 +0000", null], ["1 Jan 2020 00:60:00 +0000", null], ["1 Jan 2020 00:00:61 +0000", null],
    ["1 Jan 2020", null], ["", null], ["yesterday", null], ["(((", null],
  ];
  for (const [text, expected] of cases) test(JSON.stringify(text), () => assert.equal(iso(text), expected));
});

test("dates are written as RFC 5322 wants them", () => {
  assert.equal(writeDate(Date.UTC(2026, 10, 4, 1, 2, 3, 999), 540), "Wed, 04 Nov 2026 10:02:03 +0900");
  assert.equal(writeDate(Date.UTC(2026, 0, 1, 0, 30), -90), "Wed, 31 Dec 2025 23:00:00 -0130");
  assert.equal(writeDate(0), "Thu, 01 Jan 1970 00:00:00 +0000");
});

test("property: what is written is read again, and any text is read without an exception", () => {
  const ms = fc.integer({ min: Date.UTC(1900, 0, 2) / 1000, max: Date.UTC(9999, 11, 30) / 1000 });
  fc.assert(fc.property(ms, fc.integer({ min: -12 * 60, max: 14 * 60 }), (seconds, offsetMinutes) => assert.deepEqual(parseDate(writeDate(seconds * 1000, offsetMinutes)), { ms: seconds * 1000, offsetMinutes })));
  const piece = fc.constantFrom("1", "Jan", " ", ":", "+0900", "(", ")", "\\", ",", "2020", "Fri", "-", "\n");
  fc.assert(fc.property(fc.array(piece, { maxLength: 100 }), (pieces) => assert.ok(Number.isFinite(parseDate(pieces.join(""))?.ms ?? 0))));
});
