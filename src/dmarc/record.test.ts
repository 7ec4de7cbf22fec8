import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { parseDmarcRecord, writeDmarcRecord } from "./record.ts";
import type { DmarcRecord } from "./record.ts";
import { parseReportUri } from "./report-uri.ts";

const DEFAULTS: DmarcRecord = { p: null, sp: null, np: null, adkim: "relaxed", aspf: "relaxed", fo: ["0"], psd: "u", testMode: false, rua: [], ruf: [] };
const uri = (text: string): NonNullable<ReturnType<typeof parseReportUri>> => parseReportUri(text)!;
const REPORTS = uri("mailto:d@example.test");

describe("RFC 9989 sections 4.7, 4.8 and 4.10.1: records", () => {
  const cases: readonly (readonly [text: string, record: Partial<DmarcRecord> | null, faults: readonly string[]])[] = [
    ["v=DMARC1; p=reject", { p: "reject" }, []],
    ["V = DMARC1 ;\tp = Reject ; ", { p: "reject" }, []],
    ["v=DMARC1;p=none;sp=quarantine;np=reject;adkim=s;aspf=S;psd=n;t=y;fo=1:d:s", { p: "none", sp: "quarantine", np: "reject", adkim: "strict", aspf: "strict", psd: "n", testMode: true, fo: ["1", "d", "s"] }, []],
    ["v=dmarc1; p=reject", null, []],
    ["v=DMARC10; p=reject", null, []],
    ["v=DMARC1 p=reject", null, []],
    [" v=DMARC1; p=reject", null, []],
    ["p=reject; v=DMARC1", null, []],
    ["v=spf1 -all", null, []],
    ["", null, []],
    ["v=DMARC1", {}, ["no-policy"]],
    ["v=DMARC1; rua=mailto:d@example.test", { p: "none", rua: [REPORTS] }, ["policy-read-as-none"]],
    ["v=DMARC1; p=rejct; rua=mailto:d@example.test", { p: "none", rua: [REPORTS] }, ["bad-value p", "policy-read-as-none"]],
    ["v=DMARC1; p=reject; sp=x; rua=mailto:d@example.test", { p: "none", rua: [REPORTS] }, ["bad-value sp", "policy-read-as-none"]],
    ["v=DMARC1; p=reject; np=", {}, ["bad-value np", "no-policy"]],
    ["v=DMARC1; p=reject; rua=nothing", { p: "reject" }, ["bad-uri rua"]],
    ["v=DMARC1; rua=nothing", {}, ["bad-uri rua", "no-policy"]],
    ["v=DMARC1; p=reject; pct=0; rf=afrf; ri=3600", { p: "reject" }, ["removed-tag pct", "removed-tag rf", "removed-tag ri"]],
    ["v=DMARC1; p=none; bogus; x=1; =; caf\u00e9=1; adkim=q; t=u; psd=x", { p: "none" }, ["bad-tag ", "unknown-tag x", "bad-tag ", "bad-tag ", "bad-value adkim", "bad-value psd", "bad-value t"]],
    ["v=DMARC1; p=none; p=none", { p: "none" }, []],
    ["v=DMARC1; p=none; p=reject; adkim=s; adkim=r", {}, ["repeated-tag p", "repeated-tag adkim", "no-policy"]],
    ["v=DMARC1; p=none; constructor=1; __proto__=x", { p: "none" }, ["unknown-tag constructor", "bad-tag "]],
    ["v=DMARC1; p=constructor", {}, ["bad-value p", "no-policy"]],
    ["v=DMARC1; p=none; fo=0:1", { p: "none" }, ["bad-value fo"]],
    ["v=DMARC1; p=none; fo=d:d", { p: "none" }, ["bad-value fo"]],
    ["v=DMARC1; p=none; fo=D:0", { p: "none", fo: ["d", "0"] }, []],
    ["v=DMARC1; p=none; rua=mailto:d@example.test!10m , https://r.test/x, mailto:a@b@c ,ftp", { p: "none", rua: [REPORTS, uri("https://r.test/x")] }, ["bad-uri rua", "bad-uri rua", "obsolete-size rua"]],
  ];
  for (const [text, record, faults] of cases) {
    test(JSON.stringify(text), () => {
      const parsed = parseDmarcRecord(text);
      if (parsed.kind === "not-dmarc") return assert.equal(record, null);
      assert.deepEqual(parsed.record, { ...DEFAULTS, ...record });
      const told = parsed.faults.map(({ kind, tag }) => (kind.endsWith("policy") || kind.startsWith("policy") ? kind : `${kind} ${tag}`));
      assert.deepEqual(told.sort(), [...faults].sort());
    });
  }
  test("limits", () => {
    const many = (count: number): string => `v=DMARC1; p=none; rua=${Array.from({ length: count }, (_, i) => `mailto:d${i}@example.test`).join(",")}`;
    const at = parseDmarcRecord(many(20));
    const over = parseDmarcRecord(many(21));
    assert.ok(at.kind === "record" && at.record.rua.length === 20 && at.faults.length === 0);
    assert.ok(over.kind === "record" && over.record.rua.length === 20 && over.faults[0]?.kind === "too-many-uris");
    const long = parseDmarcRecord(`v=DMARC1; p=reject; x=${"a".repeat(16_384)}`);
    assert.ok(long.kind === "record" && long.record.p === null && long.faults[0]?.kind === "record-too-long");
    const faulty = parseDmarcRecord(`v=DMARC1; p=none; ${"x;".repeat(8000)}`);
    assert.ok(faulty.kind === "record" && faulty.record.p === "none" && faulty.faults.length === 50);
  });
});

describe("reporting URIs (RFC 9989 section 4.8, RFC 6068)", () => {
  const cases: readonly (readonly [text: string, uri: string | null, mailbox: string | null])[] = [
    ["mailto:d@example.test", "mailto:d@example.test", "d@example.test"],
    ["MAILTO:d%2Br@example.test?subject=x", "MAILTO:d%2Br@example.test?subject=x", "d+r@example.test"],
    ["mailto:d@example.test!5", "mailto:d@example.test", "d@example.test"],
    ["mailto:d@example.test!5x", null, null],
    ["mailto:a!b@example.test", null, null],
    ["mailto:%zz@example.test", null, null],
    ["mailto:%ff@example.test", null, null],
    ["mailto:", null, null],
    ["mailto:nobody", null, null],
    ["https://example.test/r?x=1", "https://example.test/r?x=1", null],
    ["example.test", null, null],
    ["mailto:d@exa mple.test", null, null],
  ];
  for (const [text, written, mailbox] of cases) {
    test(text, () => {
      const found = parseReportUri(text);
      assert.equal(found?.uri ?? null, written);
      assert.equal(found?.address == null ? null : `${found.address.localPart}@${found.address.domain}`, mailbox);
    });
  }
});

test("what is written is read back, and has none of the removed tags (T-DS-1)", () => {
  const policy = fc.constantFrom("none", "quarantine", "reject" as const);
  const uris = fc.uniqueArray(fc.constantFrom("mailto:d@example.test", "mailto:e%2Bx@other.test", "https://r.test/p", "mailto:d@example.test?subject=a%3Bb").map(uri), { maxLength: 4 });
  const mode = fc.constantFrom("relaxed", "strict" as const);
  const arbitrary = fc.record({
    p: policy, sp: fc.option(policy), np: fc.option(policy), adkim: mode, aspf: mode, psd: fc.constantFrom("y", "n", "u" as const), testMode: fc.boolean(), rua: uris, ruf: uris,
    fo: fc.uniqueArray(fc.constantFrom("0", "d", "s" as const), { minLength: 1 }),
  }, { noNullPrototype: true }) as fc.Arbitrary<DmarcRecord>;
  fc.assert(fc.property(arbitrary, (record) => {
    const text = writeDmarcRecord(record);
    assert.deepEqual(parseDmarcRecord(text), { kind: "record", record, faults: [] });
    assert.doesNotMatch(text, /pct|rf=|ri=/);
    assert.ok(text.startsWith("v=DMARC1; p="));
  }));
});

test("any octets behind the version are read without throwing, and what was understood survives writing", () => {
  const piece = fc.constantFrom("p", "sp", "np", "=", ";", " ", "\t", "reject", "none", "rua", "mailto:a@b.test", ",", "!", "10m", "%", "%41", "fo", "0", ":", "d", "\u00e9", "\0", "psd", "y", "t");
  fc.assert(fc.property(fc.oneof(fc.array(piece, { maxLength: 40 }).map((pieces) => pieces.join("")), fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes).toString("latin1"))), (rest) => {
    const parsed = parseDmarcRecord(`v=DMARC1;${rest}`);
    assert.equal(parsed.kind, "record");
    if (parsed.kind !== "record") return;
    const again = parseDmarcRecord(writeDmarcRecord(parsed.record));
    assert.deepEqual(again.kind === "record" ? again.record : null, parsed.record);
  }), { numRuns: 2000 });
});
