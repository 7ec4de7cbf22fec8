/** ValiMail's suite of chains and mailauth's messages, run as they are. No case deviates. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { verifyArc } from "../src/arc/arc.ts";
import { verifyDkim } from "../src/dkim/dkim.ts";
import { PublicKeys } from "../src/dkim/public-keys.ts";
import { toCrlf } from "../src/message/line-end.ts";
import { FakeResolver } from "../src/port/resolver.fake.ts";

const ROOT = process.env.TAYORI_CONFORMANCE ?? join(import.meta.dirname, "../../shared/conformance");
const absent = (folder: string): string | false => (existsSync(join(ROOT, folder)) ? false : "no conformance data here");
const NOW = 1_760_000_000_000;

interface Suite {
  readonly description: string;
  readonly tests: Readonly<Record<string, { readonly description: string; readonly message: string; readonly cv: string | null }>>;
  readonly "txt-records": Readonly<Record<string, string>>;
}
/** Where the newest seal says "fail" the suite names no status; RFC 8617 section 5.2 step 2 does. */
function statusOf(cv: string | null): string {
  return cv === "" ? "fail" : (cv ?? "none").toLowerCase();
}

describe("ValiMail", { skip: absent("arc-valimail") }, () => {
  const suites: readonly Suite[] = absent("arc-valimail") === false ? JSON.parse(readFileSync(join(ROOT, "arc-valimail/validate.json"), "utf8")) : [];
  for (const suite of suites) {
    const keys = new PublicKeys(new FakeResolver(Object.fromEntries(Object.entries(suite["txt-records"]).map(([name, text]) => [name, { TXT: [text] }]))));
    for (const [name, { description, message, cv }] of Object.entries(suite.tests)) {
      test(`${name}: ${description}`, async () => {
        const { result, why } = await verifyArc(toCrlf(Buffer.from(message)), { keys, now: NOW });
        assert.equal(result, statusOf(cv), String(why));
      });
    }
  }
  test("the whole suite is there", () => assert.equal(suites.flatMap(({ tests }) => Object.keys(tests)).length, 87));
});

/**
 * No key records come with these messages, so none can pass; what can be known without a key is whether the chain fits together
 * and whether its newest message signature has the hash of this body. arc-fail and arc-fail2 differ from arc-pass2 in octets of b= only.
 */
describe("mailauth", { skip: absent("arc-mailauth") }, () => {
  const withoutKeys: readonly (readonly [name: string, sets: number, expected: string])[] = [
    ["arc-pass.eml", 2, "fail key-absent"],
    ["arc-pass2.eml", 2, "fail key-absent"],
    ["arc-fail.eml", 2, "fail key-absent"],
    ["arc-fail2.eml", 2, "fail key-absent"],
    ["arc-fail3.eml", 2, "fail chain-failed-before"],
    ["authtest.eml", 1, "fail key-absent"],
    ["bimi.eml", 1, "fail key-absent"],
    ["message1.eml", 0, "none"],
    ["message2.eml", 0, "none"],
    ["message3.eml", 1, "fail key-absent"],
    ["message4.eml", 0, "none"],
    ["zbimi.eml", 1, "fail key-absent"],
    ["zproov.eml", 0, "none"],
  ];
  for (const [name, sets, expected] of withoutKeys) {
    test(name, async () => {
      const content = toCrlf(readFileSync(join(ROOT, "arc-mailauth", name)));
      const keys = new PublicKeys(new FakeResolver({}));
      const { result, why, highestInstance } = await verifyArc(content, { keys, now: NOW });
      assert.deepEqual([why === null ? result : `${result} ${why}`, highestInstance], [expected, sets]);
      for (const { why: fault } of (await verifyDkim(content, { keys, now: NOW })).signatures) assert.ok(fault === "key-absent" || fault === "expired", String(fault));
    });
  }
});
