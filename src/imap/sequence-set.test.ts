import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { SEQUENCE_RANGES_MAX } from "./limits.ts";
import { ResponseWriter } from "./response-writer.ts";
import { includes, normalise, parseSequenceSet, writeNumbers, writeSequenceSet } from "./sequence-set.ts";

const rangesOf = (text: string) => {
  const set = parseSequenceSet(text);
  assert.ok(set !== null && set.kind === "ranges", text);
  return set.ranges;
};
const written = (numbers: readonly number[] | Uint32Array): string => {
  const writer = new ResponseWriter();
  writeNumbers(writer, numbers);
  return writer.take().toString("latin1");
};

describe("RFC 9051 section 9, sequence-set", () => {
  const cases: readonly (readonly [text: string, max: number, merged: readonly (readonly [number, number])[]])[] = [
    ["2,4:7,9,12:*", 15, [[2, 2], [4, 7], [9, 9], [12, 15]]],
    ["*:4,5:7", 10, [[4, 10]]],
    ["4:*", 3, [[3, 4]]],
    ["*", 7, [[7, 7]]],
    ["*:*", 7, [[7, 7]]],
    ["7:2,1", 9, [[1, 7]]],
    ["5,3,4", 9, [[3, 5]]],
    ["1:4294967295", 9, [[1, 4294967295]]],
    ["*,3", 0, [[3, 3]]],
    ["1:*", 0, []],
  ];
  for (const [text, max, merged] of cases) {
    test(`${text} of ${max}`, () => assert.deepEqual(normalise(rangesOf(text), max).map(({ first, last }) => [first, last]), merged));
  }
  for (const text of ["", "0", "01", "1,", ",1", "1:", ":1", "1::2", "1:2:3", "4294967296", "99999999999999", "a", "1 2", "$,1", "-1", "**"]) {
    test(`refuses "${text}"`, () => assert.equal(parseSequenceSet(text), null));
  }
  test("knows the saved result", () => assert.deepEqual(parseSequenceSet("$"), { kind: "saved" }));
  test("has at most so many ranges", () => {
    const text = (count: number): string => Array.from({ length: count }, (_, i) => String(2 * i + 1)).join(",");
    assert.equal(rangesOf(text(SEQUENCE_RANGES_MAX)).length, SEQUENCE_RANGES_MAX);
    assert.equal(parseSequenceSet(text(SEQUENCE_RANGES_MAX + 1)), null);
  });
});

test("compact sets", () => {
  assert.equal(written([1, 2, 3, 7, 9, 10]), "1:3,7,9:10");
  assert.equal(written([4294967295]), "4294967295");
  assert.equal(written([5, 5, 6]), "5:6");
  assert.equal(written(new Uint32Array(1_000_000).map((_, i) => i + 1)), "1:1000000");
});

const number = fc.oneof(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 4_294_967_295 }));
const ranges = fc.array(fc.record({ first: number, last: number }, { noNullPrototype: true }), { minLength: 1, maxLength: 30 });
describe("properties", () => {
  test("parse(write(x)) is x", () => {
    fc.assert(fc.property(ranges, (ranges) => assert.deepEqual(parseSequenceSet(writeSequenceSet({ kind: "ranges", ranges })), { kind: "ranges", ranges })));
  });
  test("normalising keeps the members, in order and apart", () => {
    const small = fc.array(fc.record({ first: fc.integer({ min: 0, max: 30 }), last: fc.integer({ min: 0, max: 30 }) }), { maxLength: 8 });
    fc.assert(fc.property(small, fc.integer({ min: 1, max: 30 }), (ranges, max) => {
      const expected = new Set<number>();
      for (const { first, last } of ranges) {
        const [a, b] = [first || max, last || max].sort((x, y) => x - y) as [number, number];
        for (let n = a; n <= b; n++) expected.add(n);
      }
      const merged = normalise(ranges, max);
      for (let n = 1; n <= 31; n++) assert.equal(includes(merged, n), expected.has(n));
      merged.forEach(({ first, last }, i) => assert.ok(first <= last && (i === 0 || first > merged[i - 1]!.last + 1)));
    }));
  });
  test("what writeNumbers writes is read as the same numbers", () => {
    fc.assert(fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 200 }), { minLength: 1 }), (numbers) => {
      const sorted = numbers.toSorted((a, b) => a - b);
      const back = rangesOf(written(sorted)).flatMap(({ first, last }) => Array.from({ length: last - first + 1 }, (_, i) => first + i));
      assert.deepEqual(back, sorted);
    }));
  });
});
