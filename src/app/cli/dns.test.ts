import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseDomain } from "../../address/domain.ts";
import type { SigningKeyObject } from "../../directory/signing-key-record.ts";
import { FakeClock } from "../../port/clock.fake.ts";
import { FakeResolver } from "../../port/resolver.fake.ts";
import { cliWorld } from "./cli-world.fake.ts";
import { findFaults, type DnsCheckInput } from "./dns-check.ts";
import { explain } from "./dns-faults.ts";

const domain = parseDomain("example.test")!;
const RECORD = "v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A";
const key: SigningKeyObject = { domain, selector: "s", algorithm: "rsa-sha256", state: "active", sealed: Buffer.alloc(1), record: RECORD, createdAt: 1, publishedAt: 1, activatedAt: 1, retiredAt: null, revokedAt: null };
const GOOD = {
  "example.test": { MX: [{ preference: 10, exchange: "mx.example.test" }], TXT: ["v=spf1 mx ~all"] },
  "mx.example.test": { A: ["192.0.2.25"], AAAA: ["2001:db8::25"] },
  "25.2.0.192.in-addr.arpa": { PTR: ["mx.example.test"] },
  "5.2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa": { PTR: ["mx.example.test"] },
  "s._domainkey.example.test": { TXT: [RECORD] },
  "_dmarc.example.test": { TXT: ["v=DMARC1; p=quarantine; rua=mailto:postmaster@example.test"] },
};
type Zone = ConstructorParameters<typeof FakeResolver>[0];

async function faultsOf(zone: Zone, change: Partial<DnsCheckInput> = {}, fail: ConstructorParameters<typeof FakeResolver>[1] = {}): Promise<string[]> {
  const faults = await findFaults({ domain, hostname: "mx.example.test", helo: "mx.example.test", relay: null, keys: [key], resolver: new FakeResolver(zone, fail), clock: new FakeClock(), ...change });
  for (const fault of faults) {
    const { ja, en } = explain(fault);
    assert.match(ja, /[\u3040-\u30ff]/, fault.code);
    assert.doesNotMatch(ja + en, fault.detail.includes("%") ? /\n/ : /%/, fault.code);
  }
  return faults.map(({ code, severity, detail }) => `${severity} ${code}${detail === "" ? "" : ` ${detail}`}`);
}

describe("tayori dns check", () => {
  test("finds nothing where nothing is wrong", async () => assert.deepEqual(await faultsOf(GOOD), []));

  const cases: readonly (readonly [name: string, zone: Zone, expected: readonly string[], change?: Partial<DnsCheckInput>])[] = [
    ["no MX", { ...GOOD, "example.test": { TXT: ["v=spf1 a:mx.example.test ~all"] } }, ["error mx-missing"]],
    ["a null MX", { ...GOOD, "example.test": { MX: [{ preference: 0, exchange: "" }], TXT: ["v=spf1 a:mx.example.test ~all"] } }, ["error mx-null"]],
    ["another server, an alias without an address", { ...GOOD, "example.test": { MX: [{ preference: 1, exchange: "other.test" }], TXT: ["v=spf1 a:mx.example.test ~all"] }, "other.test": { CNAME: ["x.test"] } }, ["warning mx-elsewhere mx.example.test", "error mx-alias other.test", "error mx-no-address other.test"]],
    ["a host without an address", { ...GOOD, "mx.example.test": { TXT: ["x"] } }, ["error host-no-address", "warning spf-void-lookup mx"]],
    ["no PTR", { ...GOOD, "25.2.0.192.in-addr.arpa": {} }, ["error ptr-missing 192.0.2.25"]],
    ["a PTR that does not lead back", { ...GOOD, "25.2.0.192.in-addr.arpa": { PTR: ["elsewhere.test"] } }, ["error ptr-mismatch 192.0.2.25"]],
    ["a PTR of another name", { ...GOOD, "25.2.0.192.in-addr.arpa": { PTR: ["other.example.test"] }, "other.example.test": { A: ["192.0.2.25"] } }, ["note ptr-other-name 192.0.2.25"]],
    ["no SPF", { ...GOOD, "example.test": { MX: GOOD["example.test"].MX } }, ["error spf-no-record"]],
    ["an SPF that is not ours", { ...GOOD, "example.test": { ...GOOD["example.test"], TXT: ["v=spf1 ip4:203.0.113.1 -all"] } }, ["error spf-not-us 192.0.2.25", "error spf-not-us 2001:db8::25"]],
    ["an SPF for everybody", { ...GOOD, "example.test": { ...GOOD["example.test"], TXT: ["v=spf1 +all"] } }, ["error spf-passes-everybody +all"]],
    ["a relay", { ...GOOD, "example.test": { ...GOOD["example.test"], TXT: ["v=spf1 ip4:203.0.113.1 -all"] } }, ["note spf-relay relay.test"], { relay: "relay.test" }],
    ["no key", GOOD, ["error dkim-no-key"], { keys: [] }],
    ["Ed25519 alone, waiting for its record", { ...GOOD, "s._domainkey.example.test": {} }, ["warning dkim-rsa-missing", "error dkim-absent s"], { keys: [{ ...key, algorithm: "ed25519-sha256" }] }],
    ["another key in the DNS", { ...GOOD, "s._domainkey.example.test": { TXT: ["v=DKIM1; p=AAAA"] } }, ["error dkim-different s"]],
    ["an active key that the DNS withdraws, and a revoked one that it shows", { ...GOOD, "s._domainkey.example.test": { TXT: ["v=DKIM1; p="] }, "r._domainkey.example.test": { TXT: [RECORD] } }, ["error dkim-withdrawn s", "error dkim-revoked-visible r"], { keys: [key, { ...key, selector: "r", state: "revoked", sealed: null }] }],
    ["a key in waiting", GOOD, ["note dkim-waiting n"], { keys: [key, { ...key, selector: "n", state: "pending" }] }],
    ["no DMARC", { ...GOOD, "_dmarc.example.test": {} }, ["error dmarc-missing"]],
    ["two DMARC records", { ...GOOD, "_dmarc.example.test": { TXT: ["v=DMARC1; p=none", "v=DMARC1; p=reject"] } }, ["error dmarc-several"]],
    ["DMARC of the domain above", { ...GOOD, "_dmarc.example.test": {}, "_dmarc.test": { TXT: ["v=DMARC1; p=reject; psd=y; rua=mailto:a@example.test"] } }, ["note dmarc-inherited test", "warning dmarc-rua-refused example.test"]],
    ["a DMARC record of old", { ...GOOD, "_dmarc.example.test": { TXT: ["v=DMARC1; p=none; pct=50; ri=86400; x=1; adkim=z"] } }, ["note dmarc-removed-tag pct=50", "note dmarc-removed-tag ri=86400", "note dmarc-unknown-tag x=1", "warning dmarc-bad-value adkim=z", "note dmarc-watching", "warning dmarc-no-rua"]],
    ["reports to a host that did not agree", { ...GOOD, "_dmarc.example.test": { TXT: ["v=DMARC1; p=reject; rua=mailto:a@reports.test"] } }, ["warning dmarc-rua-refused reports.test"]],
    ["reports to a host that did", { ...GOOD, "_dmarc.example.test": { TXT: ["v=DMARC1; p=reject; rua=mailto:a@reports.test"] }, "example.test._report._dmarc.reports.test": { TXT: ["v=DMARC1;"] } }, []],
  ];
  for (const [name, zone, expected, change] of cases) test(name, async () => assert.deepEqual(await faultsOf(zone, change), expected));

  test("a DNS that does not answer is a fault of its own, never a missing record", async () => {
    for (const question of ["MX example.test", "A mx.example.test", "TXT example.test", "TXT s._domainkey.example.test", "TXT _dmarc.example.test", "PTR 25.2.0.192.in-addr.arpa"]) {
      const found = await faultsOf(GOOD, {}, { [question]: "servfail" });
      assert.ok(found.length > 0 && found.every((text) => /dns-unavailable|spf-dns-failure/.test(text)), `${question}: ${found.join()}`);
    }
  });
});

describe("tayori dns records", () => {
  test("prints a zone with everything, and what is for elsewhere as comments", async () => {
    const world = cliWorld('hostname = "mx.example.test"\n[store]\nurl = "sqlite:tayori.db"\n[outbound]\nhelo = "out.example.test"\n');
    try {
      await world.json(["domain", "add", "example.test"]);
      assert.match((await world.tayori(["dns", "records", "example.test"])).out, /^; No DKIM key yet/m);
      await world.json(["dkim", "generate", "example.test", "--algorithm", "ed25519", "--selector", "s"]);
      const { out, code } = await world.tayori(["dns", "records", "example.test"]);
      assert.equal(code, 0);
      for (const line of [
        /^example\.test\. 3600 IN MX 10 mx\.example\.test\.$/m, /^example\.test\. 3600 IN TXT "v=spf1 mx a:out\.example\.test ~all"$/m, /^s\._domainkey\.example\.test\. 3600 IN TXT "v=DKIM1; k=ed25519; p=/m,
        /^_dmarc\.example\.test\. 3600 IN TXT "v=DMARC1; p=none; rua=mailto:postmaster@example\.test"$/m, /^; _smtp\._tls\.example\.test\. 3600 IN TXT "v=TLSRPTv1; rua=/m,
        /^out\.example\.test\. 3600 IN TXT "v=spf1 a -all"$/m, /^; PTR: /m, /^_submissions\._tcp\.example\.test\. 3600 IN SRV 0 1 465 mx\.example\.test\.$/m,
      ]) assert.match(out, line);
      assert.equal((await world.tayori(["dns", "records", "not a domain"])).code, 2);
    } finally {
      world.remove();
    }
  });
});
