import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { FakeResolver } from "../port/resolver.fake.ts";
import { checkIprev, ipv6SenderEvidence } from "./iprev.ts";

const REVERSE = "7.2.0.192.in-addr.arpa";
const REVERSE6 = `7.${"0.".repeat(23)}8.b.d.0.1.0.0.2.ip6.arpa`;

describe("RFC 8601 section 2.7.3: iprev", () => {
  const cases: readonly (readonly [name: string, zone: ConstructorParameters<typeof FakeResolver>[0], fail: Record<string, "servfail" | "timeout">, result: string, confirmed: readonly string[]])[] = [
    ["agreement", { [REVERSE]: { PTR: ["Mail.Example.Test."] }, "mail.example.test": { A: ["198.51.100.1", "192.0.2.7"] } }, {}, "pass", ["mail.example.test"]],
    ["one name of several", { [REVERSE]: { PTR: ["a.test", "b.test", "c.test"] }, "a.test": { A: ["192.0.2.8"] }, "b.test": { A: ["192.0.2.7"] } }, { "A c.test": "timeout" }, "pass", ["b.test"]],
    ["another address", { [REVERSE]: { PTR: ["a.test"] }, "a.test": { A: ["192.0.2.70"] } }, {}, "fail", []],
    ["a name without address", { [REVERSE]: { PTR: ["a.test"] } }, {}, "fail", []],
    ["only the other family", { [REVERSE]: { PTR: ["a.test"] }, "a.test": { AAAA: ["::ffff:192.0.2.7"] } }, {}, "fail", []],
    ["no name", {}, {}, "permerror", []],
    ["the root as name", { [REVERSE]: { PTR: ["."] } }, {}, "fail", []],
    ["no answer about the name", {}, { [`PTR ${REVERSE}`]: "servfail" }, "temperror", []],
    ["no answer about the address", { [REVERSE]: { PTR: ["a.test", "b.test"] }, "a.test": { A: ["192.0.2.8"] } }, { "A b.test": "servfail" }, "temperror", []],
  ];
  for (const [name, zone, fail, result, confirmed] of cases) {
    test(name, async () => {
      const found = await checkIprev({ ip: "192.0.2.7", resolver: new FakeResolver(zone, fail) });
      assert.deepEqual([found.result, found.confirmed], [result, confirmed]);
    });
  }
  test("IPv6 and mapped IPv4", async () => {
    const zone = { [REVERSE6]: { PTR: ["a.test"] }, [REVERSE]: { PTR: ["a.test"] }, "a.test": { AAAA: ["2001:db8::7"], A: ["192.0.2.7"] } };
    const six = await checkIprev({ ip: "2001:DB8:0::7", resolver: new FakeResolver(zone) });
    assert.deepEqual([six.result, six.ip, six.family], ["pass", "2001:db8::7", 6]);
    const mapped = await checkIprev({ ip: "::ffff:192.0.2.7", resolver: new FakeResolver(zone) });
    assert.deepEqual([mapped.result, mapped.ip, mapped.family], ["pass", "192.0.2.7", 4]);
  });
  test("ten names are looked up, not eleven", async () => {
    const names = Array.from({ length: 10 }, (_, i) => `n${i}.test`);
    const forward = { "right.test": { A: ["192.0.2.7"] } };
    const at10 = new FakeResolver({ ...forward, [REVERSE]: { PTR: [...names.slice(1), "right.test"] } });
    assert.equal((await checkIprev({ ip: "192.0.2.7", resolver: at10 })).result, "pass");
    const at11 = new FakeResolver({ ...forward, [REVERSE]: { PTR: [...names, "right.test"] } });
    const found = await checkIprev({ ip: "192.0.2.7", resolver: at11 });
    assert.deepEqual([found.result, found.dnsQueries, at11.questions.length], ["fail", 11, 11]);
  });
});

test("the rule for IPv6 senders (T-V6-1, T-V6-2)", async () => {
  const iprev = (result: "pass" | "fail" | "temperror" | "permerror", family: 4 | 6 = 6): Parameters<typeof ipv6SenderEvidence>[0] => ({ result, family, ip: "", confirmed: [], unconfirmed: [], dnsQueries: 1 });
  assert.deepEqual(ipv6SenderEvidence(iprev("permerror", 4), "none"), { kind: "not-ipv6" });
  assert.deepEqual(ipv6SenderEvidence(iprev("pass"), "pass"), { kind: "met" });
  assert.deepEqual(ipv6SenderEvidence(iprev("permerror"), "none"), { kind: "missing", missing: ["reverse-name", "authentication"] });
  assert.deepEqual(ipv6SenderEvidence(iprev("fail"), "unknown"), { kind: "missing", missing: ["forward-match"] });
  assert.deepEqual(ipv6SenderEvidence(iprev("temperror"), "pass"), { kind: "unknown" });
  assert.deepEqual(ipv6SenderEvidence(iprev("pass"), "unknown"), { kind: "unknown" });
});
