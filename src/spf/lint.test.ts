import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { FakeResolver } from "../port/resolver.fake.ts";
import { lintSpfDomain } from "./lint-domain.ts";
import { lintSpf } from "./lint.ts";

const faultsOf = (text: string): string[] => lintSpf(text).faults.map(({ kind, severity, text: term, start }) => `${severity} ${kind} ${start} ${term}`.trim());

describe("one record", () => {
  const cases: readonly (readonly [text: string, faults: readonly string[]])[] = [
    ["v=spf1 ip4:192.0.2.0/24 include:_spf.example.test -all", []],
    ["v=spf1 redirect=_spf.example.test", []],
    ["spf1 -all", ["error no-version 0"]],
    ["v=spf1 +all", ["error passes-everybody 7 +all"]],
    ["v=spf1 all", ["error passes-everybody 7 all"]],
    ["v=spf1 ip4:0.0.0.0/1 ip4:128.0.0.0/1 -all", ["error wide-network 7 ip4:0.0.0.0/1", "error wide-network 21 ip4:128.0.0.0/1"]],
    ["v=spf1 -ip4:0.0.0.0/1 ?all", []],
    ["v=spf1 ip4:192.0.2.7", ["warning no-end 0"]],
    ["v=spf1  ptr -all mx redirect=a.test", ["warning ptr 8 ptr", "warning never-reached 17 mx", "warning never-reached 20 redirect=a.test"]],
    ["v=spf1 exists:%{p}.a.test -all", ["warning ptr 7 exists:%{p}.a.test"]],
    ["v=spf1 op=x -all", ["note unknown-modifier 7 op=x"]],
    [`v=spf1 ${"mx:a.test ".repeat(11)}-all`, ["error dns-terms 0"]],
    [`v=spf1 ${"ip4:192.0.2.7 ".repeat(40)}-all`, ["note long-record 450"]],
    ["v=spf1 moo a: a:foo a:1.2.3.4 a:x.test/33 a/024 a//129 ip4:1.2.3 ip4:1.2.3.4/33 ip6:1.2.3.4 ip6:: ip6:::/129 -all",
      ["unknown-mechanism 7 moo", "missing-domain 11 a:", "bad-domain 14 a:foo", "bad-domain 20 a:1.2.3.4", "bad-prefix-length 30 a:x.test/33", "bad-prefix-length 42 a/024",
        "bad-prefix-length 48 a//129", "bad-address 55 ip4:1.2.3", "bad-prefix-length 65 ip4:1.2.3.4/33", "bad-address 80 ip6:1.2.3.4", "bad-address 92 ip6::", "bad-prefix-length 98 ip6:::/129"].map((fault) => `error ${fault}`)],
    ["v=spf1 include include: exists:%{x}.a.test ptr/8 all:a.test redirect= redirect=a.test redirect=b.test 1x=a -x=a a:%{d -all",
      ["missing-domain 7 include", "missing-domain 15 include:", "bad-macro 24 exists:%{x}.a.test", "unexpected-argument 43 ptr/8", "unexpected-argument 49 all:a.test", "missing-domain 60 redirect=",
        "repeated-modifier 86 redirect=b.test", "bad-modifier-name 102 1x=a", "bad-modifier-name 107 -x=a", "bad-macro 112 a:%{d"].map((fault) => `error ${fault}`).concat("warning never-reached 70 redirect=a.test")],
    ["v=spf1 a:caf\u00e9.test x=\u00e9 a:x\ty.test -all", ["error bad-character 7 a:caf\u00e9.test", "error bad-character 19 x=\u00e9", "error bad-character 23 a:x\ty.test"]],
    ["v=spf1 a:%{c}.test include:%{r}.test exp=%{t}.test -all", ["error bad-macro 7 a:%{c}.test", "error bad-macro 19 include:%{r}.test", "error bad-macro 37 exp=%{t}.test"]],
    [`v=spf1 ${"x".repeat(20_000)}`, ["error record-too-long 16384", "warning no-end 0", "note long-record 450"]],
  ];
  for (const [text, faults] of cases) test(text.slice(0, 60), () => assert.deepEqual(faultsOf(text).sort(), [...faults].sort()));
  test("faults are bounded", () => assert.equal(lintSpf(`v=spf1 ${"moo ".repeat(3000)}-all`).faults.filter(({ kind }) => kind === "unknown-mechanism").length, 50));
});

describe("a domain", () => {
  const lint = async (zone: ConstructorParameters<typeof FakeResolver>[0], fail: Record<string, "servfail"> = {}): Promise<{ faults: string[]; dnsTerms: number; voidTerms: number; records: number }> => {
    const { faults, dnsTerms, voidTerms, records } = await lintSpfDomain("example.test", new FakeResolver(zone, fail));
    return { faults: faults.map(({ kind, severity, domain, text }) => `${severity} ${kind} ${domain} ${text}`.trim()), dnsTerms, voidTerms, records: records.length };
  };
  const record = (terms: string): { TXT: string[] } => ({ TXT: [`v=spf1 ${terms}`] });
  test("a sound one", async () => {
    const zone = { "example.test": { ...record("include:inc.test mx a:six.test -all"), MX: [{ preference: 1, exchange: "mx.test" }] }, "inc.test": record("ip4:192.0.2.0/24"), "mx.test": { A: ["192.0.2.7"] }, "six.test": { AAAA: ["2001:db8::7"] } };
    assert.deepEqual(await lint(zone), { faults: [], dnsTerms: 3, voidTerms: 0, records: 2 });
  });
  test("the sum of the terms counts, up to all", async () => {
    const terms = Array.from({ length: 6 }, (_, i) => `exists:%{i}.${i}.test`).join(" ");
    const { faults, dnsTerms } = await lint({ "example.test": record("include:a.test include:b.test -all mx:never.test"), "a.test": record(terms), "b.test": record(terms) });
    assert.equal(dnsTerms, 14);
    assert.ok(faults.includes("error dns-terms example.test"));
    assert.equal(faults.filter((fault) => fault.startsWith("note not-followed")).length, 12);
    assert.ok(faults.includes("warning never-reached example.test mx:never.test"));
  });
  test("loops, absence, several records, failures, void terms", async () => {
    assert.deepEqual((await lint({ "example.test": record("include:b.test -all"), "b.test": record("redirect=example.test") })).faults, ["error loop b.test redirect=example.test"]);
    assert.deepEqual((await lint({})).faults, ["error no-record example.test"]);
    assert.deepEqual((await lint({ "example.test": { TXT: ["v=spf1 -all", "v=spf1 ~all"] } })).faults, ["error multiple-records example.test"]);
    assert.deepEqual((await lint({ "example.test": record("include:x.test redirect=y.test") })).faults, ["error include-without-record example.test include:x.test", "error redirect-without-record example.test redirect=y.test"]);
    assert.deepEqual((await lint({ "example.test": record("a:x.test -all") }, { "A x.test": "servfail" })).faults, ["error dns-failure example.test a:x.test"]);
    const voids = await lint({ "example.test": record("a:x.test mx exists:y.test -all") });
    assert.deepEqual([voids.voidTerms, voids.faults.at(-1)], [3, "error void-lookups example.test"]);
    const mx = Array.from({ length: 11 }, (_, i) => ({ preference: i, exchange: "h.test" }));
    assert.deepEqual((await lint({ "example.test": { ...record("mx -all"), MX: mx }, "h.test": { A: ["192.0.2.7"] } })).faults, ["error mx-names example.test mx"]);
  });
  test("a tree of includes ends", async () => {
    const zone = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [i === 0 ? "example.test" : `n${i}.test`, record(Array.from({ length: 9 }, (_, j) => `include:n${(i + j + 1) % 100}.test`).join(" "))]));
    const resolver = new FakeResolver(zone);
    await lintSpfDomain("example.test", resolver);
    assert.ok(resolver.questions.length <= 40);
  });
});
