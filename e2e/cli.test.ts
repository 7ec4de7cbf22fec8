/** The command line beside a running server, and what it says about wrong settings. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { ImapClient } from "./imap-client.ts";
import { awaitMessage, open } from "./mailbox.ts";
import { freePort } from "./ports.ts";
import { eventually, removeDirectory, run, type RunResult, temporaryDirectory } from "./program.ts";
import { asArray, field, PASSWORD, REPOSITORY, TayoriServer } from "./server.ts";
import { message, SmtpClient } from "./smtp-client.ts";

let server: TayoriServer;
before(async () => {
  server = await TayoriServer.start({ routes: { "*": `127.0.0.1:${await freePort()}` } });
});
after(() => server?.dispose());

const loginWorks = async (address: string, password: string): Promise<boolean> => {
  const client = await ImapClient.connect(server.port("imaps"), { tls: true });
  const { status } = await client.send(`LOGIN "${address}" "${password}"`);
  await client.logout();
  return status === "OK";
};
const rcpt = async (address: string): Promise<number> => {
  const client = await SmtpClient.open(server.port("smtp"));
  await client.command("MAIL FROM:<a@peer.test>");
  const { code } = await client.command(`RCPT TO:<${address}>`);
  await client.quit();
  return code;
};
/** A change by another process may take a moment to be seen. */
const soon = (what: string, probe: () => Promise<boolean>): Promise<true> => eventually(what, async () => ((await probe()) ? true : undefined), 10_000);

describe("accounts", () => {
  test("add, password, disable and delete take effect in the running server", { timeout: 60_000 }, async () => {
    await server.mustCli(["domain", "add", "second.test"]);
    await server.addAccount("new@second.test", "first-password");
    await soon("the new account logs in", () => loginWorks("new@second.test", "first-password"));
    await soon("the new account gets mail", async () => (await rcpt("new@second.test")) === 250);
    await server.mustCli(["account", "password", "new@second.test", "--password-stdin"], "second-password\n");
    await soon("the new password works", () => loginWorks("new@second.test", "second-password"));
    await soon("the old password is refused", async () => !(await loginWorks("new@second.test", "first-password")));
    await server.mustCli(["account", "disable", "new@second.test"]);
    await soon("a disabled account cannot log in", async () => !(await loginWorks("new@second.test", "second-password")));
    await server.mustCli(["account", "delete", "new@second.test"]);
    await soon("a deleted account gets no mail", async () => (await rcpt("new@second.test")) === 550);
  });
  test("list shows every account, as text and as JSON", async () => {
    assert.match((await server.mustCli(["account", "list"])).stdout, /user@tayori\.test/);
    assert.match(JSON.stringify(await server.json(["account", "list"])), /user@tayori\.test/);
  });
  test("an account of a domain that is not ours, an account twice and a broken address are refused with a reason", async () => {
    for (const [address, reason] of [["a@elsewhere.test", /elsewhere\.test/], ["user@tayori.test", /exist|already/i], ["no address", /address/i]] as const) {
      const result = await server.cli(["account", "add", address, "--password-stdin"], `${PASSWORD}\n`);
      assert.notEqual(result.code, 0, result.transcript);
      assert.match(result.stderr, reason);
      assert.doesNotMatch(result.stderr, /^\s+at /m, "a stack trace is no message");
    }
  });
  test("no password is shown anywhere", async () => {
    const shown = [await server.mustCli(["account", "list", "--json"]), await server.mustCli(["store", "stats", "--json"])];
    for (const { stdout, stderr } of shown) assert.ok(!`${stdout}${stderr}`.includes(PASSWORD));
    assert.ok(!server.log.includes(PASSWORD));
  });
  test("a Japanese password and a name without domain work", { timeout: 30_000 }, async () => {
    await server.addAccount("kanji@tayori.test", "合言葉 １２３");
    const client = await SmtpClient.open(server.port("submissions"), { tls: "implicit" });
    const wide = await client.authPlain("kanji", "合言葉 123");
    // SASLprep (RFC 4013) maps full-width digits to plain ones.
    assert.equal(wide.code, 235, wide.lines.join(" "));
    await client.quit();
  });
});

describe("aliases", () => {
  test("an alias added while the server runs gets mail to its target", async () => {
    await server.mustCli(["alias", "add", "sales@tayori.test", "user@tayori.test"]);
    await soon("the alias is accepted", async () => (await rcpt("sales@tayori.test")) === 250);
    const smtp = await SmtpClient.open(server.port("smtp"));
    assert.equal((await smtp.send({ from: "a@peer.test", to: ["sales@tayori.test"], content: message({ subject: "by alias" }) })).code, 250);
    await smtp.quit();
    const client = await open(server);
    await awaitMessage(client, "Subject: by alias");
    await client.logout();
  });
});

describe("the queue", () => {
  const list = async (): Promise<readonly unknown[]> => {
    const answer = await server.json(["queue", "list"]);
    return asArray(field(answer, "messages") ?? answer);
  };
  test("a message to an unreachable peer is listed, shown, held, retried and removed", { timeout: 60_000 }, async () => {
    const client = await SmtpClient.open(server.port("submissions"), { tls: "implicit", login: ["user@tayori.test", PASSWORD] });
    assert.equal((await client.send({ from: "user@tayori.test", to: ["far@peer.test"], content: message({ from: "user@tayori.test", subject: "secret subject" }) })).code, 250);
    await client.quit();
    const [first] = await eventually("a queued message", async () => { const all = await list(); return all.length === 1 ? all : undefined; });
    const id = String(field(first, "id"));
    const shown = await eventually("a first attempt", async () => {
      const text = JSON.stringify(await server.json(["queue", "show", id]));
      return /refused|ECONNREFUSED|connect/i.test(text) ? text : undefined;
    });
    assert.match(shown, /far@peer\.test/);
    assert.match((await server.mustCli(["queue", "list"])).stdout, /far@peer\.test/);
    await server.mustCli(["queue", "hold", id]);
    assert.match(JSON.stringify(await server.json(["queue", "show", id])), /held|hold/i);
    await server.mustCli(["queue", "retry", id]);
    await server.mustCli(["queue", "remove", id]);
    await eventually("an empty queue", async () => ((await list()).length === 0 ? true : undefined));
    assert.doesNotMatch(server.log, /secret subject/);
  });
  test("an unknown queue id is an error", async () => {
    const result = await server.cli(["queue", "show", "no-such-id"]);
    assert.notEqual(result.code, 0, result.transcript);
  });
});

describe("the store", () => {
  test("check finds nothing wrong and stats counts, while the server runs", async () => {
    await server.mustCli(["store", "check"]);
    assert.equal(typeof (await server.json(["store", "stats"])), "object");
  });
});

describe("settings", () => {
  const directory = temporaryDirectory("settings");
  after(() => removeDirectory(directory));
  const serve = (config: string): Promise<RunResult> =>
    run(process.execPath, ["--disable-warning=ExperimentalWarning", join(REPOSITORY, "src/app/main.ts"), "serve", "--config", config], { cwd: directory, timeoutMs: 20_000 });
  const cases: readonly (readonly [name: string, broken: (good: string) => string, line: RegExp, reason: RegExp])[] = [
    ["a key that does not exist", (good) => good.replace("[listen]", "[listen]\nsmpt = [\"127.0.0.1:0\"]"), /^smpt/m, /smpt/],
    ["a wrong type", (good) => good.replace(/^hostname = .*$/m, "hostname = 7"), /^hostname/m, /hostname/],
    ["a listener without a port", (good) => good.replace(/^smtp = .*$/m, "smtp = [\"127.0.0.1\"]"), /^smtp/m, /smtp|port/i],
    ["broken TOML", (good) => good.replace(/^hostname = .*$/m, "hostname = \"unfinished"), /^hostname/m, /string|newline|TOML|invalid|control/i],
    ["a store of an unknown kind", (good) => good.replace("sqlite:", "redis:"), /^url/m, /redis|store|url/i],
  ];
  for (const [name, breakIt, lineOf, reason] of cases) {
    test(`${name} is told with its line and reason`, async () => {
      const broken = breakIt(readFileSync(server.config, "utf8"));
      const path = join(directory, "broken.toml");
      writeFileSync(path, broken);
      const line = broken.slice(0, lineOf.exec(broken)?.index ?? 0).split("\n").length;
      const result = await serve(path);
      assert.notEqual(result.code, 0, result.transcript);
      assert.match(result.stderr, new RegExp(`\\b${line}\\b`), `line ${line} is not named: ${result.transcript}`);
      assert.match(result.stderr, reason);
      assert.doesNotMatch(result.stderr, /^\s+at /m, "a stack trace is no message");
    });
  }
  test("a settings file that is not there is an error that names it", async () => {
    const result = await serve(join(directory, "missing.toml"));
    assert.notEqual(result.code, 0);
    assert.match(result.stderr, /missing\.toml/);
  });
});

describe("the process", () => {
  test("SIGTERM ends it with exit code 0, and it starts again", { timeout: 60_000 }, async () => {
    await server.stop();
    await server.start();
    assert.equal(await loginWorks("user@tayori.test", PASSWORD), true);
  });
});
