/** Signed messages, keys and records of Mail::DKIM, dkimpy, mailauth and mail-auth, run as they are. */
import assert from "node:assert/strict";
import { createPrivateKey } from "node:crypto";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { verifyDkim } from "../src/dkim/dkim.ts";
import { parseKeyRecord } from "../src/dkim/key-record.ts";
import { PublicKeys } from "../src/dkim/public-keys.ts";
import { signDkim } from "../src/dkim/sign.ts";
import { recordOf, signingKey } from "../src/dkim/signing-key.ts";
import type { SigningKey } from "../src/dkim/signing-key.ts";
import { toCrlf } from "../src/message/line-end.ts";
import { FakeResolver } from "../src/port/resolver.fake.ts";
import { maildkimDeviations } from "./dkim-deviations.ts";

const ROOT = process.env.TAYORI_CONFORMANCE ?? join(import.meta.dirname, "../../shared/conformance");
const absent = (folder: string): string | false => (existsSync(join(ROOT, folder)) ? false : "no conformance data here");
const read = (...path: readonly string[]): Buffer => readFileSync(join(ROOT, ...path));
/** None of the messages says x=, so the time does not matter. */
const NOW = 1_760_000_000_000;

const keysFrom = (records: Readonly<Record<string, string>>, fail = {}): PublicKeys => new PublicKeys(new FakeResolver(Object.fromEntries(Object.entries(records).map(([name, text]) => [name, { TXT: [text] }])), fail));
async function verdicts(content: Buffer, keys: PublicKeys): Promise<string[]> {
  return (await verifyDkim(content, { keys, now: NOW })).signatures.map(({ result, why }) => (why === null ? result : `${result} ${why}`));
}

describe("Mail::DKIM", { skip: absent("dkim-maildkim") }, () => {
  /** `name text`, or a word that says how the question ends. */
  function zone(): PublicKeys {
    const records: Record<string, string> = {};
    const fail: Record<string, string> = {};
    for (const [, name, text] of read("dkim-maildkim", "FAKE_DNS.dat").toString("latin1").matchAll(/^([^\s#]\S*)\s+(.*)$/gm)) {
      if (text === "~~SERVFAIL~~") fail[`TXT ${name}`] = "servfail";
      else if (text!.startsWith("~~")) fail[`TXT ${name}`] = "timeout";
      else if (text !== "NXDOMAIN") records[name!] = text!.replace(/^""$/, "");
    }
    return keysFrom(records, fail);
  }
  /** What Mail::DKIM would call it: the best of all signatures. */
  function overall(results: readonly string[]): string {
    if (results.includes("pass")) return "pass";
    if (results.some((result) => result.startsWith("fail"))) return "fail";
    return results.length === 0 ? "none" : "invalid";
  }
  const keys = absent("dkim-maildkim") === false ? zone() : keysFrom({});
  const expected: Record<string, { expect: string; note: string }> = absent("dkim-maildkim") === false ? JSON.parse(read("dkim-maildkim", "expected.json").toString()) : {};
  for (const [file, { expect, note }] of Object.entries(expected)) {
    test(`${file}: ${expect} ${note}`, async () => {
      const results = await verdicts(toCrlf(read("dkim-maildkim", "corpus", file)), keys);
      const deviation = maildkimDeviations[file];
      if (deviation === undefined) assert.equal(overall(results), expect, results.join());
      else {
        assert.notEqual(overall(results), expect, "passes, but is listed as a deviation");
        assert.deepEqual(results, deviation.ours);
      }
    });
  }
  test("every file is a case, and every deviation a file", () => {
    const files = readdirSync(join(ROOT, "dkim-maildkim", "corpus"));
    assert.deepEqual(Object.keys(expected).toSorted(), files.toSorted());
    assert.deepEqual(Object.keys(maildkimDeviations).filter((file) => !files.includes(file)), []);
  });
});

describe("mail-auth", { skip: absent("dkim-stalwart") }, () => {
  for (const file of ["002.txt", "003.txt", "004.txt"]) {
    test(file, async () => {
      const text = read("dkim-stalwart", file).toString("latin1");
      const [, name, record, content] = /^(\S+) ([^\n]*)\n\n([^]*)$/.exec(text)!;
      const results = await verdicts(toCrlf(Buffer.from(content!, "latin1")), keysFrom({ [name!]: record! }));
      assert.ok(results.length > 0 && results.every((result) => result === "pass"), results.join());
    });
  }
});

describe("mailauth", { skip: absent("dkim-mailauth") }, () => {
  test("the example of RFC 8463, both signatures", async () => {
    const zone: Record<string, { TXT: string[][] }> = JSON.parse(read("dkim-mailauth", "dns.json").toString());
    const records = Object.fromEntries(Object.entries(zone).map(([name, { TXT }]) => [name, TXT[0]!.join("")]));
    assert.deepEqual(await verdicts(toCrlf(read("dkim-mailauth", "signed.eml")), keysFrom(records)), ["pass", "pass"]);
  });
});

describe("dkimpy", { skip: absent("dkim-dkimpy") }, () => {
  const file = (name: string): Buffer => toCrlf(read("dkim-dkimpy", name));
  const record = (name: string): string => read("dkim-dkimpy", name).toString("latin1").trim();

  test("the example of RFC 6376 and 8463, simple", async () => {
    const keys = keysFrom({ "brisbane._domainkey.football.example.com": "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", "test._domainkey.football.example.com": record("test.txt") });
    assert.deepEqual(await verdicts(file("rfc6376.signed.msg"), keys), ["pass", "pass"]);
    assert.deepEqual(await verdicts(file("rfc6376.signed.rsa.msg"), keys), ["pass"]);
  });
  test("a message that Exim signed with Ed25519", async () => {
    assert.deepEqual(await verdicts(file("ed25519test2.msg"), keysFrom({ "sed._domainkey.test.ex": record("eximtest.dns") })), ["pass"]);
  });
  test("a domain that ends in a comment", async () => {
    assert.deepEqual(await verdicts(file("test.message.baddomain"), keysFrom({ "test._domainkey.legitimate.com": record("test.txt") })), ["neutral malformed-domain"]);
  });
  // The keys of these two are not in the folder. That the body fits and the field is read says the rest is in order.
  for (const [name, domain] of [["test2.message", "gmail.com"], ["message.mbox", "kitterman.com"]] as const) {
    test(`${name} is read, and its body hash fits`, async () => {
      const { signatures } = await verifyDkim(file(name), { keys: keysFrom({}), now: NOW });
      assert.deepEqual(signatures.map(({ domain: of, why }) => [of, why]), [[domain, "key-absent"]]);
      const [signature] = signatures;
      const key = keysFrom({ [`${signature!.selector}._domainkey.${domain}`]: record("2048_testkey_wo_markers.pub.txt") });
      assert.deepEqual(await verdicts(file(name), key), ["fail signature-wrong"], "another key: the body is not what fails");
    });
  }

  const records: readonly (readonly [name: string, expected: string | number])[] = [
    ["1024_testkey_wo_markers.pub.txt", 1024], ["1024_testkey_wo_markers.pub.rsa.txt", 1024], ["2048_testkey_PKCS8.key.pub.txt", 2048], ["2048_testkey_wo_markers.pub.txt", 2048],
    ["2048_testkey_wo_markers.pub.rsa.txt", 2048], ["test.txt", 1024], ["test2.txt", 1024], ["ed25519test.dns", 256], ["eximtest.dns", 256],
    ["test_bad.txt", "key-malformed"], ["badversion.txt", "key-malformed"], ["badk.txt", "key-unsuitable"], ["test_tlsrpt.txt", "key-unsuitable"],
  ];
  for (const [name, expected] of records) {
    test(`record ${name}: ${expected}`, async () => {
      const algorithm = name.endsWith(".dns") ? "ed25519-sha256" : "rsa-sha256";
      const answer = await keysFrom({ "s._domainkey.example.com": record(name) }).find("example.com", "s", algorithm);
      assert.equal(answer.kind === "key" ? answer.key.bits : answer.fault, expected);
      if (typeof expected === "number") assert.equal(parseKeyRecord(record(name)).kind, "record");
    });
  }

  /** The 32 octets of the private key, as dkimpy keeps them, and the record that belongs to them. */
  const seeds = [["ed25519test.key", "ed25519test.dns"], ["rfc8032_7_1.key", null]] as const;
  function edKey(name: string): SigningKey {
    const der = Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), Buffer.from(record(name), "base64")]);
    const pem = createPrivateKey({ key: der, format: "der", type: "pkcs8" }).export({ type: "pkcs8", format: "pem" }).toString();
    const made = signingKey({ domain: "example.com", selector: "s", pem });
    assert.ok(made.kind === "key");
    return made.key;
  }
  for (const [seed, published] of seeds) {
    for (const name of ["test.message", "ed25519test.msg", "test_extra.message", "rfc6376.msg", "rfc6376.w1258.msg"]) {
      test(`${name} signed with ${seed}`, async () => {
        const key = edKey(seed);
        if (published === null) assert.ok(recordOf(key).text.endsWith("p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="));
        for (const canonicalization of [{ header: "simple", body: "simple" }, { header: "relaxed", body: "relaxed" }] as const) {
          const outcome = signDkim(file(name), { keys: [key], timestamp: NOW / 1000, lifetime: null, canonicalization });
          assert.ok(outcome.kind === "signed");
          const keys = keysFrom({ "s._domainkey.example.com": published === null ? recordOf(key).text : record(published) });
          assert.deepEqual(await verdicts(Buffer.concat([outcome.fields, file(name)]), keys), ["pass"]);
        }
      });
    }
  }
  test("test_nofrom.message is not signed", () => {
    assert.deepEqual(signDkim(file("test_nofrom.message"), { keys: [edKey("ed25519test.key")], timestamp: 0, lifetime: null }), { kind: "refused", because: "from-fields" });
  });
});
