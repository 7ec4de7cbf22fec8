/** The operator's care of a store, while a server runs on it: damage found and mended, mail brought back, the store moved. */
import assert from "node:assert/strict";
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, describe, test } from "node:test";
import { contents, open } from "./mailbox.ts";
import { ImapClient } from "./imap-client.ts";
import { eventually, sleep } from "./program.ts";
import { asArray, field, PASSWORD, TayoriServer } from "./server.ts";
import { SmtpClient } from "./smtp-client.ts";

const ACCOUNT = "user@tayori.test";
const letter = (text: string): string => `Subject: ${text}\r\nX-Id: ${text}\r\n\r\nthe letter ${text}\r\n`;
const idOf = (content: Buffer): string => /^X-Id: (\S+)/m.exec(content.toString("latin1"))?.[1] ?? "";
const keysOf = (report: unknown): string[] => [...new Set(asArray(field(report, "problems")).map((problem) => String(field(problem, "key"))))].sort();

/** The store's file from beside the server, as something that goes bad is. */
class StoreFile {
  readonly #db: DatabaseSync;
  constructor(server: TayoriServer) {
    this.#db = new DatabaseSync(join(server.directory, "tayori.sqlite"), { timeout: 10_000 });
  }
  keys(like: string): string[] {
    return this.#db.prepare("SELECT key FROM object WHERE key LIKE ? ORDER BY key").all(like).map((row) => String(row["key"]));
  }
  read(key: string): Buffer {
    const bytes = this.#db.prepare("SELECT bytes FROM object WHERE key = ?").get(key)?.["bytes"];
    return bytes instanceof Uint8Array ? Buffer.from(bytes) : assert.fail(`${key} is not there`);
  }
  /** Flips bits of one octet. */
  damage(key: string, at: number): void {
    const bytes = this.read(key);
    bytes[at] = (bytes[at] ?? 0) ^ 0x55;
    this.#db.prepare("UPDATE object SET bytes = ? WHERE key = ?").run(bytes, key);
  }
  remove(key: string): void {
    this.#db.prepare("DELETE FROM object WHERE key = ?").run(key);
  }
  close(): void {
    this.#db.close();
  }
}
async function report(server: TayoriServer, args: readonly string[], code: 0 | 1): Promise<unknown> {
  const result = await server.cli([...args, "--json"]);
  assert.equal(result.code, code, result.transcript);
  return JSON.parse(result.stdout);
}
async function send(server: TayoriServer, ...texts: string[]): Promise<void> {
  const smtp = await SmtpClient.open(server.port("smtp"));
  for (const text of texts) {
    const reply = await smtp.send({ from: "friend@peer.test", to: [ACCOUNT], content: letter(text) });
    assert.equal(reply.code, 250, reply.lines.join(" "));
  }
  await smtp.quit();
}

describe("damage in the store of a running server", () => {
  let server: TayoriServer;
  let file: StoreFile;
  let account: string;
  before(async () => {
    server = await TayoriServer.start({ accounts: [ACCOUNT, "other@tayori.test"] });
    account = String(field(asArray(await server.json(["account", "list"])).find((one) => field(one, "address") === ACCOUNT), "accountId"));
    file = new StoreFile(server);
  });
  after(async () => {
    file?.close();
    await server?.dispose();
  });

  test("is found exactly where it is, by check and by scrub", async () => {
    await send(server, "one", "two", "three", "four");
    assert.deepEqual(keysOf(await report(server, ["store", "check"], 0)), []);
    const entries = file.keys(`a/${account}/j/%`).slice(-4);
    file.damage(entries[1]!, 60);
    file.damage(entries[3]!, 60);
    const expected = [entries[1], entries[3]].sort();
    assert.deepEqual(keysOf(await report(server, ["store", "check"], 1)), expected);
    assert.deepEqual(keysOf(await report(server, ["store", "check", "--account", ACCOUNT], 1)), expected);
    assert.deepEqual(keysOf(await report(server, ["store", "check", "--account", "other@tayori.test"], 0)), []);
    assert.deepEqual(keysOf(await report(server, ["store", "scrub", "--rate", "100"], 1)), expected);
    assert.deepEqual(keysOf(await report(server, ["store", "scrub", "--after", account], 0)), [], "the account was read before");
  });

  test("of messages is mended by letters that say what was lost", async () => {
    const imap = await open(server);
    const uids = (await imap.select("INBOX")).uidNext;
    const dry = await report(server, ["store", "repair", "--all", "--dry-run"], 1);
    assert.equal(asArray(field(dry, "repairs")).length, 2);
    const done = await server.cli(["store", "repair", "--account", ACCOUNT, "--json"]);
    assert.equal(done.code, 0, done.transcript);
    assert.equal(done.stderr.split("\n").filter((line) => line.includes('"store-repaired"')).length, 2, done.stderr);
    await report(server, ["store", "check"], 0);
    assert.deepEqual((await contents(imap)).map(({ content }) => idOf(content)), ["one", "three"]);
    const notices = (await contents(imap, "Damaged")).map(({ content }) => content.toString());
    assert.equal(notices.length, 2);
    for (const notice of notices) assert.ok(notice.includes("メールボックス: INBOX") && notice.includes("Mailbox: INBOX") && /UID: [24]\r\n/.test(notice), notice);
    assert.equal((await imap.select("INBOX")).uidNext, uids, "UIDs are not given again");
    await imap.logout();
  });

  test("of a snapshot is mended from the entries, and clients see nothing of it", async () => {
    const imap = await open(server);
    for (let i = 0; i < 280; i++) assert.equal((await imap.append("Archive", Buffer.from(letter(`a${i}`)))).status, "OK");
    await eventually("a snapshot", () => (file.keys(`a/${account}/head`).length === 1 ? true : undefined));
    await report(server, ["store", "check"], 0);
    const root = `a/${account}/${String(field(JSON.parse(file.read(`a/${account}/head`).toString()), "root"))}`;
    const parts = file.keys(`a/${account}/c/%`);
    for (const key of [root, parts[0]!]) file.damage(key, 40);
    const before = (await contents(imap, "Archive")).map(({ uid, content }) => `${uid} ${idOf(content)}`);
    assert.ok(keysOf(await report(server, ["store", "check"], 1)).includes(root));
    await server.mustCli(["store", "repair", "--account", ACCOUNT]);
    await report(server, ["store", "check"], 0);
    await server.stop();
    await server.start();
    const again = await open(server);
    assert.deepEqual((await contents(again, "Archive")).map(({ uid, content }) => `${uid} ${idOf(content)}`), before);
    assert.equal(before.length, 280);
    await again.logout();
  });

  test("of an entry stops the account until an operator decides; what is left of it is kept", async () => {
    await send(server, "before", "lost", "after");
    const entry = file.keys(`a/${account}/j/%`).at(-2)!;
    const octets = file.read(entry).length;
    file.damage(entry, octets - 4);
    const seq = String(Number(entry.slice(-12)));
    assert.deepEqual(keysOf(await report(server, ["store", "check"], 1)), [entry]);
    const untold = await server.cli(["store", "repair", "--all"]);
    assert.equal(untold.code, 1);
    assert.match(untold.stdout, new RegExp(`--skip-entry ${seq}`));
    await server.mustCli(["store", "repair", "--account", ACCOUNT, "--skip-entry", seq]);
    await report(server, ["store", "check"], 0);
    assert.equal(file.keys(`a/${account}/lost/%`).length, 1);
    const imap = await eventually("the server goes on from the mended state", async () => {
      const client = await open(server);
      const seen = await contents(client).catch(() => null);
      if (seen?.some(({ content }) => idOf(content) === "after") === true && !seen.some(({ content }) => idOf(content) === "lost")) return client;
      await client.logout().catch(() => undefined);
      return undefined;
    });
    const ids = (await contents(imap)).map(({ content }) => idOf(content));
    assert.deepEqual(ids.slice(-2), ["before", "after"]);
    await send(server, "goes-on");
    assert.equal((await contents(imap)).map(({ content }) => idOf(content)).at(-1), "goes-on");
    await imap.logout();
  });

  test("of the directory is found", async () => {
    file.damage("d/domain/tayori.test", 0);
    file.remove(file.keys("d/account/%").find((key) => !key.endsWith(account))!);
    const keys = keysOf(await report(server, ["store", "check"], 1));
    assert.ok(keys.includes("d/domain/tayori.test") && keys.includes("d/address/tayori.test/other"), keys.join(" "));
  });
});

describe("expunged mail", () => {
  let server: TayoriServer;
  before(async () => { server = await TayoriServer.start({ settings: '[retention]\nexpunged = "2d"' }); });
  after(() => server?.dispose());

  test("comes back by a command, under new UIDs, into an open session", async () => {
    await send(server, "keep", "oops", "gone");
    const imap = await open(server);
    await imap.select("INBOX");
    await imap.ok("UID STORE 2:3 +FLAGS (\\Deleted \\Flagged)");
    await imap.ok("EXPUNGE");
    assert.equal((await contents(imap)).length, 1);
    await server.mustCli(["account", "undelete", ACCOUNT, "--since", "2h", "--mailbox", "INBOX"]);
    const seen = await contents(imap);
    assert.deepEqual(seen.map(({ uid, content, flags }) => [uid, idOf(content), flags.join()]), [[1, "keep", ""], [4, "oops", "\\Flagged"], [5, "gone", "\\Flagged"]]);
    assert.match((await server.mustCli(["account", "undelete", ACCOUNT])).stdout, /Nothing that was expunged fits/);
    await imap.logout();
  });

  test("of a deleted mailbox comes back where it is told to", async () => {
    const imap = await open(server);
    await imap.ok("CREATE Work");
    await imap.append("Work", Buffer.from(letter("plan")));
    await imap.ok("DELETE Work");
    await server.mustCli(["account", "undelete", ACCOUNT, "--mailbox", "Work", "--to", "Rescued"]);
    assert.deepEqual((await contents(imap, "Rescued")).map(({ content }) => idOf(content)), ["plan"]);
    await imap.logout();
    await report(server, ["store", "check"], 0);
  });
});

describe("a store that moves", () => {
  let server: TayoriServer;
  let next: TayoriServer | undefined;
  before(async () => { server = await TayoriServer.start({ cleartextLoopback: true }); });
  after(async () => {
    await next?.dispose();
    await server?.dispose();
  });

  test("takes with it everything that was acknowledged, and nothing is taken at the old place afterwards", async () => {
    await send(server, "early");
    const imap = await ImapClient.open(server.port("imap"), [ACCOUNT, PASSWORD]);
    const known = new Map<number, string>();
    let refused = false;
    const appending = (async () => {
      for (let i = 0; !refused; i++) {
        const { status, uid } = await imap.append("Archive", Buffer.from(letter(`a${i}`)));
        if (status === "OK") known.set(uid ?? 0, `a${i}`);
        else refused = true;
        await sleep(5);
      }
    })();
    const delivered: string[] = [];
    const delivering = (async () => {
      const smtp = await SmtpClient.open(server.port("smtp"));
      for (let i = 0; ; i++) {
        const reply = await smtp.send({ from: "friend@peer.test", to: [ACCOUNT], content: letter(`d${i}`) });
        if (reply.code !== 250) {
          assert.ok(reply.code >= 400 && reply.code < 500, `a peer must try again: ${reply.lines.join(" ")}`);
          return smtp.quit();
        }
        delivered.push(`d${i}`);
        await sleep(5);
      }
    })();
    await sleep(500);
    const [from, to] = [join(server.directory, "tayori.sqlite"), join(server.directory, "moved.sqlite")];
    await server.mustCli(["store", "migrate", `sqlite:${from}`, `sqlite:${to}`]);
    await Promise.all([appending, delivering]);
    assert.ok(known.size > 50 && delivered.length > 50, `${known.size} and ${delivered.length}: the load was no load`);
    assert.equal((await contents(imap)).length, delivered.length + 1, "the old place is still read");
    await server.stop();
    await assert.rejects(server.start(), /has moved to sqlite:/);

    next = await TayoriServer.prepare({ accounts: [], domains: [] });
    copyFileSync(`${from}.key`, join(next.directory, "key"));
    next.configure({ cleartextLoopback: true, store: { url: `sqlite:${to}`, masterKey: join(next.directory, "key") } });
    await next.start();
    await next.mustCli(["store", "check"]);
    const client = await ImapClient.open(next.port("imap"), [ACCOUNT, PASSWORD]);
    const archived = new Map((await contents(client, "Archive")).map(({ uid, content }) => [uid, idOf(content)]));
    for (const [uid, id] of known) assert.equal(archived.get(uid), id, `UID ${uid}`);
    const inbox = new Set((await contents(client)).map(({ content }) => idOf(content)));
    for (const id of ["early", ...delivered]) assert.ok(inbox.has(id), `${id} is lost`);
    const { uid } = await client.append("Archive", Buffer.from(letter("goes on")));
    assert.ok((uid ?? 0) > Math.max(...known.keys()));
    await client.logout();
  });
});
