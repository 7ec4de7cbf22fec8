import assert from "node:assert/strict";
import { describe, test } from "node:test";
import dnsPacket from "dns-packet";
import type { Packet } from "dns-packet";
import fc from "fast-check";
import type { RecordType } from "../port/resolver.ts";
import { findAnswer } from "./answer.ts";
import { writeIpAddress } from "./ip-address.ts";
import { ALIASES_MAX, NAME_BYTES_MAX, NEGATIVE_TTL_SECONDS_MAX, RECORDS_MAX, TTL_SECONDS_MAX } from "./limits.ts";
import { parseResponse, writeQuery } from "./message.ts";
import type { Response } from "./message.ts";
import { lowerAscii, readName, writeName } from "./name.ts";
import { TYPE_NUMBER, readData } from "./record.ts";

function responseOf(packet: Packet): Response {
  const response = parseResponse(dnsPacket.encode({ type: "response", id: 7, ...packet }));
  assert(response.kind === "response", JSON.stringify(response));
  return response;
}
const soa = { name: "example.test", type: "SOA", ttl: 600, data: { mname: "ns.example.test", rname: "root.example.test", serial: 1, refresh: 2, retry: 3, expire: 4, minimum: 300 } };
const types = Object.keys(TYPE_NUMBER) as RecordType[];

describe("names", () => {
  test("limits: labels of 63, names of 255 octets, and one past them", () => {
    const label = "a".repeat(63);
    assert.equal(writeName(label)?.length, 65);
    assert.equal(writeName(`${label}a`), null);
    const longest = `${label}.${label}.${label}.${"a".repeat(61)}`;
    assert.equal(writeName(longest)?.length, NAME_BYTES_MAX);
    assert.equal(writeName(`${longest}a`), null);
    assert.equal(readName(writeName(longest) ?? Buffer.alloc(0), 0)?.name, longest);
  });
  test("what is no name", () => {
    for (const text of ["a..b", ".a", "..", "é.test", "a\\", "\\300", " \\9", "a b\u0000\u007f"]) assert.equal(writeName(text), null, text);
    assert.deepEqual(writeName(""), Buffer.from([0]));
    assert.deepEqual(writeName("."), Buffer.from([0]));
    assert.deepEqual(writeName("a."), writeName("a"));
  });
  test("pointers go back, end, and stay within the limits", () => {
    assert.equal(readName(Buffer.from([0xc0, 0]), 0), null);
    assert.equal(readName(Buffer.from([1, 97, 0xc0, 0]), 0), null);
    assert.equal(readName(Buffer.from([0xc0, 2, 0xc0, 0]), 2), null);
    assert.equal(readName(Buffer.from([0x40, 0]), 0), null);
    assert.deepEqual(readName(Buffer.from([1, 65, 0, 1, 98, 0xc0, 0, 9]), 3), { name: "b.a", next: 7 });
    const chain = Buffer.alloc(600);
    for (let i = 1; i < 300; i++) chain.writeUInt16BE(0xc000 | ((i - 1) * 2), i * 2);
    assert.equal(readName(chain, 598), null);
    assert.notEqual(readName(chain, 200), null);
  });
  test("any labels, written and read, are the same in lower case", () => {
    const label = fc.uint8Array({ minLength: 1, maxLength: 63 });
    fc.assert(fc.property(fc.array(label, { maxLength: 6 }), (labels) => {
      const wire = Buffer.concat([...labels.map((octets) => Buffer.from([octets.length, ...octets])), Buffer.from([0])]);
      const read = readName(wire, 0);
      if (wire.length > NAME_BYTES_MAX) return assert.equal(read, null);
      assert(read !== null);
      assert.equal(read.next, wire.length);
      const lower = Buffer.from(lowerAscii(wire.toString("latin1")), "latin1");
      // Length octets of 65 to 90 do not exist, so only letters changed.
      assert.deepEqual(writeName(read.name), lower);
    }));
  });
});

describe("against dns-packet", () => {
  test("it reads our questions", () => {
    const name = fc.domain();
    fc.assert(fc.property(name, fc.integer({ min: 0, max: 65535 }), fc.constantFrom(...types), fc.boolean(), fc.boolean(), (text, id, type, edns, checkingDisabled) => {
      const wire = writeName(text);
      assert(wire !== null);
      const packet = dnsPacket.decode(writeQuery({ id, name: wire, type: TYPE_NUMBER[type], edns, checkingDisabled }).message);
      assert.equal(packet.id, id);
      assert.deepEqual(packet.questions, [{ name: text, type, class: "IN" }]);
      assert.deepEqual([packet.flag_rd, packet.flag_ad, packet.flag_cd], [true, true, checkingDisabled]);
      const opt = packet.additionals?.[0];
      assert.deepEqual(edns ? [opt?.type, opt?.udpPayloadSize, opt?.flag_do] : packet.additionals, edns ? ["OPT", 1232, true] : []);
    }));
  });
  test("we read its answers", () => {
    const name = fc.domain();
    const number = fc.integer({ min: 0, max: 255 });
    const record = fc.oneof(
      fc.ipV4().map((data) => ({ type: "A" as const, data, expected: data })),
      fc.uint8Array({ minLength: 16, maxLength: 16 }).map((octets) => ({ type: "AAAA" as const, data: writeIpAddress(octets), expected: writeIpAddress(octets) })),
      fc.tuple(fc.constantFrom("NS" as const, "CNAME" as const, "PTR" as const), name).map(([type, data]) => ({ type, data, expected: data })),
      fc.tuple(number, name).map(([preference, exchange]) => ({ type: "MX" as const, data: { preference, exchange }, expected: { preference, exchange } })),
      fc.array(fc.string({ minLength: 1, maxLength: 200 }), { minLength: 1, maxLength: 5 }).map((strings) => ({ type: "TXT" as const, data: strings, expected: Buffer.from(strings.join(""), "utf8").toString("latin1") })),
      fc.tuple(number, number, number, fc.uint8Array({ minLength: 1, maxLength: 64 })).map(([usage, selector, matching, octets]) => ({
        type: "TLSA" as const, data: { usage, selector, matchingType: matching, certificate: Buffer.from(octets) }, expected: { usage, selector, matching, data: Buffer.from(octets) },
      })),
    );
    fc.assert(fc.property(name, record, fc.integer({ min: 0, max: 0x7fffffff }), (owner, { type, data, expected }, ttl) => {
      const response = responseOf({ questions: [{ name: owner, type }], answers: [{ name: owner, type, ttl, data }] });
      assert.deepEqual(findAnswer(response, owner, type), { kind: "records", records: [expected], ttl: Math.min(ttl, TTL_SECONDS_MAX) });
    }));
  });
});

describe("answers", () => {
  test("aliases are followed inside one response; the least TTL counts; order does not", () => {
    const answers = [
      { name: "c.example.test", type: "A", ttl: 50, data: "192.0.2.3" },
      { name: "b.example.test", type: "CNAME", ttl: 20, data: "C.example.test" },
      { name: "a.example.test", type: "CNAME", ttl: 90, data: "b.example.test" },
    ];
    assert.deepEqual(findAnswer(responseOf({ answers }), "a.example.test", "A"), { kind: "records", records: ["192.0.2.3"], ttl: 20 });
    assert.deepEqual(findAnswer(responseOf({ answers }), "a.example.test", "CNAME"), { kind: "records", records: ["b.example.test"], ttl: 90 });
    assert.deepEqual(findAnswer(responseOf({ answers: answers.slice(1) }), "a.example.test", "A"), { kind: "alias", target: "c.example.test", ttl: 20 });
    assert.deepEqual(findAnswer(responseOf({ answers: answers.slice(1), authorities: [soa] }), "a.example.test", "A"), { kind: "void", because: "nodata", ttl: 20 });
    assert.deepEqual(findAnswer(responseOf({ answers: answers.slice(1), flags: 3 }), "a.example.test", "A"), { kind: "void", because: "nxdomain", ttl: 0 });
  });
  test("a loop of aliases, and a chain over the limit, fail", () => {
    const loop = [{ name: "a.test", type: "CNAME", ttl: 1, data: "b.test" }, { name: "b.test", type: "CNAME", ttl: 1, data: "a.test" }];
    assert.deepEqual(findAnswer(responseOf({ answers: loop }), "a.test", "A"), { kind: "failure", because: "servfail" });
    const chain = (length: number) => [
      ...Array.from({ length }, (_, i) => ({ name: `n${i}.test`, type: "CNAME", ttl: 9, data: `n${i + 1}.test` })), { name: `n${length}.test`, type: "A", ttl: 9, data: "192.0.2.1" },
    ];
    assert.equal(findAnswer(responseOf({ answers: chain(ALIASES_MAX) }), "n0.test", "A").kind, "records");
    assert.equal(findAnswer(responseOf({ answers: chain(ALIASES_MAX + 1) }), "n0.test", "A").kind, "failure");
  });
  test("absence and how long it may be kept (RFC 2308 section 5)", () => {
    const ask = (packet: Packet) => findAnswer(responseOf(packet), "x.example.test", "TXT");
    assert.deepEqual(ask({ flags: 3, authorities: [soa] }), { kind: "void", because: "nxdomain", ttl: 300 });
    assert.deepEqual(ask({ authorities: [{ ...soa, ttl: 60 }] }), { kind: "void", because: "nodata", ttl: 60 });
    assert.deepEqual(ask({ authorities: [{ ...soa, ttl: 1e6, data: { ...soa.data, minimum: 1e6 } }] }), { kind: "void", because: "nodata", ttl: NEGATIVE_TTL_SECONDS_MAX });
    assert.deepEqual(ask({}), { kind: "void", because: "nodata", ttl: 0 });
    for (const flags of [1, 2, 4, 5]) assert.deepEqual(ask({ flags }), { kind: "failure", because: "servfail" });
    // BADVERS and its like are in the upper bits.
    assert.deepEqual(ask({ additionals: [{ type: "OPT", name: ".", udpPayloadSize: 1232, extendedRcode: 1, flags: 0 }] }), { kind: "failure", because: "servfail" });
  });
  test("records of another name, type or class are not the answer; data that does not fit is malformed", () => {
    const other = [
      { name: "y.example.test", type: "A", ttl: 1, data: "192.0.2.1" }, { name: "x.example.test", type: "AAAA", ttl: 1, data: "2001:db8::1" },
      { name: "x.example.test", type: "A", ttl: 1, class: "CH", data: "192.0.2.1" },
    ];
    assert.equal(findAnswer(responseOf({ answers: other }), "x.example.test", "A").kind, "void");
    const message = dnsPacket.encode({ type: "response", answers: [{ name: "x", type: "A", ttl: 0x80000001, data: "192.0.2.1" }] });
    const good = parseResponse(message);
    assert(good.kind === "response");
    assert.deepEqual(findAnswer(good, "x", "A"), { kind: "records", records: ["192.0.2.1"], ttl: 0 });
    const short = Buffer.from(message.subarray(0, message.length - 1));
    short.writeUInt16BE(3, short.length - 5);
    const bad = parseResponse(short);
    assert(bad.kind === "response");
    assert.deepEqual(findAnswer(bad, "x", "A"), { kind: "failure", because: "malformed" });
  });
  test("IPv6 as RFC 5952 writes it", () => {
    const of = (hex: string): string => writeIpAddress(Buffer.from(hex, "hex"));
    assert.equal(of("20010db8000000000000000000000001"), "2001:db8::1");
    assert.equal(of("20010db8000000010001000100010001"), "2001:db8:0:1:1:1:1:1");
    assert.equal(of("20010000000000010000000000000001"), "2001:0:0:1::1");
    assert.equal(of("20010db8000000000001000000000001"), "2001:db8::1:0:0:1");
    assert.equal(of("00000000000000000000000000000000"), "::");
    assert.equal(of("00000000000000000000ffffc0000201"), "::ffff:192.0.2.1");
    assert.equal(writeIpAddress(Buffer.from("00000000000000000000ffffc0000201", "hex"), true), "192.0.2.1");
  });
});

describe("malformed messages are values", () => {
  test("any octets, and any good message with any octets changed or cut", () => {
    const good = dnsPacket.encode({
      type: "response", questions: [{ name: "a.example.test", type: "MX" }],
      answers: [{ name: "a.example.test", type: "CNAME", ttl: 1, data: "b.example.test" }, { name: "b.example.test", type: "MX", ttl: 1, data: { preference: 1, exchange: "mx.example.test" } }, { name: "b.example.test", type: "TXT", ttl: 1, data: ["one", "two"] }],
      authorities: [soa],
    });
    const check = (bytes: Buffer): void => {
      const response = parseResponse(bytes);
      if (response.kind === "malformed") return;
      for (const type of types) {
        findAnswer(response, "a.example.test", type);
        for (const record of [...response.answers, ...response.authority]) readData[type](bytes, record.start, record.end);
      }
    };
    fc.assert(fc.property(fc.uint8Array({ maxLength: 600 }), (octets) => check(Buffer.from(octets))), { numRuns: 500 });
    fc.assert(fc.property(fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { maxLength: 6 }), fc.nat(good.length), (changes, length) => {
      const bytes = Buffer.from(good);
      for (const [at, octet] of changes) bytes[at] = octet;
      check(bytes.subarray(0, length));
    }), { numRuns: 3000 });
  });
  test("queries, several questions, and too many records", () => {
    assert.equal(parseResponse(dnsPacket.encode({ type: "query", questions: [{ name: "a", type: "A" }] })).kind, "malformed");
    assert.equal(parseResponse(dnsPacket.encode({ type: "response", questions: [{ name: "a", type: "A" }, { name: "b", type: "A" }] })).kind, "malformed");
    const answers = (length: number) => Array.from({ length }, () => ({ name: ".", type: "A", ttl: 1, data: "192.0.2.1" }));
    assert.equal(parseResponse(dnsPacket.encode({ type: "response", answers: answers(RECORDS_MAX) })).kind, "response");
    assert.equal(parseResponse(dnsPacket.encode({ type: "response", answers: answers(RECORDS_MAX + 1) })).kind, "malformed");
  });
});
