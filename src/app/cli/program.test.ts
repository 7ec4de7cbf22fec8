import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { DatabaseSync } from "node:sqlite";
import { cliWorld } from "./cli-world.fake.ts";

const MAIN = join(import.meta.dirname, "../main.ts");

describe("the command line", () => {
  test("makes domains, accounts and aliases before any server ever ran", async (t) => {
    const { tayori, json, remove, folder } = cliWorld();
    t.after(remove);
    assert.deepEqual(await tayori(["domain", "add", "Example.test"]), { code: 0, out: "Added example.test.\n", err: "" });
    assert.deepEqual(await tayori(["domain", "add", "example.test"]), { code: 1, out: "", err: "tayori: example.test is here already.\n" });
    const added = await json(["account", "add", "user@example.test", "--password-stdin", "--name", "山田", "--quota", "5GB"], "pass word\n");
    assert.match(JSON.stringify(added), /^\{"address":"user@example\.test","accountId":"[0-9a-z]{16}"\}$/);
    assert.equal((await tayori(["account", "add", "user@example.test", "--password-stdin"], "x")).code, 1);
    assert.equal((await tayori(["account", "add", "user@absent.test", "--password-stdin"], "x")).code, 1);
    assert.equal((await tayori(["alias", "add", "info@example.test", "user@example.test", "x@elsewhere.test"])).code, 0);
    assert.deepEqual(await json(["alias", "list"]), [{ address: "info@example.test", targets: ["user@example.test", "x@elsewhere.test"] }]);
    assert.match((await tayori(["account", "list"])).out, /^ADDRESS +ID +STATE.*\nuser@example\.test +[0-9a-z]{16} +enabled +5GB +en .* 山田\n$/);
    assert.equal((await tayori(["account", "disable", "user@example.test"])).code, 0);
    assert.match((await tayori(["account", "list"])).out, / disabled /);
    assert.equal((await tayori(["domain", "remove", "example.test"])).code, 1);
    assert.equal((await tayori(["alias", "remove", "info@example.test"])).code, 0);
    assert.equal((await tayori(["account", "delete", "user@example.test"])).code, 0);
    assert.equal((await tayori(["account", "delete", "user@example.test"])).code, 1);
    assert.equal((await tayori(["domain", "remove", "example.test"])).code, 0);
    assert.equal(statSync(join(folder, "tayori.db.key")).mode & 0o777, 0o600);
  });

  test("changes a domain's catch-all and subaddressing", async (t) => {
    const { tayori, json, remove } = cliWorld();
    t.after(remove);
    await tayori(["domain", "add", "例え.test"]);
    assert.equal((await tayori(["domain", "set", "例え.test"])).code, 2);
    assert.equal((await tayori(["domain", "set", "例え.test", "--subaddressing", "perhaps"])).code, 2);
    assert.equal((await tayori(["domain", "set", "例え.test", "--subaddressing", "off", "--catch-all", "x@elsewhere.test"])).code, 0);
    const [entry] = await json(["domain", "list"]) as readonly { domain: string; catchAll: string | null; subaddressing: boolean }[];
    assert.deepEqual([entry?.domain, entry?.catchAll, entry?.subaddressing], ["xn--r8jz45g.test", "x@elsewhere.test", false]);
    assert.equal((await tayori(["domain", "set", "例え.test", "--no-catch-all"])).code, 0);
    assert.match((await tayori(["domain", "list"])).out, /例え\.test \(xn--r8jz45g\.test\) +- +no/);
  });

  test("takes --config and --json in front of the verb and behind it", async (t) => {
    const { tayori, remove, folder } = cliWorld();
    t.after(remove);
    const config = join(folder, "tayori.toml");
    for (const argv of [["--config", config, "--json", "domain", "list"], ["domain", "list", "--config", config, "--json"], ["domain", "--json", "list", `--config=${config}`]]) {
      assert.deepEqual(await tayori(argv), { code: 0, out: "[]\n", err: "" }, argv.join(" "));
    }
  });

  test("tells wrong use from a refusal", async (t) => {
    const { tayori, remove, folder } = cliWorld();
    t.after(remove);
    const wrong = [[], ["domian"], ["domain"], ["domain", "add"], ["domain", "add", "a..b"], ["domain", "list", "--colour"], ["account", "add", "nobody"], ["account", "add", "a@example.test"],
      ["account", "add", "a@example.test", "--password-stdin", "--quota", "much"], ["account", "set", "a@example.test"], ["domain", "list", "--config", "absent.toml"]];
    for (const argv of wrong) {
      const { code, out, err } = await tayori(argv);
      assert.deepEqual([code, out], [2, ""], argv.join(" "));
      assert.notEqual(err, "", argv.join(" "));
    }
    assert.deepEqual(await tayori(["account", "enable", "a@example.test", "--json"]), { code: 1, out: "", err: '{"error":"absent","message":"There is no account a@example.test."}\n' });
    writeFileSync(join(folder, "broken.toml"), 'hostname = "a.test"\nlisten = 5\n');
    const broken = await tayori(["domain", "list", "--config", "broken.toml"]);
    assert.equal(broken.code, 2);
    assert.match(broken.err, /broken\.toml:2: listen: must be Object, is 5/);
    assert.equal((await tayori(["--help"])).code, 0);
  });

  test("runs as a process of its own, next to another that has the store open", async (t) => {
    const { tayori, json, remove, folder } = cliWorld();
    t.after(remove);
    await tayori(["domain", "add", "example.test"]);
    const processes = Array.from({ length: 2 }, (_, i) => new Promise<string>((resolve, reject) => {
      const child = execFile(process.execPath, ["--disable-warning=ExperimentalWarning", MAIN, "--config", join(folder, "tayori.toml"), "account", "add", `user${i}@example.test`, "--password-stdin"], (error, out) => (error === null ? resolve(out) : reject(error)));
      child.stdin?.end("secret\n");
    }));
    assert.deepEqual(await Promise.all(processes), ["Added user0@example.test.\n", "Added user1@example.test.\n"]);
    assert.equal((await json(["account", "list"]) as readonly unknown[]).length, 2);
  });
});

describe("the master key", () => {
  test("that is missing is not made again for a store that needs the old one", async (t) => {
    const { tayori, remove, folder } = cliWorld();
    t.after(remove);
    const key = join(folder, "tayori.db.key");
    await tayori(["domain", "add", "example.test"]);
    const first = readFileSync(key, "latin1");
    assert.match(first, /^[0-9a-f]{64}\n$/);
    await tayori(["account", "add", "user@example.test", "--password-stdin"], "secret");
    rmSync(key);
    const { code, err } = await tayori(["account", "list"]);
    assert.deepEqual([code, /master key .* is missing/.test(err)], [1, true]);
    writeFileSync(key, "not a key");
    assert.equal((await tayori(["account", "list"])).code, 1);
    writeFileSync(key, first);
    assert.equal((await tayori(["account", "list"])).code, 0);
  });
});

describe("store check and stats", () => {
  test("count what is there, and find what is damaged", async (t) => {
    const { tayori, json, remove, folder } = cliWorld();
    t.after(remove);
    await tayori(["domain", "add", "example.test"]);
    await tayori(["account", "add", "user@example.test", "--password-stdin"], "secret");
    const stats = await json(["store", "stats"]) as { domains: number; accounts: number; objects: number };
    assert.deepEqual([stats.domains, stats.accounts], [1, 1]);
    assert(stats.objects > 4);
    const check = await json(["store", "check"]) as { accounts: number; messages: number; queued: number; problems: unknown[] };
    assert.deepEqual([check.accounts, check.messages, check.queued, check.problems], [1, 0, 0, []]);
    const db = new DatabaseSync(join(folder, "tayori.db"));
    db.exec("DELETE FROM object WHERE key LIKE 'd/account/%'");
    db.close();
    const damaged = await tayori(["store", "check"]);
    assert.equal(damaged.code, 1);
    assert.match(damaged.out, /d\/address\/example\.test\/user: address user@example\.test points at an account that is not there/);
  });
});

describe("the queue", () => {
  test("is empty at first, and has no message of an unknown id", async (t) => {
    const { tayori, json, remove } = cliWorld();
    t.after(remove);
    assert.deepEqual(await json(["queue", "list"]), { total: 0, messages: [] });
    for (const verb of ["show", "retry", "hold", "release", "remove"]) {
      assert.deepEqual(await tayori(["queue", verb, "nosuch"]), { code: 1, out: "", err: "tayori: There is no message nosuch in the queue.\n" });
    }
  });
});
