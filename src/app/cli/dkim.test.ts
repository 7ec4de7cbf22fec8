import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, test } from "node:test";
import { FakeLog } from "../../port/log.fake.ts";
import { FakeResolver } from "../../port/resolver.fake.ts";
import { readSettings } from "../settings.ts";
import { openDirectory, type OpenDirectory } from "../wire.ts";
import { cliWorld, type CliWorld } from "./cli-world.fake.ts";
import { activateKeys, checkKeys } from "./dkim.ts";

interface KeyData {
  readonly selector: string;
  readonly algorithm: string;
  readonly state: string;
  readonly record: string;
  readonly dns?: string;
  readonly zoneLine?: string;
}
async function withWorld(work: (world: CliWorld) => Promise<void>): Promise<void> {
  const world = cliWorld('hostname = "mx.example.test"\n[store]\nurl = "sqlite:tayori.db"\n[dns]\nservers = ["127.0.0.1:9"]\n');
  try {
    await world.json(["domain", "add", "example.test"]);
    await work(world);
  } finally {
    world.remove();
  }
}
async function withOpen(world: CliWorld, work: (open: OpenDirectory) => Promise<void>): Promise<void> {
  const settings = readSettings(join(world.folder, "tayori.toml"));
  assert(settings.kind === "settings");
  const opened = await openDirectory(settings.settings, new FakeLog());
  assert(opened.kind === "open");
  try {
    await work(opened.open);
  } finally {
    await opened.open.close();
  }
}
const keys = async (world: CliWorld, argv: readonly string[]): Promise<KeyData[]> => (await world.json(argv)) as KeyData[];

describe("tayori dkim", () => {
  test("makes both keys, lists them, and never shows a private one", () => withWorld(async (world) => {
    const made = await keys(world, ["dkim", "generate", "example.test", "--both", "--selector", "s1"]);
    assert.deepEqual(made.map(({ selector, algorithm, state }) => [selector, algorithm, state]), [["s1-rsa", "rsa-sha256", "pending"], ["s1-ed25519", "ed25519-sha256", "pending"]]);
    const { out } = await world.tayori(["dkim", "list"]);
    assert.match(out, /^example\.test +s1-ed25519 +ed25519-sha256 +pending/m);
    assert.doesNotMatch(JSON.stringify(made) + out, /PRIVATE|sealed/);
    assert.equal((await world.tayori(["dkim", "generate", "example.test", "--both", "--selector", "s1"])).code, 1);
    assert.equal((await world.tayori(["dkim", "generate", "elsewhere.test"])).code, 1);
    assert.equal((await world.tayori(["dkim", "generate", "example.test", "--algorithm", "dsa"])).code, 2);
  }));

  test("names keys by the day, with a letter from the second on", () => withWorld(async (world) => {
    const names = [];
    for (let i = 0; i < 2; i++) names.push((await keys(world, ["dkim", "generate", "example.test", "--algorithm", "ed25519"]))[0]?.selector);
    assert.match(names[0] ?? "", /^t\d{8}$/);
    assert.equal(names[1], `${names[0]}b`);
  }));

  test("prints records in strings of at most 255 octets, and aliases for who delegates", () => withWorld(async (world) => {
    await world.json(["dkim", "generate", "example.test", "--both", "--selector", "s"]);
    const { out } = await world.tayori(["dkim", "records", "example.test", "--zone", "provider.test"]);
    const line = /^s-rsa\._domainkey\.example\.test\. 3600 IN TXT (.*)$/m.exec(out)?.[1] ?? "";
    const strings = [...line.matchAll(/"([^"]*)"/g)].map(([, text]) => text!);
    assert.ok(strings.length === 2 && strings.every((text) => text.length <= 255), line);
    assert.match(strings.join(""), /^v=DKIM1; k=rsa; p=[A-Za-z0-9+/]+=*$/);
    assert.match(out, /^s-rsa\._domainkey\.example\.test\. 3600 IN CNAME s-rsa\.example\.test\._domainkey\.provider\.test\.$/m);
    assert.match(out, /^s-ed25519\.example\.test\._domainkey\.provider\.test\. 3600 IN TXT "v=DKIM1; k=ed25519; p=[A-Za-z0-9+/]{43}="$/m);
  }));

  test("activates only what the DNS shows, unless forced", () => withWorld(async (world) => {
    const [made] = await keys(world, ["dkim", "generate", "example.test", "--algorithm", "ed25519", "--selector", "s"]);
    const name = "s._domainkey.example.test";
    await withOpen(world, async (open) => {
      const activate = (resolver: FakeResolver, force = false) => activateKeys(open, resolver, { domain: "example.test", selector: null, force });
      const other = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
      for (const resolver of [new FakeResolver({}), new FakeResolver({ [name]: { TXT: [other] } }), new FakeResolver({}, { [`TXT ${name}`]: "servfail" })]) {
        assert.equal((await activate(resolver)).kind, "failed");
        const checked = await checkKeys(open, resolver, "example.test");
        assert.equal(checked.kind === "done" && checked.code, 1);
      }
      const right = new FakeResolver({ [name]: { TXT: ["other text", made!.record] } });
      const checked = await checkKeys(open, right, "example.test");
      assert(checked.kind === "done" && checked.code === 0);
      assert.deepEqual((checked.data as KeyData[]).map(({ state, dns }) => [state, dns]), [["published", "visible"]]);
      assert.equal((await activate(right)).kind, "done");
    });
    assert.equal((await keys(world, ["dkim", "list", "example.test"]))[0]?.state, "active");
    await world.json(["dkim", "generate", "example.test", "--algorithm", "ed25519", "--selector", "s2"]);
    await world.json(["dkim", "activate", "example.test", "--force"]);
    assert.deepEqual((await keys(world, ["dkim", "list", "example.test"])).map(({ selector, state }) => [selector, state]), [["s", "retired"], ["s2", "active"]]);
    assert.equal((await world.tayori(["dkim", "activate", "example.test", "none", "--force"])).code, 1);
  }));

  test("retires and revokes; a revoked key is published empty and comes never back", () => withWorld(async (world) => {
    await world.json(["dkim", "generate", "example.test", "--algorithm", "ed25519", "--selector", "s"]);
    assert.equal((await world.tayori(["dkim", "retire", "example.test", "s"])).code, 1, "it never signed");
    await world.json(["dkim", "activate", "example.test", "S", "--force"]);
    await world.json(["dkim", "retire", "example.test", "s"]);
    assert.match((await world.tayori(["dkim", "revoke", "example.test", "s"])).out, /^s\._domainkey\.example\.test\. 3600 IN TXT "v=DKIM1; k=ed25519; p="$/m);
    assert.match((await world.tayori(["dkim", "activate", "example.test", "s", "--force"])).err, /s is revoked/);
    await withOpen(world, async (open) => {
      const empty = new FakeResolver({ "s._domainkey.example.test": { TXT: ["v=DKIM1; k=ed25519; p="] } });
      const checked = await checkKeys(open, empty, "example.test");
      assert.equal(checked.kind === "done" && checked.code, 0);
    });
  }));

  test("keys go with their domain", () => withWorld(async (world) => {
    await world.json(["dkim", "generate", "example.test", "--algorithm", "ed25519"]);
    await world.json(["domain", "remove", "example.test"]);
    assert.deepEqual(await keys(world, ["dkim", "list"]), []);
  }));
});
