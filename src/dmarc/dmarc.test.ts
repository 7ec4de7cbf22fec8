import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { FakeResolver } from "../port/resolver.fake.ts";
import { authorOf } from "./author.ts";
import { evaluateDmarc, findOrganizationalDomain } from "./dmarc.ts";
import type { Authenticated, DmarcEvaluation } from "./dmarc.ts";
import { walkTargets } from "./tree-walk.ts";

type Failures = ConstructorParameters<typeof FakeResolver>[1];
/** Texts of "_dmarc." names by domain; `hosts` exist. */
function resolverOf(records: Readonly<Record<string, string | readonly string[]>>, hosts: readonly string[] = [], fail: Failures = {}): FakeResolver {
  const zone = Object.entries(records).map(([domain, texts]) => [`_dmarc.${domain}`, { TXT: [texts].flat() }] as const);
  return new FakeResolver(Object.fromEntries([...zone, ...hosts.map((host) => [host, { A: ["192.0.2.7"] }] as const)]), fail);
}
async function evaluate(author: string, records: Parameters<typeof resolverOf>[0], given: { spf?: Authenticated; dkim?: readonly Authenticated[]; hosts?: readonly string[]; fail?: Failures; resolver?: FakeResolver } = {}): Promise<DmarcEvaluation> {
  const result = await evaluateDmarc({ author: { kind: "author", domain: author }, spf: given.spf ?? null, dkim: given.dkim ?? [], resolver: given.resolver ?? resolverOf(records, given.hosts, given.fail) });
  assert.ok(result.kind === "evaluated");
  return result;
}
const pass = (domain: string): Authenticated => ({ domain, result: "pass" });
const alignments = (found: DmarcEvaluation): string => found.identifiers.map(({ mechanism, alignment }) => `${mechanism} ${alignment}`).join(", ");

describe("RFC 9989 section 4.10: the tree walk", () => {
  test("the example of thirteen labels asks eight times", () => {
    assert.deepEqual(walkTargets("a.b.c.d.e.f.g.h.i.j.mail.example.com"),
      ["a.b.c.d.e.f.g.h.i.j.mail.example.com", "g.h.i.j.mail.example.com", "h.i.j.mail.example.com", "i.j.mail.example.com", "j.mail.example.com", "mail.example.com", "example.com", "com"]);
  });
  test("never more than eight, each the end of the one before, down to one label", () => {
    fc.assert(fc.property(fc.array(fc.constantFrom("a", "bb", "c-c"), { minLength: 1, maxLength: 60 }), (labels) => {
      const targets = walkTargets(labels.join("."));
      assert.equal(targets.length, Math.min(labels.length, 8));
      for (const [index, target] of targets.entries()) assert.ok(index === 0 || targets[index - 1]?.endsWith(`.${target}`));
      assert.equal(targets.at(-1), labels.at(-1));
    }));
  });
  const organizational: readonly (readonly [domain: string, records: Readonly<Record<string, string | readonly string[]>>, found: string])[] = [
    // The three examples of section 4.10.2.
    ["a.mail.example.com", { "mail.example.com": "v=DMARC1", "example.com": "v=DMARC1" }, "example.com"],
    ["a.mail.example.com", { "mail.example.com": "v=DMARC1; psd=n", "example.com": "v=DMARC1" }, "mail.example.com"],
    ["a.mail.example.com", { com: "v=DMARC1; psd=y" }, "example.com"],
    ["a.mail.example.com", {}, "a.mail.example.com"],
    ["com", { com: "v=DMARC1; psd=y" }, "com"],
    ["bank.example", { "bank.example": "v=DMARC1; psd=y", example: "v=DMARC1" }, "bank.example"],
    ["a.example.com", { "a.example.com": ["v=DMARC1; psd=n", "v=DMARC1"], "example.com": "v=DMARC1" }, "example.com"],
    ["a.example.com", { "a.example.com": "v=DMARC2; psd=n", "example.com": ["text", "v=DMARC1"] }, "example.com"],
    [`${"a.".repeat(120)}example.com`, { com: "v=DMARC1; psd=y" }, "example.com"],
  ];
  for (const [domain, records, found] of organizational) {
    test(`${domain.slice(0, 30)} belongs to ${found.slice(0, 30)}`, async () => assert.deepEqual(await findOrganizationalDomain(domain, resolverOf(records)), { kind: "found", domain: found }));
  }
  test("a failure on the way is told", async () => {
    assert.deepEqual(await findOrganizationalDomain("a.example.com", resolverOf({ "a.example.com": "v=DMARC1" }, [], { "TXT _dmarc.com": "timeout" })), { kind: "failure", because: "timeout", domain: "com" });
  });
});

describe("RFC 9989 appendix B.4", () => {
  test("B.4.1", async () => {
    const records = { "example.com": "v=DMARC1; p=reject", "signing.example.com": "v=DMARC1; p=none" };
    const found = await evaluate("example.com", records, { spf: pass("example.com"), dkim: [pass("signing.example.com")] });
    assert.deepEqual([found.result, alignments(found), found.policyDomain, found.organizationalDomain], ["pass", "spf strict, dkim relaxed", "example.com", "example.com"]);
  });
  test("B.4.2", async () => {
    const author = "a.b.c.d.e.f.g.h.i.j.k.example.com";
    const found = await evaluate(author, { "example.com": "v=DMARC1; p=reject; sp=quarantine", "signing.example.com": "v=DMARC1" }, { spf: pass("example.com"), dkim: [pass("signing.example.com")] });
    assert.deepEqual([found.result, alignments(found), found.policyDomain, found.policyTag], ["pass", "spf relaxed, dkim relaxed", "example.com", "sp"]);
    // Eight for the author, the others' ends are known.
    assert.equal(found.dnsQueries, 9);
  });
  test("B.4.3", async () => {
    const records = { "bank.example": "v=DMARC1; p=reject; psd=y", "giant.bank.example": "v=DMARC1; p=quarantine" };
    const found = await evaluate("giant.bank.example", records, { spf: pass("mail.giant.bank.example"), dkim: [pass("mail.mega.bank.example")] });
    assert.deepEqual([found.result, alignments(found), found.policyDomain, found.policy], ["pass", "spf relaxed, dkim none", "giant.bank.example", "quarantine"]);
  });
});

describe("RFC 9989 section 4.10.1: the policy", () => {
  const org = "v=DMARC1; p=reject; sp=quarantine; np=none";
  const cases: readonly (readonly [name: string, author: string, records: Readonly<Record<string, string>>, hosts: readonly string[], expected: readonly (string | null)[]])[] = [
    ["the author domain's p", "example.test", { "example.test": org }, [], ["fail", "example.test", "p", "reject", "reject"]],
    ["sp of the organizational domain", "a.example.test", { "example.test": org }, ["a.example.test"], ["fail", "example.test", "sp", "quarantine", "quarantine"]],
    ["sp where only something below exists", "a.example.test", { "example.test": org }, ["b.a.example.test"], ["fail", "example.test", "sp", "quarantine", "quarantine"]],
    ["np", "ghost.example.test", { "example.test": org }, [], ["fail", "example.test", "np", "none", "none"]],
    ["sp for np", "ghost.example.test", { "example.test": "v=DMARC1; p=reject; sp=none" }, [], ["fail", "example.test", "sp", "none", "none"]],
    ["p for sp", "ghost.example.test", { "example.test": "v=DMARC1; p=reject" }, [], ["fail", "example.test", "p", "reject", "reject"]],
    ["a subdomain's own record, whose sp is for its own subdomains", "a.example.test", { "example.test": org, "a.example.test": "v=DMARC1; p=none; sp=reject" }, ["a.example.test"], ["fail", "a.example.test", "p", "none", "none"]],
    ["no record in between", "a.b.example.test", { "example.test": org, "b.example.test": "v=DMARC1; p=none" }, ["a.b.example.test"], ["fail", "example.test", "sp", "quarantine", "quarantine"]],
    ["the public suffix domain's, when the organizational domain has none", "a.shop.test", { test: "v=DMARC1; p=reject; sp=quarantine; psd=y" }, ["a.shop.test"], ["fail", "test", "sp", "quarantine", "quarantine"]],
    ["the public suffix domain's own p", "test", { test: "v=DMARC1; p=reject; sp=none; psd=y" }, [], ["fail", "test", "p", "reject", "reject"]],
    ["no record", "example.test", {}, [], ["none", null, null, null, "none"]],
    ["a record of no use", "example.test", { "example.test": "v=DMARC1; p=moo" }, [], ["permerror", "example.test", null, null, "none"]],
    ["test mode", "example.test", { "example.test": "v=DMARC1; p=reject; t=y" }, [], ["fail", "example.test", "p", "reject", "quarantine"]],
    ["test mode of quarantine", "example.test", { "example.test": "v=DMARC1; p=quarantine; t=y" }, [], ["fail", "example.test", "p", "quarantine", "none"]],
    ["pct is not read (T-DR-10)", "example.test", { "example.test": "v=DMARC1; p=reject; pct=0" }, [], ["fail", "example.test", "p", "reject", "reject"]],
  ];
  for (const [name, author, records, hosts, expected] of cases) {
    test(name, async () => {
      const found = await evaluate(author, records, { hosts });
      assert.deepEqual([found.result, found.policyDomain, found.policyTag, found.policy, found.requested], expected);
    });
  }
  test("nothing is requested for what passes, and nobody asks whether it exists", async () => {
    const resolver = resolverOf({ "example.test": org });
    const found = await evaluate("a.example.test", {}, { resolver, spf: pass("a.example.test") });
    assert.deepEqual([found.result, found.requested], ["pass", "none"]);
    assert.ok(!resolver.questions.some((question) => question.startsWith("A ")));
  });
});

describe("RFC 9989 sections 4.4 and 4.10.2: alignment", () => {
  const strict = { "example.test": "v=DMARC1; p=reject; adkim=s; aspf=s" };
  const relaxed = { "example.test": "v=DMARC1; p=reject" };
  const cases: readonly (readonly [name: string, records: Readonly<Record<string, string>>, author: string, dkim: Authenticated, result: string, alignment: string])[] = [
    ["strict, the same in another case", strict, "example.test", pass("Example.TEST"), "pass", "strict"],
    ["strict, a subdomain", strict, "example.test", pass("a.example.test"), "fail", "none"],
    ["relaxed, a subdomain", relaxed, "example.test", pass("a.example.test"), "pass", "relaxed"],
    ["relaxed, siblings", relaxed, "a.example.test", pass("b.example.test"), "pass", "relaxed"],
    ["relaxed, the parent", relaxed, "a.example.test", pass("example.test"), "pass", "relaxed"],
    ["another domain with the same end", relaxed, "example.test", pass("notexample.test"), "fail", "none"],
    ["another domain", relaxed, "example.test", pass("example.org"), "fail", "none"],
    ["a subdomain that is an organization of its own", { ...relaxed, "a.example.test": "v=DMARC1; p=none; psd=n" }, "example.test", pass("a.example.test"), "fail", "none"],
    ["a failed signature", relaxed, "example.test", { domain: "example.test", result: "fail" }, "fail", "unchecked"],
    ["a signature without a domain", relaxed, "example.test", { domain: null, result: "pass" }, "fail", "unchecked"],
    ["a temperror that could have passed", relaxed, "example.test", { domain: "example.test", result: "temperror" }, "temperror", "strict"],
    ["a temperror of a stranger", relaxed, "example.test", { domain: "example.org", result: "temperror" }, "fail", "none"],
  ];
  for (const [name, records, author, dkim, result, alignment] of cases) {
    test(name, async () => {
      const found = await evaluate(author, records, { dkim: [dkim] });
      assert.deepEqual([found.result, found.identifiers[0]?.alignment], [result, alignment]);
    });
  }
  test("one aligned identifier is enough; a stranger's costs no walk", async () => {
    const resolver = resolverOf(relaxed);
    const found = await evaluate("example.test", {}, { resolver, spf: pass("bounce.provider.org"), dkim: [pass("provider.org"), pass("mail.example.test")] });
    assert.deepEqual([found.result, alignments(found)], ["pass", "spf none, dkim none, dkim relaxed"]);
    assert.deepEqual(resolver.questions, ["TXT _dmarc.example.test", "TXT _dmarc.test", "TXT _dmarc.mail.example.test"]);
  });
  test("ten identifiers count, not eleven", async () => {
    const strangers = (count: number): Authenticated[] => Array.from({ length: count }, () => pass("a.org"));
    assert.equal((await evaluate("example.test", relaxed, { dkim: [...strangers(8), pass("example.test")] })).result, "pass");
    assert.equal((await evaluate("example.test", relaxed, { dkim: [...strangers(9), pass("example.test")] })).result, "fail");
  });
});

describe("RFC 9989 section 5.3.6: what the DNS cannot tell (T-DR-3)", () => {
  const records = { "example.test": "v=DMARC1; p=reject; np=quarantine" };
  const cases: readonly (readonly [name: string, author: string, fail: Failures, given: { spf?: Authenticated; dkim?: readonly Authenticated[] }, result: string, trouble: string | null])[] = [
    ["the author domain's record", "example.test", { "TXT _dmarc.example.test": "servfail" }, { spf: pass("example.test") }, "temperror", "servfail"],
    ["a record on the way", "a.example.test", { "TXT _dmarc.example.test": "bogus" }, {}, "temperror", "bogus"],
    ["a name above that was not needed", "example.test", { "TXT _dmarc.test": "timeout" }, { spf: pass("example.test") }, "pass", null],
    ["a name above that was needed", "example.test", { "TXT _dmarc.test": "timeout" }, { spf: pass("a.example.test") }, "temperror", "timeout"],
    ["an identifier's walk, with another one aligned", "example.test", { "TXT _dmarc.a.example.test": "timeout" }, { spf: pass("a.example.test"), dkim: [pass("example.test")] }, "pass", null],
    ["existence, which np needs", "a.example.test", { "A a.example.test": "servfail" }, {}, "temperror", "servfail"],
    ["existence, which nobody needs", "a.example.test", { "A a.example.test": "servfail" }, { spf: pass("a.example.test") }, "pass", null],
  ];
  for (const [name, author, fail, given, result, trouble] of cases) {
    test(name, async () => {
      const found = await evaluate(author, records, { ...given, fail });
      assert.deepEqual([found.result, found.trouble?.because ?? null, found.requested], [result, trouble, "none"]);
    });
  }
});

describe("RFC 9989 sections 5.3.1 and 11.5: the author domain (T-DR-2)", () => {
  const cases: readonly (readonly [fields: readonly string[], expected: string])[] = [
    [["Aki <aki@Example.TEST>"], "example.test"],
    [["a@example.test, b@EXAMPLE.test"], "example.test"],
    [["=?utf-8?q?x=40evil.test?= <a@example.test>"], "example.test"],
    [['"a@evil.test" <a@example.test>'], "example.test"],
    [["a@日本.test"], "xn--wgv71a.test"],
    [["a@mail_1.example.test"], "mail_1.example.test"],
    [["Group: a@example.test;"], "example.test"],
    [["a@example.test, b@other.test"], "several-domains example.test other.test"],
    [["a@example.test", "a@example.test"], "several-fields example.test"],
    [["a@example.test", "b@other.test"], "several-fields example.test other.test"],
    [[], "no-field"],
    [[""], "no-domain"],
    [["undisclosed:;"], "no-domain"],
    [["just a name"], "no-domain"],
    [["a@[192.0.2.7]"], "malformed-domain"],
    [["a@exa..mple"], "malformed-domain"],
    [["a@example.test, b@-bad-"], "malformed-domain example.test"],
  ];
  for (const [fields, expected] of cases) {
    test(JSON.stringify(fields), () => {
      const author = authorOf(fields);
      assert.equal(author.kind === "author" ? author.domain : [author.because, ...author.domains].join(" "), expected);
    });
  }
  test("without one there is no evaluation and no question", async () => {
    const resolver = resolverOf({});
    const found = await evaluateDmarc({ author: authorOf(["a@a.test, b@b.test"]), spf: pass("a.test"), dkim: [], resolver });
    assert.deepEqual(found, { kind: "not-applicable", because: "several-domains", domains: ["a.test", "b.test"] });
    assert.deepEqual(resolver.questions, []);
  });
  test("any text gives an author or a reason", () => {
    fc.assert(fc.property(fc.array(fc.string({ unit: "binary", maxLength: 60 }), { maxLength: 3 }), (fields) => {
      const author = authorOf(fields);
      assert.ok(author.kind === "not-applicable" || (fields.length === 1 && author.domain.length <= 253));
    }));
  });
});

test("no zone makes an evaluation throw or ask more than its walks may", async () => {
  const domain = fc.array(fc.constantFrom("a", "b", "c"), { minLength: 1, maxLength: 12 }).map((labels) => labels.join("."));
  const text = fc.constantFrom("v=DMARC1; p=reject", "v=DMARC1; psd=y; p=none; np=reject", "v=DMARC1; psd=n", "v=DMARC1; p=none; adkim=s; sp=reject; np=none", "junk");
  await fc.assert(fc.asyncProperty(domain, fc.array(fc.tuple(domain, text), { maxLength: 8 }), fc.array(fc.record({ domain, result: fc.constantFrom("pass", "fail", "temperror") }), { maxLength: 12 }), domain, async (author, records, dkim, failing) => {
    const resolver = resolverOf(Object.fromEntries(records), [], { [`TXT _dmarc.${failing}`]: "servfail" });
    const found = await evaluate(author, {}, { resolver, dkim });
    assert.equal(found.dnsQueries, resolver.questions.length);
    assert.ok(found.dnsQueries <= 1 + 8 * 11);
    assert.equal(new Set(resolver.questions).size, resolver.questions.length);
    if (found.result !== "fail") assert.equal(found.requested, "none");
    if (found.result === "pass") assert.ok(found.identifiers.some(({ result, alignment }) => result === "pass" && (alignment === "strict" || alignment === "relaxed")));
  }), { numRuns: 300 });
});
