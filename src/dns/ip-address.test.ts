import assert from "node:assert/strict";
import { isIPv4, isIPv6 } from "node:net";
import { test } from "node:test";
import fc from "fast-check";
import { parseIpAddress, reverseName, samePrefix, unmapIpAddress, writeIpAddress } from "./ip-address.ts";

const cases: readonly (readonly [text: string, written: string | null])[] = [
  ["192.0.2.7", "192.0.2.7"],
  ["0.0.0.0", "0.0.0.0"],
  ["255.255.255.255", "255.255.255.255"],
  ["256.0.0.1", null],
  ["1.2.3", null],
  ["1.2.3.4.5", null],
  ["1.2.3.", null],
  ["01.2.3.4", null],
  ["1..2.3", null],
  ["", null],
  ["::", "::"],
  ["::1", "::1"],
  ["1::", "1::"],
  ["2001:DB8::7", "2001:db8::7"],
  ["1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"],
  ["1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"],
  ["1:2:3:4:5:6:7:8:9", null],
  ["1:2:3:4:5:6:7", null],
  ["1::2::3", null],
  [":1:2:3:4:5:6:7", null],
  ["1:::2", null],
  ["12345::", null],
  ["::ffff:192.0.2.7", "::ffff:192.0.2.7"],
  ["1.2.3.4::", null],
  ["::1.2.3", null],
  ["fe80::1%eth0", null],
];
test("addresses as text (RFC 4291 section 2.2)", () => {
  for (const [text, written] of cases) {
    const bytes = parseIpAddress(text);
    assert.equal(bytes === null ? null : writeIpAddress(bytes), written, text);
  }
});

test("what is written is read back, and text is taken where Node takes it", () => {
  fc.assert(fc.property(fc.oneof(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.uint8Array({ minLength: 16, maxLength: 16 })), (bytes) => {
    assert.deepEqual([...parseIpAddress(writeIpAddress(bytes)) ?? []], [...bytes]);
  }));
  fc.assert(fc.property(fc.string({ unit: fc.constantFrom(":", "::", "0", "f", "1", ".", "12", "1.2.3.4", "255"), maxLength: 20 }), (text) => {
    assert.equal(parseIpAddress(text) !== null, isIPv4(text) || isIPv6(text), text);
  }), { numRuns: 2000 });
});

test("prefixes, mapped addresses and reverse names", () => {
  const bytes = (text: string): Uint8Array => parseIpAddress(text)!;
  assert.equal(samePrefix(bytes("192.0.2.7"), bytes("192.0.2.200"), 24), true);
  assert.equal(samePrefix(bytes("192.0.2.7"), bytes("192.0.2.200"), 25), false);
  assert.equal(samePrefix(bytes("192.0.2.7"), bytes("::ffff:192.0.2.7"), 0), false);
  assert.equal(samePrefix(bytes("2001:db8::1"), bytes("2001:db8::2"), 126), true);
  assert.equal(samePrefix(bytes("2001:db8::1"), bytes("2001:db8::2"), 127), false);
  assert.equal(samePrefix(bytes("1.2.3.4"), bytes("5.6.7.8"), 0), true);
  assert.equal(writeIpAddress(unmapIpAddress(bytes("::ffff:10.1.2.3"))), "10.1.2.3");
  assert.equal(writeIpAddress(unmapIpAddress(bytes("::fffe:10.1.2.3"))), "::fffe:a01:203");
  assert.equal(reverseName(bytes("192.0.2.7")), "7.2.0.192.in-addr.arpa");
  assert.equal(reverseName(bytes("2001:db8::1")), `1.${"0.".repeat(23)}8.b.d.0.1.0.0.2.ip6.arpa`);
});
