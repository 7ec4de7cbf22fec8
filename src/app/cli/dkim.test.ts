import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { parseDomain } from "../../address/domain.ts";
import { FakeLog } from "../../port/log.fake.ts";
import { FakeResolver } from "../../port/resolver.fake.ts";
import { parseSettings } from "../settings.ts";
import { openDirectory, type OpenDirectory } from "../wire.ts";
import { cliWorld } from "./cli-world.fake.ts";
import { activateKeys, checkKeys, generateKeys, listKeys, retireKey, revokeKey, showRecords } from "./dkim.ts";
import { removeDomain } from "./domain.ts";
import type { CommandResult } from "./io.ts";

interface KeyData {
  readonly selector: string;
  readonly algorithm: string;
  readonly state: string;
  readonly record: string;
  readonly dns?: string;
}
const folder = mkdtempSync(join(tmpdir(), "tayori-dkim-"));
let open: OpenDirectory;
before(async () => {
  const parsed = parseSettings('hostname = "mx.example.test"\n[store]\nurl = "sqlite:tayori.db"\n', join(folder, "tayori.toml"));
  assert(parsed.kind === "settings");
  const opened = await openDirectory(parsed.settings, new FakeLog());
  assert(opened.kind === "open");
  open = opened.open;
});
after(async () => {
  await open.close();
  rmSync(folder, { recursive: true });
});

let count = 0;
/** A hosted domain of its own for each test. */
async function newDomain(): Promise<string> {
  const domain = `d${++count}.test`;
  assert.equal((await open.directory.addDomain(parseDomain(domain)!)).kind, "done");
  return domain;
}
async function done(result: Promise<CommandResult>): Promise<{ readonly text: string; readonly keys: readonly KeyData[]; readonly code: number }> {
  const answer = await result;
  assert(answer.kind === "done", JSON.stringify(answer));
  return { text: answer.text, keys: answer.data as readonly KeyData[], code: answer.code };
}
async function refused(result: Promise<CommandResult>): Promise<string> {
  const answer = await result;
  assert(answer.kind === "failed", JSON.stringify(answer));
  return `${answer.code} ${answer.message}`;
}
const force = (domain: string, selector: string | null = null) => activateKeys(open, new FakeResolver({}), { domain, selector, force: true });

describe("tayori dkim", () => {
  test("makes both keys, lists them, and never shows a private one", async () => {
    const domain = await newDomain();
    const { keys, text } = await done(generateKeys(open, domain, { both: true, selector: "s1" }));
    assert.deepEqual(keys.map(({ selector, algorithm, state }) => [selector, algorithm, state]), [["s1-rsa", "rsa-sha256", "pending"], ["s1-ed25519", "ed25519-sha256", "pending"]]);
    const listed = await done(listKeys(open, domain));
    assert.match(listed.text, /s1-ed25519 +ed25519-sha256 +pending/);
    assert.doesNotMatch(JSON.stringify([keys, text, listed]), /PRIVATE|sealed/);
    assert.match(await refused(generateKeys(open, domain, { both: true, selector: "s1" })), /^1 .*a selector is used once/);
    assert.match(await refused(generateKeys(open, "elsewhere.test", {})), /^1 elsewhere\.test is not hosted here/);
    assert.match(await refused(generateKeys(open, domain, { algorithm: "dsa" })), /^2 /);
    assert.match(await refused(generateKeys(open, domain, { selector: "a b" })), /^2 /);
  });

  test("names keys by the day, with a letter from the second on", async () => {
    const domain = await newDomain();
    const make = async () => (await done(generateKeys(open, domain, { algorithm: "ed25519" }))).keys[0]?.selector ?? "";
    const [first, second] = [await make(), await make()];
    assert.match(first, /^t\d{8}$/);
    assert.equal(second, `${first}b`);
  });

  test("prints records in strings of at most 255 octets, and aliases for who delegates", async () => {
    const domain = await newDomain();
    await done(generateKeys(open, domain, { both: true, selector: "s" }));
    const { text } = await done(showRecords(open, domain, "provider.test"));
    const lines = text.split("\n");
    const line = lines.find((one) => one.startsWith(`s-rsa._domainkey.${domain}. 3600 IN TXT `)) ?? "";
    const strings = [...line.matchAll(/"([^"]*)"/g)].map(([, string]) => string!);
    assert.ok(strings.length === 2 && strings.every((string) => string.length <= 255), line);
    assert.match(strings.join(""), /^v=DKIM1; k=rsa; p=[A-Za-z0-9+/]+=*$/);
    assert.ok(lines.includes(`s-rsa._domainkey.${domain}. 3600 IN CNAME s-rsa.${domain}._domainkey.provider.test.`));
    assert.ok(lines.some((one) => one.startsWith(`s-ed25519.${domain}._domainkey.provider.test. 3600 IN TXT "v=DKIM1; k=ed25519; p=`)));
  });

  test("activates only what the DNS shows, unless forced", async () => {
    const domain = await newDomain();
    const { keys: [made] } = await done(generateKeys(open, domain, { algorithm: "ed25519", selector: "s" }));
    const name = `s._domainkey.${domain}`;
    const other = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
    for (const resolver of [new FakeResolver({}), new FakeResolver({ [name]: { TXT: [other] } }), new FakeResolver({}, { [`TXT ${name}`]: "servfail" })]) {
      assert.match(await refused(activateKeys(open, resolver, { domain, selector: null, force: false })), /^1 s: the DNS/);
      assert.equal((await done(checkKeys(open, resolver, domain))).code, 1);
    }
    const right = new FakeResolver({ [name]: { TXT: ["other text", made!.record] } });
    const checked = await done(checkKeys(open, right, domain));
    assert.equal(checked.code, 0);
    assert.deepEqual(checked.keys.map(({ state, dns }) => [state, dns]), [["published", "visible"]]);
    await done(activateKeys(open, right, { domain, selector: null, force: false }));
    await done(generateKeys(open, domain, { algorithm: "ed25519", selector: "s2" }));
    await done(force(domain));
    assert.deepEqual((await done(listKeys(open, domain))).keys.map(({ selector, state }) => [selector, state]), [["s", "retired"], ["s2", "active"]]);
    assert.match(await refused(force(domain, "none")), /^1 /);
    assert.match(await refused(force(domain)), /no key that waits/);
  });

  test("retires and revokes; a revoked key is published empty and never comes back", async () => {
    const domain = await newDomain();
    await done(generateKeys(open, domain, { algorithm: "ed25519", selector: "s" }));
    assert.match(await refused(retireKey(open, domain, "s")), /s is pending/);
    await done(force(domain, "S"));
    await done(retireKey(open, domain, "s"));
    assert.match((await done(revokeKey(open, domain, "s"))).text, /^s\._domainkey\.d\d\.test\. 3600 IN TXT "v=DKIM1; k=ed25519; p="$/m);
    assert.match(await refused(force(domain, "s")), /s is revoked/);
    const empty = new FakeResolver({ [`s._domainkey.${domain}`]: { TXT: ["v=DKIM1; k=ed25519; p="] } });
    assert.equal((await done(checkKeys(open, empty, domain))).code, 0);
  });

  test("keys go with their domain", async () => {
    const domain = await newDomain();
    await done(generateKeys(open, domain, { algorithm: "ed25519" }));
    await done(removeDomain(open, domain));
    assert.deepEqual((await done(listKeys(open, domain))).keys, []);
  });

  test("is reached by the command line", async () => {
    const world = cliWorld('hostname = "mx.example.test"\n[store]\nurl = "sqlite:tayori.db"\n[dns]\nservers = ["127.0.0.1:9"]\n');
    try {
      await world.json(["domain", "add", "example.test"]);
      await world.json(["dkim", "generate", "example.test", "--algorithm", "ed25519", "--selector", "s"]);
      await world.json(["dkim", "activate", "example.test", "--force"]);
      assert.deepEqual((await world.json(["dkim", "list"]) as KeyData[]).map(({ selector, state }) => [selector, state]), [["s", "active"]]);
      assert.match((await world.tayori(["dkim", "records", "example.test"])).out, /IN CNAME s\.example\.test\._domainkey\.mx\.example\.test\.$/m);
      assert.equal((await world.tayori(["dkim", "revoke", "example.test", "none"])).code, 1);
    } finally {
      world.remove();
    }
  });
});
