/** Foreign programs read mail: curl, mutt and Python's imaplib. */
import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { contents, open } from "./mailbox.ts";
import { mustRun, run } from "./program.ts";
import { PASSWORD, TayoriServer } from "./server.ts";
import { message } from "./smtp-client.ts";

let server: TayoriServer;
before(async () => {
  server = await TayoriServer.start({ accounts: ["user@tayori.test", "python@tayori.test", "mutt@tayori.test"] });
});
after(() => server?.dispose());

async function fill(name: string, count: number): Promise<void> {
  const client = await open(server, name);
  for (let i = 1; i <= count; i++) {
    const { status, text } = await client.append("INBOX", Buffer.from(message({ subject: `letter ${i}`, id: `letter-${i}@peer.test` }, `body of letter ${i}`)));
    assert.equal(status, "OK", text);
  }
  await client.logout();
}

describe("curl", () => {
  const curl = async (path: string, ...args: string[]): Promise<string> =>
    (await mustRun("curl", ["--silent", "--show-error", "--cacert", server.certificate.cert, "--user", `user@tayori.test:${PASSWORD}`, `imaps://localhost:${server.port("imaps")}/${path}`, ...args])).stdout;
  before(() => fill("user@tayori.test", 3));

  test("lists, searches and fetches over imaps://", async () => {
    assert.match(await curl(""), /^\* LIST \([^)]*\) "\/" "?INBOX"?\r?$/m);
    assert.match(await curl("INBOX?SUBJECT%20%22letter%202%22"), /^\* SEARCH 2\r?$/m);
    assert.equal(await curl("INBOX;MAILINDEX=2;SECTION=TEXT"), "body of letter 2\r\n");
    const whole = await curl("INBOX;UID=1");
    assert.match(whole, /^Subject: letter 1\r$/m);
    assert.match(whole, /body of letter 1\r\n$/);
  });
  test("appends, and stores flags with a custom request", async () => {
    const file = join(server.directory, "append.eml");
    writeFileSync(file, message({ subject: "by curl" }));
    await curl("INBOX", "--upload-file", file);
    assert.match(await curl("INBOX", "--request", "STORE 4 +FLAGS (\\Flagged)"), /FETCH \([^)]*\\Flagged/);
    const client = await open(server);
    const last = (await contents(client)).at(-1);
    assert.ok(last !== undefined && last.flags.includes("\\Flagged"));
    assert.equal(last.content.toString(), readFileSync(file, "utf8"));
    await client.logout();
  });
  test("imap:// with STARTTLS", async () => {
    const { stdout } = await mustRun("curl", ["--silent", "--show-error", "--ssl-reqd", "--cacert", server.certificate.cert, "--user", `user@tayori.test:${PASSWORD}`, `imap://localhost:${server.port("imap")}/INBOX;UID=1;SECTION=HEADER.FIELDS%20(SUBJECT)`]);
    assert.match(stdout, /Subject: letter 1/);
  });
  test("a clear-text login is refused", async () => {
    const result = await run("curl", ["--silent", "--show-error", "--user", `user@tayori.test:${PASSWORD}`, `imap://127.0.0.1:${server.port("imap")}/INBOX`]);
    assert.notEqual(result.code, 0, result.transcript);
  });
});

describe("mutt", () => {
  before(() => fill("mutt@tayori.test", 5));

  /** Runs mutt on a terminal of its own with the keys of `push`. */
  async function mutt(push: string, mechanism: string): Promise<string> {
    const rc = join(server.directory, "muttrc");
    writeFileSync(rc, [
      `set imap_user="mutt@tayori.test" imap_pass="${PASSWORD}" imap_authenticators="${mechanism}"`, `set certificate_file="${server.certificate.cert}"`, "set ssl_verify_host=yes",
      `set folder="imaps://localhost:${server.port("imaps")}/" spoolfile="+INBOX" record="" mbox_type=mbox header_cache="" message_cachedir="" quit=yes delete=yes move=no confirmcreate=no`,
      "set auto_tag=yes wait_key=no sleep_time=0", `push "${push}"`, "",
    ].join("\n"));
    const result = await run("script", ["-qec", `mutt -n -d 2 -F ${rc}`, "/dev/null"], { env: { TERM: "xterm", HOME: server.directory, LINES: "40", COLUMNS: "120" }, timeoutMs: 30_000 });
    const trace = join(server.directory, ".muttdebug0");
    return `${result.transcript}\n${existsSync(trace) ? readFileSync(trace, "latin1") : ""}`;
  }
  test("copies every message into an mbox, and its flags and deletions reach the server", async () => {
    const copy = join(server.directory, "mutt.mbox");
    const transcript = await mutt(`<tag-pattern>~A<enter><copy-message>${copy}<enter><untag-pattern>~A<enter><jump>2<enter><flag-message><jump>4<enter><delete-message><sync-mailbox><quit>`, "plain");
    assert.ok(existsSync(copy), transcript);
    const mbox = readFileSync(copy, "utf8");
    for (let i = 1; i <= 5; i++) assert.ok(mbox.includes(`body of letter ${i}`), `letter ${i} is missing`);
    const client = await open(server, "mutt@tayori.test");
    const left = await contents(client);
    assert.deepEqual(left.map((one) => /Subject: (letter \d)/.exec(one.content.toString())?.[1]), ["letter 1", "letter 2", "letter 3", "letter 5"], transcript);
    assert.ok(left[1]?.flags.includes("\\Flagged"), transcript);
    await client.logout();
  });
  test("logs in with SCRAM-SHA-256 by GNU SASL", async () => {
    const copy = join(server.directory, "scram.mbox");
    const transcript = await mutt(`<jump>1<enter><copy-message>${copy}<enter><quit>`, "scram-sha-256");
    assert.ok(existsSync(copy), transcript);
    assert.match(transcript, /AUTHENTICATE SCRAM-SHA-256/);
  });
});

describe("Python imaplib", () => {
  test("goes through login, list, create, append, select, fetch, store, search, copy, move, expunge and idle", async () => {
    await mustRun("/usr/bin/python3", [join(import.meta.dirname, "imaplib-round.py"), `${server.port("imaps")}`, `${server.port("smtp")}`, server.certificate.cert, "python@tayori.test", PASSWORD]);
  });
});
