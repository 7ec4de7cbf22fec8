/** The test suite of RFC 7208 by Gathman, Mehnle and Kitterman, and the scripts of mail-auth: run as they are. */
import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { FakeClock } from "../src/port/clock.fake.ts";
import { FakeResolver } from "../src/port/resolver.fake.ts";
import type { Answer, RecordOf, RecordType, Resolver } from "../src/port/resolver.ts";
import { checkSpf } from "../src/spf/spf.ts";
import type { SpfInput } from "../src/spf/spf.ts";

const ROOT = process.env.TAYORI_CONFORMANCE ?? join(import.meta.dirname, "../../shared/conformance");
const RFC7208 = join(ROOT, "spf-rfc7208/rfc7208.json");
const STALWART = join(ROOT, "spf-stalwart");

/** Where we differ, and why. An entry that passes fails too. */
const DEVIATIONS: ReadonlyMap<string, string> = new Map([
  ["ip.yml IPv6 match test.org 10.1.2.3", "RFC 7208 section 5.6: ip6 is compared with IPv6 clients only; a mapped client is IPv4 (section 5), a mapped network in the record is not"],
]);

/** Fails where the case differs from what is expected, or where a deviation no longer does. */
function judge(name: string, difference: string | null): string[] {
  const known = DEVIATIONS.get(name);
  if (known !== undefined) return difference === null ? [`${name}: passes, but is listed as a deviation`] : [];
  return difference === null ? [] : [`${name}: ${difference}`];
}

/** The part in front of the last "@" may be missing. */
function reversePathOf(text: string): SpfInput["reversePath"] {
  if (text === "") return { kind: "null" };
  const at = text.lastIndexOf("@");
  return { kind: "address", address: { localPart: at < 0 ? "" : text.slice(0, at), domain: text.slice(at + 1) } };
}

interface Suite {
  readonly description: string;
  readonly tests: Readonly<Record<string, { readonly helo: string; readonly host: string; readonly mailfrom: string; readonly result: string | readonly string[]; readonly explanation?: string }>>;
  readonly zonedata: Readonly<Record<string, readonly ("TIMEOUT" | Readonly<Record<string, unknown>>)[]>>;
}

/** As the suite has it: SPF records stand for TXT records where there are no others, TIMEOUT befalls every type without a record before it, aliases are followed. */
class SuiteResolver implements Resolver {
  readonly #zone: ReadonlyMap<string, Suite["zonedata"][string]>;

  constructor(zone: Suite["zonedata"]) {
    this.#zone = new Map(Object.entries(zone).map(([name, entries]) => [name.toLowerCase(), entries]));
  }
  async resolve<T extends RecordType>(question: string, type: T): Promise<Answer<RecordOf[T]>> {
    let name = question;
    for (let aliases = 0; aliases < 8; aliases++) {
      const entries = this.#zone.get(name);
      if (entries === undefined) return { kind: "void", because: "nxdomain", authentic: false, ttl: 0 };
      const hasText = entries.some((entry) => entry !== "TIMEOUT" && "TXT" in entry);
      const records: unknown[] = [];
      let alias: string | null = null;
      let timeout = false;
      for (const entry of entries) {
        if (entry === "TIMEOUT") timeout ||= records.length === 0;
        else if (type in entry && entry[type] !== "NONE") records.push(entry[type]);
        else if (type === "TXT" && !hasText && "SPF" in entry) records.push(entry["SPF"]);
        else if ("CNAME" in entry) alias = String(entry["CNAME"]);
      }
      if (timeout) return { kind: "failure", because: "timeout" };
      const [first, ...rest] = records.map((value) => asRecord(type, value));
      if (first !== undefined) return { kind: "records", records: [first, ...rest], authentic: false, ttl: 60 };
      if (alias === null) return { kind: "void", because: "nodata", authentic: false, ttl: 0 };
      name = alias.toLowerCase();
    }
    return { kind: "failure", because: "servfail" };
  }
}
function asRecord<T extends RecordType>(type: T, value: unknown): RecordOf[T] {
  const record = Array.isArray(value) ? (type === "MX" ? { preference: Number(value[0]), exchange: String(value[1]) } : value.join("")) : String(value);
  return record as RecordOf[T];
}

test("the suite of RFC 7208", { skip: existsSync(RFC7208) ? false : `no ${RFC7208}` }, async () => {
  const suites = JSON.parse(readFileSync(RFC7208, "utf8")) as readonly Suite[];
  const failures: string[] = [];
  let count = 0;
  for (const suite of suites) {
    const resolver = new SuiteResolver(suite.zonedata);
    for (const [name, { helo, host, mailfrom, result, explanation }] of Object.entries(suite.tests)) {
      const { mailFrom } = await checkSpf({ ip: host, helo, reversePath: reversePathOf(mailfrom), resolver, clock: new FakeClock() });
      const differences: string[] = [];
      if (![result].flat().includes(mailFrom.result)) differences.push(`${mailFrom.result}, expected ${result} (${JSON.stringify(mailFrom.problem)})`);
      // The suite writes DEFAULT where there is no explanation.
      if (explanation !== undefined && (mailFrom.explanation ?? "DEFAULT") !== explanation) differences.push(`explains "${mailFrom.explanation}", expected "${explanation}"`);
      failures.push(...judge(name, differences.length === 0 ? null : differences.join("; ")));
      count++;
    }
  }
  assert.deepEqual(failures, []);
  assert.ok(count > 0);
});

interface Script {
  readonly name: string;
  readonly resolver: Resolver;
  readonly tests: { domain: string; sender: string; ip: string; expect: string }[];
}

/** Reads the subset of YAML that the scripts are in: `key: value` in two lists, scripts parted by `name:`. */
function readScripts(text: string): Script[] {
  const scripts: { name: string; zone: Record<string, { A?: string[]; AAAA?: string[]; TXT?: string[]; MX?: RecordOf["MX"][] }>; tests: Script["tests"] }[] = [];
  let section = "";
  for (const line of text.split("\n")) {
    const [, dash, key = "", value = ""] = /^\s*(- )?([a-z]+):\s*(.*)$/.exec(line) ?? [];
    const script = scripts.at(-1);
    if (key === "name") scripts.push({ name: value, zone: {}, tests: [] });
    else if (key === "records" || key === "tests") section = key;
    else if (script !== undefined && key !== "" && section === "records") {
      const [, name = "", data = ""] = /^(\S+) (.*)$/.exec(value) ?? [];
      const at = (script.zone[name] ??= {});
      if (key === "spf" || key === "exp") at.TXT = [data];
      else if (key === "a") at.A = data.split(", ");
      else if (key === "aaaa") at.AAAA = data.split(", ").map((address) => address.toLowerCase());
      else {
        // Their "mx" names the addresses of the one host, which is named after the domain.
        at.MX = [{ preference: 10, exchange: `mx.${name}` }];
        script.zone[`mx.${name}`] = { AAAA: data.split(", ") };
      }
    } else if (script !== undefined && key !== "" && section === "tests") {
      if (dash !== undefined) script.tests.push({ domain: "", sender: "", ip: "", expect: "" });
      Object.assign(script.tests.at(-1) ?? {}, { [key]: value });
    }
  }
  return scripts.map(({ name, zone, tests }) => ({ name, tests, resolver: new FakeResolver(zone, { "TXT _dns_error.test.org": "servfail" }) }));
}

test("the scripts of mail-auth", { skip: existsSync(STALWART) ? false : `no ${STALWART}` }, async () => {
  const failures: string[] = [];
  let count = 0;
  for (const file of readdirSync(STALWART).filter((name) => name.endsWith(".yml"))) {
    for (const { name, tests, resolver } of readScripts(readFileSync(join(STALWART, file), "utf8"))) {
      for (const { domain, sender, ip, expect } of tests) {
        const { mailFrom } = await checkSpf({ ip, helo: domain, reversePath: reversePathOf(sender), resolver, clock: new FakeClock() });
        const found = mailFrom.explanation === null ? mailFrom.result : `${mailFrom.result} ${mailFrom.explanation}`;
        failures.push(...judge(`${file} ${name} ${domain} ${ip}`, found === expect ? null : `${found}, expected ${expect} (${JSON.stringify(mailFrom.problem)})`));
        count++;
      }
    }
  }
  assert.deepEqual(failures, []);
  assert.ok(count > 0);
});
