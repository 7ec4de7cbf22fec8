import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { FakeClock } from "../port/clock.fake.ts";
import { FakeResolver } from "../port/resolver.fake.ts";
import type { Resolver } from "../port/resolver.ts";
import { checkSpf } from "./spf.ts";
import type { SpfInput, SpfResults } from "./spf.ts";

type Zone = ConstructorParameters<typeof FakeResolver>[0];
type Failures = ConstructorParameters<typeof FakeResolver>[1];

function check(zone: Zone, given: Partial<SpfInput> & { from?: string; fail?: Failures } = {}): Promise<SpfResults> {
  const { from = "user@example.test", fail = {}, ...input } = given;
  const at = from.lastIndexOf("@");
  return checkSpf({
    ip: "192.0.2.7", helo: "mail.client.test", resolver: new FakeResolver(zone, fail), clock: new FakeClock(),
    reversePath: from === "" ? { kind: "null" } : { kind: "address", address: { localPart: from.slice(0, at), domain: from.slice(at + 1) } },
    ...input,
  });
}
const spf = (terms: string): { TXT: string[] } => ({ TXT: [`v=spf1 ${terms}`] });
const manyTerms = (count: number): string => Array.from({ length: count }, (_, i) => `a:h${i}.test`).join(" ");
const hosts = (count: number): Zone => Object.fromEntries(Array.from({ length: count }, (_, i) => [`h${i}.test`, { A: ["198.51.100.1"] }]));

describe("RFC 7208 section 2: identities", () => {
  const zone: Zone = { "mail.client.test": spf("ip4:192.0.2.7 -all"), "example.test": spf("-all") };
  test("both are checked, HELO first, and kept apart", async () => {
    const resolver = new FakeResolver(zone);
    const { helo, mailFrom, dnsQueries } = await check(zone, { resolver });
    assert.deepEqual([helo.identity, helo.result, helo.domain, helo.mechanism], ["helo", "pass", "mail.client.test", "ip4:192.0.2.7"]);
    assert.deepEqual([mailFrom.identity, mailFrom.result, mailFrom.domain, mailFrom.mechanism], ["mailfrom", "fail", "example.test", "-all"]);
    assert.deepEqual(resolver.questions, ["TXT mail.client.test", "TXT example.test"]);
    assert.deepEqual([helo.dnsQueries, mailFrom.dnsQueries, dnsQueries], [1, 1, 2]);
  });
  test("the null reverse-path is postmaster at HELO, and costs nothing more", async () => {
    const { helo, mailFrom, dnsQueries } = await check({ "mail.client.test": spf("exists:%{l}._spf.test -all"), "postmaster._spf.test": { A: ["127.0.0.2"] } }, { from: "" });
    assert.deepEqual([helo.result, mailFrom.result, mailFrom.identity, mailFrom.domain, dnsQueries], ["pass", "pass", "mailfrom", "mail.client.test", 2]);
  });
  for (const helo of ["[192.0.2.7]", "localhost", "a..test", `${"a".repeat(64)}.test`, "", "with space"]) {
    test(`HELO "${helo.slice(0, 20)}" has no domain`, async () => {
      assert.deepEqual((await check({}, { helo })).helo.problem?.kind, "malformed-domain");
    });
  }
  test("a HELO in U-labels is asked about in A-labels (RFC 8616)", async () => {
    assert.equal((await check({ "xn--wgv71a.test": spf("+all") }, { helo: "日本.test" })).helo.result, "pass");
  });
  test("an IPv4-mapped client is IPv4", async () => {
    assert.equal((await check({ "example.test": spf("ip4:192.0.2.0/24 -all") }, { ip: "::ffff:192.0.2.9" })).mailFrom.result, "pass");
  });
});

describe("RFC 7208 section 4: records and results", () => {
  const cases: readonly (readonly [name: string, zone: Zone, result: string, problem: string | null, fail?: Failures])[] = [
    ["no record", { "example.test": { TXT: ["v=spf10 +all", "something"] } }, "none", "no-record"],
    ["no domain", {}, "none", "no-record"],
    ["two records", { "example.test": { TXT: ["v=spf1 +all", "V=SPF1"] } }, "permerror", "multiple-records"],
    ["a fault behind a match", { "example.test": spf("+all moo") }, "permerror", "syntax"],
    ["servfail", {}, "temperror", "servfail", { "TXT example.test": "servfail" }],
    ["a bogus answer", {}, "temperror", "bogus", { "TXT example.test": "bogus" }],
    ["a timeout within a term", { "example.test": spf("a -all") }, "temperror", "timeout", { "A example.test": "timeout" }],
    ["a term in front of the failure", { "example.test": spf("ip4:192.0.2.7 a -all") }, "pass", null, { "A example.test": "timeout" }],
    ["nothing matches", { "example.test": spf("ip4:198.51.100.1") }, "neutral", null],
    ["an empty record", { "example.test": { TXT: ["v=spf1"] } }, "neutral", null],
    ["softfail", { "example.test": spf("~all") }, "softfail", null],
    ["include of no record", { "example.test": spf("include:nothing.test -all") }, "permerror", "include-without-record"],
    ["include that fails", { "example.test": spf("include:other.test ?all"), "other.test": spf("-all") }, "neutral", null],
    ["include that is broken", { "example.test": spf("include:other.test ?all"), "other.test": spf("ip4:1") }, "permerror", "syntax"],
    ["redirect", { "example.test": spf("redirect=other.test"), "other.test": spf("-all") }, "fail", null],
    ["redirect to no record", { "example.test": spf("redirect=other.test") }, "permerror", "redirect-without-record"],
    ["redirect beside all", { "example.test": spf("redirect=other.test ~all") }, "softfail", null],
    ["a loop", { "example.test": spf("include:example.test") }, "permerror", "dns-terms"],
    ["a loop of redirects", { "example.test": spf("redirect=b.test"), "b.test": spf("redirect=example.test") }, "permerror", "dns-terms"],
  ];
  for (const [name, zone, result, problem, fail] of cases) {
    test(name, async () => {
      const { mailFrom } = await check(zone, { fail });
      assert.deepEqual([mailFrom.result, mailFrom.problem?.kind ?? null], [result, problem]);
    });
  }
  test("a directive behind redirect is told with the domain that has it", async () => {
    const { mailFrom } = await check({ "example.test": spf("redirect=other.test"), "other.test": spf("-all") });
    assert.deepEqual([mailFrom.domain, mailFrom.recordDomain, mailFrom.mechanism], ["example.test", "other.test", "-all"]);
  });
});

describe("RFC 7208 section 4.6.4: limits", () => {
  test("ten DNS terms, not eleven", async () => {
    assert.equal((await check({ ...hosts(11), "example.test": spf(`${manyTerms(10)} -all`) })).mailFrom.result, "fail");
    const { mailFrom } = await check({ ...hosts(11), "example.test": spf(`${manyTerms(11)} -all`) });
    assert.deepEqual([mailFrom.result, mailFrom.problem?.kind, mailFrom.problem?.term], ["permerror", "dns-terms", "a:h10.test"]);
  });
  test("a match ends the counting", async () => {
    assert.equal((await check({ ...hosts(11), "h3.test": { A: ["192.0.2.7"] }, "example.test": spf(`${manyTerms(11)} -all`) })).mailFrom.result, "pass");
  });
  test("terms of included records count", async () => {
    const zone: Zone = { ...hosts(10), "example.test": spf("include:inc.test -all"), "inc.test": spf(manyTerms(10)) };
    assert.equal((await check(zone)).mailFrom.problem?.kind, "dns-terms");
    assert.equal((await check({ ...zone, "inc.test": spf(manyTerms(9)) })).mailFrom.result, "fail");
  });
  test("the lookup behind %{p} is a term", async () => {
    assert.equal((await check({ ...hosts(9), "example.test": spf(`${manyTerms(9)} exists:%{p}.p.test -all`) })).mailFrom.problem?.kind, "dns-terms");
  });
  test("two void terms, not three; ip4 in front of them costs nothing", async () => {
    assert.equal((await check({ "example.test": spf("a:v1.test mx:v2.test -all") })).mailFrom.result, "fail");
    assert.equal((await check({ "example.test": spf("a:v1.test mx:v2.test exists:v3.test -all") })).mailFrom.problem?.kind, "void-lookups");
    assert.equal((await check({ "example.test": spf("a:v1.test a:v2.test a:v3.test -all") }, { limits: { voidLookups: 3 } })).mailFrom.result, "fail");
  });
  test("an MX whose hosts have no address is one void term", async () => {
    const mx = [1, 2, 3].map((preference) => ({ preference, exchange: `no${preference}.test` }));
    assert.equal((await check({ "example.test": { ...spf("mx a:v1.test -all"), MX: mx } })).mailFrom.result, "fail");
  });
  test("ten MX names, not eleven, wherever the match is", async () => {
    const mx = (count: number): { preference: number; exchange: string }[] => Array.from({ length: count }, (_, i) => ({ preference: i, exchange: `h${i}.test` }));
    const zone: Zone = { ...hosts(11), "h0.test": { A: ["192.0.2.7"] } };
    assert.equal((await check({ ...zone, "example.test": { ...spf("mx -all"), MX: mx(10) } })).mailFrom.result, "pass");
    assert.equal((await check({ ...zone, "example.test": { ...spf("mx -all"), MX: mx(11) } })).mailFrom.problem?.kind, "mx-names");
  });
  test("MX hosts are asked in the order of preference", async () => {
    const zone: Zone = { ...hosts(2), "h0.test": { A: ["192.0.2.7"] }, "example.test": { ...spf("mx -all"), MX: [{ preference: 20, exchange: "h1.test" }, { preference: 10, exchange: "h0.test" }] } };
    assert.equal((await check(zone)).mailFrom.dnsQueries, 3);
  });
  test("the eleventh name of the client is ignored", async () => {
    const names = Array.from({ length: 10 }, (_, i) => `h${i}.other.test`);
    const reverse = "7.2.0.192.in-addr.arpa";
    const zone: Zone = { "example.test": spf("ptr -all"), "a.example.test": { A: ["192.0.2.7"] } };
    assert.equal((await check({ ...zone, [reverse]: { PTR: [...names.slice(1), "a.example.test"] } })).mailFrom.result, "pass");
    assert.equal((await check({ ...zone, [reverse]: { PTR: [...names, "a.example.test"] } })).mailFrom.result, "fail");
  });
  test("questions are bounded for the message, in ptr too", async () => {
    const zone: Zone = { ...hosts(5), "example.test": spf(`${manyTerms(5)} -all`) };
    assert.equal((await check(zone, { limits: { dnsQueries: 7 } })).mailFrom.result, "fail");
    assert.equal((await check(zone, { limits: { dnsQueries: 6 } })).mailFrom.problem?.kind, "dns-queries");
    const ptr: Zone = { "example.test": spf("ptr -all"), "7.2.0.192.in-addr.arpa": { PTR: ["a.test", "b.test"] } };
    assert.equal((await check(ptr, { limits: { dnsQueries: 4 } })).mailFrom.problem?.kind, "dns-queries");
  });
  test("time runs out as a temperror", async () => {
    const clock = new FakeClock();
    const inner = new FakeResolver({ ...hosts(5), "example.test": spf(`${manyTerms(5)} -all`) });
    const slow: Resolver = { resolve: async (name, type) => { await clock.advance(4500); return inner.resolve(name, type); } };
    const { mailFrom } = await check({}, { resolver: slow, clock });
    assert.deepEqual([mailFrom.result, mailFrom.problem?.kind, mailFrom.dnsQueries], ["temperror", "time", 4]);
  });
});

describe("RFC 7208 section 5: mechanisms", () => {
  const zone: Zone = {
    "h.test": { A: ["192.0.2.200"], AAAA: ["2001:db8::200"] },
    "mapped.test": { AAAA: ["::ffff:192.0.2.7"] },
    "7.2.0.192.in-addr.arpa": { PTR: ["Mail.Example.test.", "liar.other.test"] },
    "mail.example.test": { A: ["192.0.2.7"] },
    "liar.other.test": { A: ["192.0.2.8"] },
  };
  const cases: readonly (readonly [terms: string, ip: string, result: string])[] = [
    ["a:h.test/24 -all", "192.0.2.7", "pass"],
    ["a:h.test/25 -all", "192.0.2.7", "fail"],
    ["a:h.test//120 -all", "192.0.2.7", "fail"],
    ["a:h.test/24//112 -all", "2001:db8::7", "pass"],
    ["a:h.test/24 -all", "2001:db8::7", "fail"],
    ["A:H.TEST/0 -all", "203.0.113.1", "pass"],
    ["a:h.test. -all", "192.0.2.200", "pass"],
    ["a:mapped.test -all", "192.0.2.7", "fail"],
    ["ip4:192.0.2.7/31 -all", "192.0.2.6", "pass"],
    ["ip4:0.0.0.0/0 -all", "2001:db8::7", "fail"],
    ["ip6:::/0 -all", "192.0.2.7", "fail"],
    ["ip6:2001:db8::/33 -all", "2001:db8:7fff::1", "pass"],
    ["ip6:2001:db8::/33 -all", "2001:db8:8000::1", "fail"],
    ["exists:h.test -all", "2001:db8::7", "pass"],
    ["exists:mapped.test -all", "192.0.2.7", "fail"],
    ["ptr -all", "192.0.2.7", "pass"],
    ["ptr:example.test -all", "192.0.2.7", "pass"],
    ["ptr:ample.test -all", "192.0.2.7", "fail"],
    ["ptr:other.test -all", "192.0.2.7", "fail"],
    ["ptr -all", "198.51.100.1", "fail"],
    ["?ip4:192.0.2.7 -all", "192.0.2.7", "neutral"],
  ];
  for (const [terms, ip, result] of cases) {
    test(`${terms} for ${ip}`, async () => assert.equal((await check({ ...zone, "example.test": spf(terms) }, { ip })).mailFrom.result, result));
  }
  test("a failure on the way to the client's name is no match (section 5.5)", async () => {
    for (const fail of ["PTR 7.2.0.192.in-addr.arpa", "A mail.example.test"]) {
      assert.equal((await check({ ...zone, "example.test": spf("ptr -all") }, { fail: { [fail]: "servfail" } })).mailFrom.result, "fail");
    }
  });
});

describe("RFC 7208 sections 6.2 and 7: explanations and macros", () => {
  const explained = async (text: string, given: Parameters<typeof check>[1] = {}): Promise<string | null> =>
    (await check({ "email.example.com": spf("-all exp=why.test"), "why.test": { TXT: [text] }, ...(given.ip === undefined ? { "3.2.0.192.in-addr.arpa": { PTR: ["mx.example.org"] }, "mx.example.org": { A: ["192.0.2.3"] } } : {}) },
      { from: "strong-bad@email.example.com", ip: "192.0.2.3", receiver: "mx.receiver.test", ...given })).mailFrom.explanation;
  // Section 7.4 has these.
  const cases: readonly (readonly [macro: string, expanded: string])[] = [
    ["%{s}", "strong-bad@email.example.com"], ["%{o}", "email.example.com"], ["%{d}", "email.example.com"], ["%{d4}", "email.example.com"],
    ["%{d3}", "email.example.com"], ["%{d2}", "example.com"], ["%{d1}", "com"], ["%{dr}", "com.example.email"], ["%{d2r}", "example.email"],
    ["%{l}", "strong-bad"], ["%{l-}", "strong.bad"], ["%{lr}", "strong-bad"], ["%{lr-}", "bad.strong"], ["%{l1r-}", "strong"],
    ["%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"], ["%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"],
    ["%{lr-}.lp.%{ir}.%{v}._spf.%{d2}", "bad.strong.lp.3.2.0.192.in-addr._spf.example.com"], ["%{d2}.trusted-domains.example.net", "example.com.trusted-domains.example.net"],
    ["%{c} %{r} %{h} %{p}", "192.0.2.3 mx.receiver.test mail.client.test mx.example.org"], ["%{t}", "1700000000"],
    ["%%%_%-", "% %20"], ["%{S}", "strong-bad%40email.example.com"], ["%{l1r-+.}", "strong"], ["%{D127}", "email.example.com"],
  ];
  for (const [macro, expanded] of cases) test(macro, async () => assert.equal(await explained(macro), expanded));
  test("IPv6 in nibbles", async () => {
    assert.equal(await explained("%{ir}.%{v}._spf.%{d2} %{c}", { ip: "2001:db8::cb01" }), "1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6._spf.example.com 2001:db8::cb01");
  });
  test("broken, foreign or ambiguous explanations are none", async () => {
    for (const text of ["%{x}", "%(d)", "%", "%{d0}", "caf\u00e9", "a\tb", ""]) assert.equal(await explained(text), null, text);
    const zone: Zone = { "example.test": spf("-all exp=why.test"), "why.test": { TXT: ["one", "two"] } };
    assert.equal((await check(zone)).mailFrom.explanation, null);
    assert.equal((await check(zone, { fail: { "TXT why.test": "servfail" } })).mailFrom.result, "fail");
  });
  test("a long explanation is cut", async () => assert.equal((await explained("x".repeat(1000)))?.length, 400));
  test("only the record that decides explains", async () => {
    const zone: Zone = { "example.test": spf("include:inc.test redirect=red.test exp=e1.test"), "inc.test": spf("-all exp=e2.test"), "red.test": spf("-all exp=e3.test") };
    for (const name of ["e1.test", "e2.test", "e3.test"]) Object.assign(zone, { [name]: { TXT: [name] } });
    assert.equal((await check(zone)).mailFrom.explanation, "e3.test");
  });
  test("a local part in UTF-8 matches nothing that names it (RFC 8616 section 4)", async () => {
    const zone: Zone = { "example.test": spf("exists:%{l}.l.test exists:%{s}.s.test include:%{l}.i.test exists:%{d}.d.test -all"), "example.test.d.test": { A: ["127.0.0.2"] } };
    const resolver = new FakeResolver(zone);
    const { mailFrom } = await check(zone, { from: "山田@example.test", resolver });
    assert.deepEqual([mailFrom.result, mailFrom.mechanism, mailFrom.dnsQueries], ["pass", "exists:%{d}.d.test", 2]);
    assert.equal((await check({ "example.test": spf("redirect=%{l}.r.test") }, { from: "山田@example.test" })).mailFrom.result, "neutral");
  });
  test("names that are too long lose labels on the left; impossible ones match nothing", async () => {
    const from = `${"a.".repeat(20)}b@example.test`;
    const long = `%{l}.${"c".repeat(60)}.${"d".repeat(60)}.${"e".repeat(60)}.${"f".repeat(50)}.test`;
    const name = `${"a.".repeat(5)}b.${"c".repeat(60)}.${"d".repeat(60)}.${"e".repeat(60)}.${"f".repeat(50)}.test`;
    assert.equal(name.length, 250);
    assert.equal((await check({ "example.test": spf(`exists:${long} -all`), [name.replace("a.", "")]: {}, [`${"a.".repeat(1)}${name}`]: { A: ["127.0.0.2"] } }, { from })).mailFrom.result, "pass");
    assert.equal((await check({ "example.test": spf("exists:%{l}.x.test -all") }, { from: "a..b@example.test" })).mailFrom.result, "fail");
  });
  test("a backslash in a name is no escape", async () => {
    const resolver = new FakeResolver({ "example.test": spf("exists:%{l}.x.test -all") });
    await check({}, { resolver, from: "a\\046b@example.test" });
    assert.equal(resolver.questions.at(-1), "A a\\\\046b.x.test");
  });
});
