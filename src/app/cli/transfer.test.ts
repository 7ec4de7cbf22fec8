import assert from "node:assert/strict";
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { cliWorld } from "./cli-world.fake.ts";

type World = ReturnType<typeof cliWorld>;

async function worldWith(...users: readonly string[]): Promise<World> {
  const world = cliWorld();
  await world.tayori(["domain", "add", "example.test"]);
  for (const user of users) assert.equal((await world.tayori(["account", "add", `${user}@example.test`, "--password-stdin"], "secret")).code, 0);
  return world;
}

function makeMaildir(root: string): void {
  for (const folder of ["", ".Work.&ZeVnLIqe-", ".a&AC4-b"]) for (const part of ["cur", "new", "tmp"]) mkdirSync(join(root, folder, part), { recursive: true });
  writeFileSync(join(root, "dovecot-keywords"), "0 $Forwarded\n1 important\n");
  writeFileSync(join(root, "cur", "1700000000.one.host:2,FSab"), "Subject: one\n\nFrom the first\n");
  writeFileSync(join(root, "new", "1700000001.two.host"), "Subject: two\n\n.\n");
  writeFileSync(join(root, ".Work.&ZeVnLIqe-", "cur", "1700000002.three.host:2,DRT"), "Subject: three\r\n\r\nCRLF\r\n");
  writeFileSync(join(root, ".a&AC4-b", "cur", "1700000003.four.host:2,"), "Subject: four\n\n\xe9\n", "latin1");
}

/** Every message of a Maildir: folder, flags, size, content. */
function listMaildir(root: string): string[] {
  return readdirSync(root, { recursive: true, encoding: "utf8" }).filter((path) => /(^|\/)(cur|new)\//.test(path)).map((path) => {
    const folder = path.split("/cur/")[0] === path ? "" : path.split("/cur/")[0]!;
    return `${folder} ${/:2,(.*)$/.exec(path)?.[1] ?? ""} ${JSON.stringify(readFileSync(join(root, path), "latin1"))}`;
  }).sort();
}

describe("account import and export", () => {
  test("a Maildir comes back with folders, flags, keywords and contents, also through mbox", async (t) => {
    const world = await worldWith("a", "b");
    t.after(() => world.remove());
    makeMaildir(join(world.folder, "in"));
    assert.deepEqual(await world.json(["account", "import", "a@example.test", "--from", "in"]), { messages: 4, mailboxes: ["INBOX", "Work/日本語", "a.b"] });
    const out = await world.json(["account", "export", "a@example.test", "--format", "maildir", "--to", "out"]) as { messages: number };
    assert.equal(out.messages, 4);
    const expected = ['.Work.&ZeVnLIqe- DRT "Subject: three\\n\\nCRLF\\n"', '.a&AC4-b  "Subject: four\\n\\né\\n"'];
    const listed = listMaildir(join(world.folder, "out"));
    assert.equal(listed.length, 4);
    for (const entry of expected) assert(listed.includes(entry), `${entry} in ${listed.join("\n")}`);
    assert(listed.some((entry) => entry.endsWith('FSab "Subject: one\\n\\nFrom the first\\n"')), listed.join("\n"));

    assert.equal((await world.tayori(["account", "export", "a@example.test", "--format", "mbox", "--to", "boxes"])).code, 0);
    assert.match(readFileSync(join(world.folder, "boxes/INBOX.mbox"), "latin1"), /^From MAILER-DAEMON .*\nSubject: one\nStatus: RO\nX-Status: F\nX-Keywords: \$Forwarded important\n\n>From the first\n\nFrom /);
    assert.equal((await world.tayori(["account", "import", "b@example.test", "--from", "boxes"])).code, 0);
    assert.equal((await world.tayori(["account", "export", "b@example.test", "--format", "maildir", "--to", "again"])).code, 0);
    const bare = (lines: readonly string[]): string[] => lines.map((entry) => entry.replace(/cur\/.*:2,/, "")).sort();
    assert.deepEqual(bare(listMaildir(join(world.folder, "again"))), bare(listed));
  });

  test("refuses what would be overwritten, what is not there, and what is no mail", async (t) => {
    const world = await worldWith("a");
    t.after(() => world.remove());
    const code = async (...argv: readonly string[]): Promise<number> => (await world.tayori(["account", ...argv])).code;
    mkdirSync(join(world.folder, "full"));
    writeFileSync(join(world.folder, "full", "file.txt"), "Subject: x\n");
    assert.equal(await code("export", "a@example.test", "--format", "maildir", "--to", "full"), 1);
    assert.equal(await code("export", "a@example.test", "--format", "pst", "--to", "new"), 2);
    assert.equal(await code("export", "nobody@example.test", "--format", "mbox", "--to", "new"), 1);
    assert.equal(await code("import", "a@example.test", "--from", "absent"), 1);
    assert.equal(await code("import", "a@example.test", "--from", "full"), 2);
    assert.equal(await code("import", "a@example.test", "--from", "full/file.txt"), 1);
  });

  test("stops at the quota and says how far it came", async (t) => {
    const world = await worldWith("a");
    t.after(() => world.remove());
    await world.tayori(["account", "set", "a@example.test", "--quota", "10B"]);
    makeMaildir(join(world.folder, "in"));
    const { code, err } = await world.tayori(["account", "import", "a@example.test", "--from", "in"]);
    assert.deepEqual([code, err], [1, "tayori: INBOX: the account is over its quota. 0 messages are in the account.\n"]);
  });
});
