import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { PROXY_V1_BYTES_MAX, PROXY_V2_BYTES_MAX } from "./limits.ts";
import { parseProxyHeader } from "./proxy-protocol.ts";
import type { ProxyAnswer } from "./proxy-protocol.ts";

const SIGNATURE = Buffer.from("\r\n\r\n\0\r\nQUIT\n", "latin1");
function v2(command: number, family: number, body: Buffer): Buffer {
  const fixed = Buffer.from([0x20 | command, family, body.length >> 8, body.length & 255]);
  return Buffer.concat([SIGNATURE, fixed, body]);
}
const tcp4 = Buffer.from([198, 51, 100, 7, 192, 0, 2, 1, 0x9c, 0x40, 0, 25]);
const parseText = (text: string): ProxyAnswer => parseProxyHeader(Buffer.from(text, "latin1"));

describe("version 2", () => {
  test("TCP over IPv4, with TLVs skipped and what follows left", () => {
    const header = v2(1, 0x11, Buffer.concat([tcp4, Buffer.from([0x04, 0, 3, 1, 2, 3])]));
    assert.deepEqual(parseProxyHeader(Buffer.concat([header, Buffer.from("EHLO")])), {
      kind: "header", length: header.length,
      endpoints: { remote: { address: "198.51.100.7", port: 40000 }, local: { address: "192.0.2.1", port: 25 } },
    });
  });
  test("TCP over IPv6, and an IPv4-mapped address as IPv4", () => {
    const mapped = Buffer.concat([Buffer.alloc(10), Buffer.from([255, 255, 198, 51, 100, 9])]);
    const body = Buffer.concat([Buffer.from("20010db8000000000000000000000001", "hex"), mapped, Buffer.from([0, 1, 0, 2])]);
    const answer = parseProxyHeader(v2(1, 0x21, body));
    assert(answer.kind === "header");
    assert.deepEqual(answer.endpoints, { remote: { address: "2001:db8::1", port: 1 }, local: { address: "198.51.100.9", port: 2 } });
  });
  test("LOCAL and UNSPEC keep the real endpoints, whatever follows in the header", () => {
    assert.deepEqual(parseProxyHeader(v2(0, 0x11, tcp4)), { kind: "header", length: 28, endpoints: null });
    assert.deepEqual(parseProxyHeader(v2(1, 0, Buffer.alloc(3))), { kind: "header", length: 19, endpoints: null });
  });
  test("wrong version, command, family, or size is malformed", () => {
    for (const bytes of [
      Buffer.concat([SIGNATURE, Buffer.from([0x31, 0x11, 0, 12]), tcp4]), v2(2, 0x11, tcp4), v2(1, 0x12, tcp4), v2(1, 0x31, Buffer.alloc(216)),
      v2(1, 0x11, tcp4.subarray(0, 11)), v2(1, 0x21, tcp4), v2(1, 0x11, Buffer.alloc(PROXY_V2_BYTES_MAX - 15)),
    ]) assert.equal(parseProxyHeader(bytes).kind, "malformed");
    assert.equal(parseProxyHeader(v2(1, 0x11, Buffer.concat([tcp4, Buffer.alloc(PROXY_V2_BYTES_MAX - 16 - 12)]))).kind, "header");
  });
});

describe("version 1", () => {
  test("TCP4, TCP6 and UNKNOWN", () => {
    const header = parseText("PROXY TCP4 198.51.100.7 192.0.2.1 40000 25\r\nEHLO");
    assert.deepEqual(header, { kind: "header", length: 44, endpoints: { remote: { address: "198.51.100.7", port: 40000 }, local: { address: "192.0.2.1", port: 25 } } });
    const six = parseText("PROXY TCP6 2001:DB8:0:0:0:0:0:1 ::ffff:192.0.2.1 1 2\r\n");
    assert(six.kind === "header");
    assert.deepEqual(six.endpoints, { remote: { address: "2001:db8::1", port: 1 }, local: { address: "192.0.2.1", port: 2 } });
    assert.deepEqual(parseText("PROXY UNKNOWN whatever\r\n"), { kind: "header", length: 24, endpoints: null });
  });
  test("anything else is malformed", () => {
    for (const text of [
      "PROXY TCP4 198.51.100.7 192.0.2.1 40000\r\n", "PROXY TCP4 198.51.100.7 192.0.2.1 40000 65536\r\n", "PROXY TCP4 198.51.100.7 192.0.2.1 040 25\r\n",
      "PROXY TCP4 ::1 ::1 1 2\r\n", "PROXY TCP6 192.0.2.1 192.0.2.1 1 2\r\n", "PROXY TCP4 198.51.100.7  192.0.2.1 40000 25\r\n", "PROXY UDP4 192.0.2.1 192.0.2.1 1 2\r\n",
      "EHLO example.test\r\n", "\r\n\r\nX", "PROXZ", `PROXY ${"x".repeat(PROXY_V1_BYTES_MAX)}`,
    ]) assert.equal(parseText(text).kind, "malformed", text);
  });
});

test("any octets after any beginning: no throw, more is asked only below the limit, and a cut header asks for more at every cut", () => {
  const beginning = fc.constantFrom(Buffer.alloc(0), SIGNATURE, Buffer.from("PROXY TCP4 "), Buffer.from("PROXY TCP6 ::"), Buffer.concat([SIGNATURE, Buffer.from([0x21, 0x21])]));
  fc.assert(fc.property(beginning, fc.uint8Array({ maxLength: 3000 }), (start, rest) => {
    const bytes = Buffer.concat([start, rest]);
    const answer = parseProxyHeader(bytes);
    if (answer.kind === "more") assert.ok(bytes.length < PROXY_V2_BYTES_MAX);
    if (answer.kind === "header") {
      assert.ok(answer.length <= bytes.length);
      for (let cut = 0; cut < answer.length; cut++) assert.equal(parseProxyHeader(bytes.subarray(0, cut)).kind, "more");
      assert.deepEqual(parseProxyHeader(bytes.subarray(0, answer.length)), answer);
    }
  }));
  const port = fc.integer({ min: 0, max: 65535 });
  fc.assert(fc.property(fc.ipV6(), fc.ipV6(), port, port, (a, b, from, to) => {
    const answer = parseText(`PROXY TCP6 ${a} ${b} ${from} ${to}\r\n`);
    assert(answer.kind === "header" && answer.endpoints !== null);
    assert.equal(answer.endpoints.remote.port, from);
  }));
});
