/**
 * docs/rfc.tsv says which RFCs Tayori does, and this test holds it against the code: what the code cites is listed, and what is
 * said to be done is cited where it is done.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";

const STATUSES = new Set(["yes", "part", "no", "later"]);
const HEADER = "number\tstatus\ttitle\tnote";

interface Row {
  readonly number: number;
  readonly status: string;
  readonly title: string;
  readonly note: string;
}

/** "RFC 5321", "RFC 6152, 3030", "RFC 5322 and 2045", also over the end of a comment's line. */
function citedIn(text: string): number[] {
  const cited: number[] = [];
  for (const [, numbers] of text.matchAll(/\bRFCs?\s(?:[\s*]*)(\d{3,5}(?:(?:,| and| or)\s\d{3,5}\b)*)/g)) cited.push(...numbers!.split(/\D+/).map(Number));
  return cited;
}

/** Cited numbers with the first file that has them. Tests prove nothing about what is done, so `tests` says which half is meant. */
function citations(tests: boolean): Map<number, string> {
  const found = new Map<number, string>();
  for (const path of readdirSync(import.meta.dirname, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts") && name.includes("/")).sort()) {
    if (/\.(test|contract|fake)\.ts$/.test(path) !== tests) continue;
    for (const number of citedIn(readFileSync(join(import.meta.dirname, path), "utf8"))) if (!found.has(number)) found.set(number, path);
  }
  return found;
}

const lines = readFileSync(join(import.meta.dirname, "../docs/rfc.tsv"), "utf8").split("\n");
const rows: readonly Row[] = lines.slice(1, -1).map((line) => {
  const [number = "", status = "", title = "", note = ""] = line.split("\t");
  return { number: /^\d+$/.test(number) ? Number(number) : Number.NaN, status, title, note };
});
const listed = new Map(rows.map((row) => [row.number, row]));

describe("docs/rfc.tsv", () => {
  test("has four columns, and ends with a line end", () => {
    assert.equal(lines[0], HEADER);
    assert.equal(lines.at(-1), "");
    assert.deepEqual(lines.slice(0, -1).filter((line) => line.split("\t").length !== 4), []);
  });

  test("is sorted by number, each once", () => {
    const numbers = rows.map((row) => row.number);
    assert.ok(numbers.length > 0 && numbers.every(Number.isSafeInteger));
    assert.deepEqual(numbers, [...new Set(numbers)].sort((a, b) => a - b));
  });

  test("has a title and a known status; what is done in part, or refused, says what and why", () => {
    assert.deepEqual(rows.filter(({ status, title }) => !STATUSES.has(status) || title.trim() === ""), []);
    const silent = rows.filter(({ status, note }) => (status === "part" || status === "no") && note.trim() === "");
    assert.deepEqual(silent.map(({ number }) => number), []);
  });

  test("lists every RFC that the code or its tests cite", () => {
    const missing = [...citations(false), ...citations(true)].filter(([number]) => !listed.has(number));
    assert.deepEqual(missing, [], "give each a row in docs/rfc.tsv: number, yes|part|no|later, title, note");
  });

  test("says yes or part only of what the code cites, outside its tests", () => {
    const cited = citations(false);
    const claimed = rows.filter(({ status, number }) => (status === "yes" || status === "part") && !cited.has(number));
    assert.deepEqual(claimed.map(({ number }) => number), []);
  });
});

test("citations are found in lists and over line ends", () => {
  assert.deepEqual(citedIn("RFC 6152, 3030) and RFC 5321 section 4.5 and 2047 octets; RFC\n * 9051. RFC822.SIZE, RFC 5322 and 2045: x"), [6152, 3030, 5321, 9051, 5322, 2045]);
});
