import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { assertKey } from "../port/object-key.ts";
import { addressObjectKey, domainKey, parseKeyPart, writeAccountId, writeKeyPart } from "./keys.ts";

describe("keys of the directory", () => {
  test("any text has one part, which a store takes and which gives the text back", () => {
    fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 60 }), (text) => {
      const part = writeKeyPart(text);
      assert.equal(parseKeyPart(part), text);
      assert(!part.includes("/"));
      if (text !== "") assertKey(domainKey(text.slice(0, 40)));
    }));
  });
  test("what no text gives is no part", () => {
    for (const part of ["=", "=4", "=61", "=zz", "A", "=C3", "=e3"]) assert.equal(parseKeyPart(part), null, part);
    fc.assert(fc.property(fc.string({ maxLength: 30 }), (part) => {
      const text = parseKeyPart(part);
      if (text !== null) assert.equal(writeKeyPart(text), part);
    }));
  });
  test("the longest address of RFC 5321 in the worst characters fits, and what does not fit is said", () => {
    const domain = `${"a".repeat(63)}.${"b".repeat(63)}.${"c".repeat(63)}.${"d".repeat(61)}`;
    const key = addressObjectKey("!".repeat(64), domain);
    assert(key !== null);
    assertKey(key);
    assert.equal(addressObjectKey("!".repeat(90), domain), null);
    assert.equal(addressObjectKey("", domain), null);
  });
  test("account ids rise with time", () => {
    const ids = [0, 1, 31, 32, 1_700_000_000_000, 1_700_000_000_001, 3e13].map((now) => writeAccountId(now, Buffer.alloc(7, 255 - (now % 200))));
    assert.deepEqual([...ids].sort(), ids);
    for (const id of ids) assert.match(id, /^[0-9a-z]{16}$/);
  });
});
