import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseDuration, parseHostPort, parseSize, writeHostPort, writeSize } from "./units.ts";

describe("units in the settings", () => {
  test("durations", () => {
    const cases: readonly (readonly [string, number | null])[] = [
      ["500ms", 500], ["30s", 30_000], ["5 m", 300_000], ["4h", 14_400_000], ["5d", 432_000_000],
      ["", null], ["5", null], ["5x", null], ["-5s", null], ["1.5h", null], ["5M", null], ["999999999999999d", null], ["5constructor", null],
    ];
    for (const [text, ms] of cases) assert.equal(parseDuration(text), ms, text);
  });
  test("sizes tell thousands from 1024s", () => {
    const cases: readonly (readonly [string, number | null])[] = [["32MB", 32_000_000], ["32MiB", 33_554_432], ["1kB", 1000], ["7B", 7], ["32mb", null], ["32", null], ["MB", null]];
    for (const [text, bytes] of cases) assert.equal(parseSize(text), bytes, text);
    for (const bytes of [0, 1, 999, 1000, 1024, 32_000_000, 5 * 2 ** 30]) assert.equal(parseSize(writeSize(bytes)), bytes);
  });
  test("places keep IPv6 in brackets", () => {
    const cases: readonly (readonly [string, { host: string; port: number } | null])[] = [
      ["127.0.0.1:0", { host: "127.0.0.1", port: 0 }], ["[::1]:25", { host: "::1", port: 25 }], ["mx.example.test:65535", { host: "mx.example.test", port: 65535 }],
      ["::1:25", null], ["127.0.0.1", null], ["127.0.0.1:65536", null], [":25", null], ["a b:25", null], ["[::1]", null],
    ];
    for (const [text, place] of cases) {
      assert.deepEqual(parseHostPort(text), place, text);
      if (place !== null) assert.equal(writeHostPort(place), text);
    }
  });
});
