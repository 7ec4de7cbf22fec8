/** Cases of other implementations, transcribed as facts: zone, author domain, results of SPF and DKIM, outcome. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { authorOf } from "../src/dmarc/author.ts";
import { evaluateDmarc } from "../src/dmarc/dmarc.ts";
import type { Authenticated } from "../src/dmarc/dmarc.ts";
import type { Answer, RecordOf, RecordType, Resolver } from "../src/port/resolver.ts";

const ROOT = process.env.TAYORI_CONFORMANCE ?? join(import.meta.dirname, "../../shared/conformance");
const FOLDER = join(ROOT, "dmarc-cases");

/** Where we differ, and why. An entry that passes fails too. */
const DEVIATIONS: ReadonlyMap<string, string> = new Map([
  ["mox-malformed", "RFC 9989 section 4.8: a syntax error behind the version is left out; p=none stays"],
  ["DMARC Verify Tests Edge cases Should handle headerFrom without @ symbol", "RFC 9989 section 5.3.1: a field without an address has no author domain"],
]);

function judge(name: string, difference: string | null): string[] {
  const known = DEVIATIONS.get(name);
  if (known !== undefined) return difference === null ? [`${name}: passes, but is listed as a deviation`] : [];
  return difference === null ? [] : [`${name}: ${difference}`];
}

/** Names with texts, names that merely exist, names that fail. Everything else does not exist, unless something lies below it. */
class CaseResolver implements Resolver {
  readonly texts: ReadonlyMap<string, readonly string[]>;
  readonly existing: readonly string[];
  readonly failing: ReadonlySet<string>;
  constructor(texts: ReadonlyMap<string, readonly string[]>, existing: readonly string[], failing: readonly string[]) {
    this.texts = texts;
    this.existing = [...existing, ...texts.keys()];
    this.failing = new Set(failing);
  }
  async resolve<T extends RecordType>(name: string, type: T): Promise<Answer<RecordOf[T]>> {
    if (this.failing.has(name)) return { kind: "failure", because: "timeout" };
    const [first, ...rest] = (type === "TXT" ? this.texts.get(name) ?? [] : []).map((text) => text as RecordOf[T]);
    if (first !== undefined) return { kind: "records", records: [first, ...rest], authentic: false, ttl: 60 };
    const exists = this.existing.some((other) => other === name || other.endsWith(`.${name}`));
    return { kind: "void", because: exists ? "nodata" : "nxdomain", authentic: false, ttl: 60 };
  }
}

interface Expected {
  readonly result: string;
  readonly policy?: string;
}
async function differenceOf(from: string, spf: Authenticated | null, dkim: readonly Authenticated[], resolver: Resolver, expected: Expected): Promise<string | null> {
  const found = await evaluateDmarc({ author: authorOf([from]), spf, dkim, resolver });
  if (found.kind !== "evaluated") return `not applicable: ${found.because}`;
  // They give the policy that is left after test mode (t=y) for what fails, and what is published for what passes.
  const told = found.result === "fail" ? found.requested : found.policy;
  const policy = expected.policy === undefined || told === expected.policy;
  return found.result === expected.result && policy ? null : `${found.result} ${found.policyTag}=${found.policy} at ${found.policyDomain}, expected ${JSON.stringify(expected)}`;
}

interface Case {
  readonly id: string;
  readonly zone: Readonly<Record<string, readonly string[]>>;
  readonly exist: readonly string[];
  readonly tempfail: readonly string[];
  readonly from_domain: string;
  readonly spf: readonly (readonly [domain: string, result: string])[];
  readonly dkim: readonly (readonly [domain: string, result: string])[];
  readonly expect: Expected;
}
const CASES = join(FOLDER, "dmarc-cases.json");
test("cases of mox, mail-auth and OpenDMARC", { skip: existsSync(CASES) ? false : `no ${CASES}` }, async () => {
  const cases = JSON.parse(readFileSync(CASES, "utf8")) as readonly Case[];
  const failures: string[] = [];
  for (const { id, zone, exist, tempfail, from_domain, spf, dkim, expect } of cases) {
    const resolver = new CaseResolver(new Map(Object.entries(zone)), exist, tempfail);
    const [first = null, ...others] = spf.map(([domain, result]) => ({ domain, result }));
    assert.equal(others.length, 0, id);
    failures.push(...judge(id, await differenceOf(`a@${from_domain}`, first, dkim.map(([domain, result]) => ({ domain, result })), resolver, expect)));
  }
  assert.deepEqual(failures, []);
  assert.ok(cases.length > 0);
});

interface Recorded {
  readonly test: string;
  readonly input: { readonly headerFrom: string | readonly string[]; readonly spfDomains: readonly { readonly domain: string }[]; readonly dkimDomains: readonly { readonly domain: string }[] };
  readonly dns: Readonly<Record<string, Readonly<Record<string, readonly (readonly string[])[] | readonly string[] | { readonly error: string }>>>>;
  readonly expect: Expected;
}
const RECORDED = join(FOLDER, "dmarc-recorded-mailauth710.json");
test("evaluations recorded from mailauth", { skip: existsSync(RECORDED) ? false : `no ${RECORDED}` }, async () => {
  const recorded = JSON.parse(readFileSync(RECORDED, "utf8")) as readonly Recorded[];
  const failures: string[] = [];
  for (const { test: name, input, dns, expect } of recorded) {
    const texts = new Map<string, string[]>();
    const existing: string[] = [];
    const failing: string[] = [];
    for (const [domain, types] of Object.entries(dns)) {
      for (const [type, answer] of Object.entries(types)) {
        if ("error" in answer) {
          if (answer.error !== "ENOTFOUND") failing.push(domain);
        } else if (type === "TXT") texts.set(domain, answer.map((strings) => [strings].flat().join("")));
        else existing.push(domain);
      }
    }
    assert.ok(input.spfDomains.length <= 1, name);
    const pass = ({ domain }: { domain: string }): Authenticated => ({ domain, result: "pass" });
    const spf = input.spfDomains[0] === undefined ? null : pass(input.spfDomains[0]);
    failures.push(...judge(name, await differenceOf([input.headerFrom].flat().join(", "), spf, input.dkimDomains.map(pass), new CaseResolver(texts, existing, failing), expect)));
  }
  assert.deepEqual(failures, []);
  assert.ok(recorded.length > 0);
});

const FROM = join(FOLDER, "from-domain.json");
test("author domains of OpenDMARC", { skip: existsSync(FROM) ? false : `no ${FROM}` }, () => {
  const pairs = JSON.parse(readFileSync(FROM, "utf8")) as readonly (readonly [from: string, domain: string])[];
  const failures = pairs.flatMap(([from, domain]) => {
    const author = authorOf([from]);
    return judge(from, author.kind === "author" && author.domain === domain ? null : JSON.stringify(author));
  });
  assert.deepEqual(failures, []);
  assert.ok(pairs.length > 0);
});
