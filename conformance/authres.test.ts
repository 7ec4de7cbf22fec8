/** Fields from the documentation of authres for Python, and all that stand in the mail of the other folders. No case deviates. */
import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { parseAuthenticationResults } from "../src/authres/authres.ts";
import { writeAuthenticationResults } from "../src/authres/write.ts";
import { fieldsNamed } from "../src/message/header-fields.ts";
import { parseMessage } from "../src/message/message.ts";

const ROOT = process.env.TAYORI_CONFORMANCE ?? join(import.meta.dirname, "../../shared/conformance");
const absent = (folder: string): string | false => (existsSync(join(ROOT, folder)) ? false : "no conformance data here");

/** That the value is read, and is the same when it is written and read again. */
function assertRead(value: string): void {
  const outcome = parseAuthenticationResults(value);
  assert.ok(outcome.kind === "parsed", value);
  const written = writeAuthenticationResults(outcome.value).toString("utf8");
  assert.deepEqual(parseAuthenticationResults(written.slice(written.indexOf(":") + 1)), outcome, "written and read again");
}

describe("authres", { skip: absent("authres") }, () => {
  const headers: readonly string[] = absent("authres") === false ? JSON.parse(readFileSync(join(ROOT, "authres/headers.json"), "utf8")) : [];
  const expected: readonly (readonly string[])[] = [
    ["auth=pass smtp.mailfrom:sender@example.net"],
    ["dkim=pass header.i:@mail-router.example.net", "dkim=fail header.i:@newyork.example.com"],
    ["sender-id=fail header.from:example.com", "dkim=pass header.i:sender@example.com"],
    ["sender-id=pass header.from:example.com"],
    ["spf=pass smtp.mailfrom:authenticated@example.net"],
    ["dkim=pass header.i:@newyork.example.com"],
    ["dkim=pass header.d:newyork.example.com header.b:oINEO8hg", "dkim=fail header.d:newyork.example.com header.b:EToRSuvU"],
    ["dkim=pass header.d:newyork.example.com header.b:oINEO8hg", "vbr=pass header.md:newyork.example.com header.mv:voucher.example.org"],
    ["iprev=pass policy.iprev:2001:748:100:40::2:2", "spf=none smtp.mailfrom:markuslaudi@freenet.de"],
    ["rrvs=pass smtp.rcptto:user@example.com"],
  ];
  for (const [index, header] of headers.entries()) {
    test(header, () => {
      const value = header.replace(/^Authentication-Results:/, "");
      const outcome = parseAuthenticationResults(value);
      assert.ok(outcome.kind === "parsed");
      const shown = outcome.value.results.map(({ method, result, properties }) => [`${method}=${result}`, ...properties.map((one) => `${one.ptype}.${one.property}:${one.value}`)].join(" "));
      assert.deepEqual(shown, expected[index]);
      assertRead(value);
    });
  }
  test("every header is a case", () => assert.equal(headers.length, expected.length));
});

describe("foreign mail", { skip: absent("authres") }, () => {
  test("every field is read, and says the same when it is written again", () => {
    const files = readdirSync(ROOT, { recursive: true, encoding: "utf8" }).filter((path) => /\.(?:eml|msg|txt|raw)$/.test(path));
    let count = 0;
    for (const path of files) {
      const content = readFileSync(join(ROOT, path));
      const part = parseMessage(content);
      for (const field of fieldsNamed(part, "authentication-results")) {
        const value = content.toString("utf8", field.valueStart, field.valueEnd);
        // Some hosts of Microsoft's write no authserv-id: such a field is nobody's.
        if (/^\s*(?:\([^)]*\)\s*)*[\w-]+\s*=/.test(value)) assert.deepEqual(parseAuthenticationResults(value), { kind: "malformed" }, path);
        else assertRead(value);
        count++;
      }
    }
    assert.ok(count >= 20, `${count} fields`);
  });
});
