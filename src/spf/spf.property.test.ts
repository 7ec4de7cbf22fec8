import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { FakeClock } from "../port/clock.fake.ts";
import { FakeRandom } from "../port/random.fake.ts";
import type { Answer, RecordOf, RecordType, Resolver } from "../port/resolver.ts";
import { DNS_QUERIES_MAX } from "./limits.ts";
import { lintSpfDomain } from "./lint-domain.ts";
import { lintSpf } from "./lint.ts";
import { parseSpfRecord } from "./record.ts";
import { checkSpf } from "./spf.ts";

const octets = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes).toString("latin1"));
const piece = fc.constantFrom("a", "mx", "ptr", "all", "include:", "exists:", "redirect=", "exp=", "ip4:", "ip6:", "192.0.2.7", "::1", "/", "//", "24", " ", "-", "~", "?", "+", "%{", "}", "%{d}", "%{p}", "%{l1r-}", "%{ir}", "%%", ".", "test", "example.test", "b.test", "x=", "\u00e9", "\t");
const record = fc.oneof(octets, fc.array(piece, { maxLength: 30 }).map((pieces) => pieces.join(""))).map((text) => `v=spf1 ${text}`);

test("any octets are read without throwing, and faults name places in the record", () => {
  fc.assert(fc.property(record, (text) => {
    for (const { start, text: term, kind } of lintSpf(text).faults) assert.equal(text.slice(start, start + term.length), term, kind);
    const parsed = parseSpfRecord(text);
    for (const { text: term, start } of parsed.record.directives) assert.equal(text.slice(start, start + term.length), term);
  }), { numRuns: 1500 });
});

/** Answers anything, out of a few records, so that includes lead on without end. */
class WildResolver implements Resolver {
  questions = 0;
  readonly #random: FakeRandom;
  readonly #texts: readonly string[];
  constructor(seed: number, texts: readonly string[]) {
    this.#random = new FakeRandom(seed);
    this.#texts = texts;
  }
  async resolve<T extends RecordType>(_name: string, type: T): Promise<Answer<RecordOf[T]>> {
    this.questions++;
    const draw = this.#random.below(20);
    if (draw === 0) return { kind: "failure", because: "servfail" };
    if (draw < 3) return { kind: "void", because: "nxdomain", authentic: false, ttl: 1 };
    const text = this.#texts[this.#random.below(this.#texts.length)] ?? "";
    const some = { A: "198.51.100.1", AAAA: "2001:db8::1", MX: { preference: 1, exchange: "mx.test" }, TXT: text, PTR: "p.example.test", CNAME: "c.test", NS: "n.test", TLSA: { usage: 3, selector: 1, matching: 1, data: Buffer.alloc(0) } } satisfies RecordOf;
    const one: RecordOf[T] = some[type];
    return { kind: "records", records: [one, ...(type === "TXT" ? [] : Array.from({ length: this.#random.below(9) }, () => one))], authentic: false, ttl: 1 };
  }
}

test("no records make a check throw, run on, or ask more than it may", async () => {
  const long = fc.array(fc.constantFrom("include:a.test", "mx", "a:b.test", "exists:%{i}.%{p}.test", "ptr", "?all", "redirect=c.test"), { minLength: 1, maxLength: 20 }).map((terms) => `v=spf1 ${terms.join(" ")}`);
  await fc.assert(fc.asyncProperty(fc.nat(), fc.array(fc.oneof(record, long), { minLength: 1, maxLength: 4 }), fc.string({ unit: "binary", maxLength: 30 }), fc.string({ unit: "binary", maxLength: 30 }), async (seed, texts, helo, localPart) => {
    const resolver = new WildResolver(seed, texts);
    const results = await checkSpf({ ip: seed % 2 === 0 ? "192.0.2.7" : "2001:db8::7", helo, reversePath: { kind: "address", address: { localPart, domain: "example.test" } }, resolver, clock: new FakeClock() });
    assert.ok(resolver.questions <= DNS_QUERIES_MAX);
    assert.equal(results.dnsQueries, resolver.questions);
    for (const result of [results.helo, results.mailFrom]) {
      assert.equal(result.problem === null, result.mechanism !== null);
      if (result.problem !== null) assert.equal(result.problem.result, result.result);
    }
  }), { numRuns: 250 });
});

test("linting a domain ends, whatever it finds", async () => {
  await fc.assert(fc.asyncProperty(fc.nat(), fc.array(record, { minLength: 1, maxLength: 4 }), async (seed, texts) => {
    const { records } = await lintSpfDomain("example.test", new WildResolver(seed, texts));
    assert.ok(records.length <= 40);
  }), { numRuns: 150 });
});
