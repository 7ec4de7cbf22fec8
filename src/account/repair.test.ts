import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Keyring } from "../journal/keyring.ts";
import { Journal } from "../journal/journal.ts";
import { writeSnapshot } from "../journal/snapshot.ts";
import { TRIM_AFTER_MS, VALID_FOR_MS } from "../journal/limits.ts";
import { FakeRandom } from "../port/random.fake.ts";
import { append, AccountWorld, contents, letter, must } from "./account.contract.ts";
import type { Account } from "./account.ts";
import { copyMessages } from "./copy.ts";
import { expungeMessages } from "./expunge.ts";
import { changeFlags } from "./flag-change.ts";
import { flagSetOf } from "./flags.ts";
import { confirmedInspection, type Inspection } from "./inspection.ts";
import { accountMachine } from "./machine.ts";
import { createMailbox } from "./mailbox-names.ts";
import { maintainAccount } from "./maintenance.ts";
import { repairAccount, type RepairAnswer } from "./repair.ts";
import { INBOX_ID } from "./state.ts";
import { undeleteMessages } from "./undelete.ts";

const PREFIX = "a/test/";
const DAY = 24 * 60 * 60 * 1000;
const flags = (...names: string[]) => ({ mode: "add" as const, flags: flagSetOf(names), unchangedSince: null });

async function made() {
  const world = new AccountWorld({ keepExpungedMs: 7 * DAY });
  return { world, account: await world.node() };
}
async function cipherOf(world: AccountWorld) {
  const key = await new Keyring(world.store, Buffer.alloc(32, 7), new FakeRandom(99)).open(PREFIX);
  return key.kind === "cipher" ? key.cipher : assert.fail();
}
async function inspect(world: AccountWorld): Promise<Inspection> {
  const journal = new Journal(PREFIX, { store: world.store, clock: world.clock, log: world.log, random: new FakeRandom(98) }, await cipherOf(world), accountMachine);
  const seen = await confirmedInspection(journal, { bodies: true });
  return "kind" in seen ? assert.fail(seen.detail) : seen;
}
async function repair(world: AccountWorld, options: { dryRun?: boolean; skip?: number[] } = {}): Promise<Extract<RepairAnswer, { kind: "looked" }>> {
  const repaired = await repairAccount("test", { store: world.store, clock: world.clock, log: world.log, random: new FakeRandom(97), cipher: await cipherOf(world) }, {
    dryRun: options.dryRun === true, skipEntries: new Set(options.skip ?? []), author: "postmaster@example.test", keepExpungedMs: 7 * DAY,
  });
  return repaired.kind === "looked" ? repaired : assert.fail(JSON.stringify(repaired));
}
/** Changes one octet of an object, in the middle or where told. */
async function damage(world: AccountWorld, key: string, at?: number): Promise<void> {
  const bytes = world.store.peek(key) ?? assert.fail(`${key} is not there`);
  const index = at ?? bytes.length >> 1;
  bytes[index] = bytes[index]! ^ 0x55;
  await world.store.put(key, bytes, {});
}
const keys = (world: AccountWorld, pattern: RegExp): string[] => world.store.keys().filter((key) => pattern.test(key));
const head = (world: AccountWorld): { root: string; seq: number } => JSON.parse(world.store.peek(`${PREFIX}head`)!.toString()) as { root: string; seq: number };
async function clean(world: AccountWorld): Promise<void> {
  assert.deepEqual((await inspect(world)).problems, []);
}
async function filled(account: Account): Promise<void> {
  for (let i = 0; i < 5; i++) await append(account, "INBOX", letter(`m${i}`, i % 2 === 0 ? ["\\Seen", "$Work"] : []));
  must(await account.load(INBOX_ID));
  must(await copyMessages(account, INBOX_ID, [1, 2], (state) => state.byName.get("Archive") ?? null, { move: false }));
  must(await expungeMessages(account, INBOX_ID, { uids: [5], flagged: false }));
}

describe("an inspection", () => {
  test("finds nothing in an account that is sound, in all its ages", async () => {
    const { world, account } = await made();
    await clean(world);
    await filled(account);
    await clean(world);
    must(await account.snapshot());
    await append(account, "INBOX", letter("after"));
    const seen = await inspect(world);
    assert.deepEqual([seen.problems, seen.complete, seen.messages, seen.leftovers?.objectsUnderAnHour], [[], true, 7, 0]);
    await world.clock.advance(TRIM_AFTER_MS + 1);
    must(await maintainAccount(account));
    await clean(world);
  });

  test("names every damaged object, and nothing else", async () => {
    const { world, account } = await made();
    await filled(account);
    must(await account.snapshot());
    await append(account, "INBOX", letter("after"));
    const objects = keys(world, /^a\/test\/(s|c)\//);
    for (const key of objects) {
      const before = world.store.peek(key)!;
      await damage(world, key);
      const { problems } = await inspect(world);
      assert.deepEqual([...new Set(problems.map((problem) => problem.key))], [key]);
      await world.store.put(key, before, {});
    }
    assert.ok(objects.length >= 5, "roots, chunks, summaries, the list of expunged messages");
    const entry = keys(world, /\/j\//).find((key) => world.store.peek(key)!.length > 250)!;
    await damage(world, entry, 60);
    const { problems } = await inspect(world);
    assert.deepEqual([...new Set(problems.map((problem) => `${problem.key} ${problem.kind}`))], [`${entry} body`]);
  });

  test("sees a gap in the entries, and entries behind one that can't be read", async () => {
    const { world, account } = await made();
    await filled(account);
    const all = keys(world, /\/j\//);
    await world.store.delete(all[3]!);
    await damage(world, all[5]!, world.store.peek(all[5]!)!.length - 3);
    const { problems, complete } = await inspect(world);
    assert.deepEqual(problems.map(({ key }) => key), [all[3], all[5]]);
    assert.equal(complete, false);
  });

  test("counts what is left over by its age", async () => {
    const { world, account } = await made();
    await filled(account);
    must(await account.journal.putObject(account.journal.newObjectName("b"), Buffer.from("x")) === null ? { kind: "done", value: null } : assert.fail());
    assert.deepEqual((await inspect(world)).leftovers, { entries: 0, objectsUnderAnHour: 1, objectsUnderAWeek: 0, objectsOlder: 0, lost: 0 });
    await world.clock.advance(2 * TRIM_AFTER_MS);
    assert.equal((await inspect(world)).leftovers?.objectsUnderAWeek, 1);
    await world.clock.advance(8 * DAY);
    assert.equal((await inspect(world)).leftovers?.objectsOlder, 1);
    await world.store.put("a/test/strange", Buffer.from("x"), {});
    assert.deepEqual((await inspect(world)).problems.map((problem) => problem.kind), ["unknown-key"]);
  });
});

describe("a repair", () => {
  test("makes a snapshot anew from all entries, whatever part of it is damaged, with the same UIDs", async () => {
    const { world, account } = await made();
    await filled(account);
    must(await account.snapshot());
    await append(account, "INBOX", letter("after"));
    const before = [await contents(account, "INBOX"), await contents(account, "Archive")];
    for (const target of ["head", "root", "parts"] as const) {
      const objects = target === "head" ? [`${PREFIX}head`] : target === "root" ? [PREFIX + head(world).root] : keys(world, /\/c\//);
      for (const key of objects) await damage(world, key, target === "head" ? 0 : undefined);
      const dry = await repair(world, { dryRun: true });
      assert.ok(dry.repairs.length > 0 && dry.left.length === 0, JSON.stringify(dry));
      assert.notDeepEqual((await inspect(world)).problems, [], "nothing was done yet");
      const done = await repair(world);
      assert.deepEqual([done.left, done.repairs.length > 0], [[], true], target);
      await clean(world);
      const fresh = await world.node();
      assert.deepEqual([await contents(fresh, "INBOX"), await contents(fresh, "Archive")], before);
      assert.equal(fresh.state.mailbox(INBOX_ID).uidNext, 7);
      assert.deepEqual([await contents(account, "INBOX"), await contents(account, "Archive")], before, "a server that was there all the time");
    }
    assert.equal(keys(world, /\/lost\//).length, 1, "the pointer that could not be read is kept");
    await append(account, "INBOX", letter("goes on"));
    must(await account.snapshot());
    await clean(world);
    assert.equal(must(await undeleteMessages(await world.node(), { since: null, mailbox: null, to: null })).restored.length, 1);
  });

  test("uses an older snapshot where the first entries are gone", async () => {
    const { world, account } = await made();
    await filled(account);
    must(await account.snapshot());
    await world.clock.advance(TRIM_AFTER_MS + 1);
    must(await account.snapshot());
    assert.ok(!keys(world, /\/j\//).some((key) => key.endsWith("000000000001")), "trimmed");
    must(await changeFlags(account, INBOX_ID, [1], flags("\\Flagged")));
    must(await account.snapshot());
    await append(account, "INBOX", letter("after"));
    const before = await contents(account, "INBOX");
    await damage(world, PREFIX + head(world).root);
    const done = await repair(world);
    assert.deepEqual(done.left, []);
    assert.match(done.repairs[0]!.what, /an older snapshot/);
    await clean(world);
    assert.deepEqual(await contents(await world.node(), "INBOX"), before);
    assert.deepEqual(await contents(account, "INBOX"), before);
  });

  test("says so where neither is there, and changes nothing", async () => {
    const { world, account } = await made();
    await filled(account);
    must(await account.snapshot());
    await world.clock.advance(TRIM_AFTER_MS + 1);
    must(await maintainAccount(account));
    await damage(world, PREFIX + head(world).root);
    const size = world.store.size;
    const done = await repair(world);
    assert.equal(done.repairs.length, 0);
    assert.match(done.left[0]!.what, /can't be made anew/);
    assert.equal(world.store.size, size);
  });

  test("makes envelopes anew from the messages", async () => {
    const { world, account } = await made();
    await filled(account);
    must(await account.snapshot());
    await damage(world, PREFIX + account.state.mailbox(INBOX_ID).summaryChunks[0]!.name);
    assert.deepEqual((await repair(world)).repairs.map((one) => one.kind), ["summary"]);
    await clean(world);
    const fresh = await world.node();
    must(await fresh.load(INBOX_ID));
    must(await fresh.loadSummaries(INBOX_ID, [1, 2, 3, 4]));
    assert.match(fresh.state.mailbox(INBOX_ID).summaries.get(must(await fresh.load(INBOX_ID)).columns, 0)!.toString(), /"m0"/);
  });

  test("replaces a lost message by a letter in Japanese and English, and keeps the others", async () => {
    const { world, account } = await made();
    await append(account, "INBOX", letter("kept"));
    await append(account, "INBOX", letter("SECRET"));
    const lost = keys(world, /\/j\//).at(-1)!;
    await append(account, "INBOX", letter("last"));
    must(await account.snapshot());
    await damage(world, lost, 60);
    await world.store.put(`${PREFIX}strange`, Buffer.from("x"), {});
    assert.match((await repair(world, { dryRun: true })).repairs[0]!.what, /would be replaced/);
    const done = await repair(world);
    assert.deepEqual([done.repairs.map((one) => [one.kind, one.key]), done.left.map((problem) => problem.kind)], [[["body", lost]], ["unknown-key"]]);
    await world.store.delete(`${PREFIX}strange`);
    await clean(world);
    const fresh = await world.node();
    assert.deepEqual(await contents(fresh, "INBOX"), ["1 kept", "3 last"]);
    const { columns } = must(await fresh.load(fresh.mailboxNamed("Damaged")!.id));
    const text = must(await fresh.content(columns.bodyAt(0))).toString();
    assert.ok(text.includes("メールボックス: INBOX") && text.includes("Mailbox: INBOX") && text.includes("UID: 2") && text.includes(`Size: ${letter("SECRET").content.length} octets`), text);
    assert.ok(!text.includes("SECRET"));
    assert.ok(fresh.state.subscriptions.has("Damaged"));
    must(await account.refresh());
    assert.deepEqual(await contents(account, "INBOX"), ["1 kept", "3 last"], "a server that was there all the time");
  });

  test("forgets expunged messages that are lost", async () => {
    const { world, account } = await made();
    await append(account, "INBOX", letter("a"));
    const entry = keys(world, /\/j\//).at(-1)!;
    must(await expungeMessages(account, INBOX_ID, { uids: [1], flagged: false }));
    await damage(world, entry, 60);
    assert.deepEqual((await repair(world)).repairs.map((one) => one.kind), ["expunged-body"]);
    await clean(world);
  });

  test("counts anew where the counters are wrong", async () => {
    const { world, account } = await made();
    await filled(account);
    account.state.mailbox(INBOX_ID).unseen += 7;
    assert.equal((await writeSnapshot(account.journal)).kind, "written");
    assert.deepEqual((await repair(world)).repairs.map((one) => one.kind), ["counters"]);
    await clean(world);
    await contents(await world.node(), "INBOX");
  });

  test("goes on without a lost entry only when told to, and keeps what is left of it", async () => {
    const { world, account } = await made();
    await append(account, "INBOX", letter("first"));
    await append(account, "INBOX", letter("lost", ["$New"]));
    const broken = keys(world, /\/j\//).at(-1)!;
    const seq = Number(broken.slice(-12));
    await append(account, "INBOX", letter("after", ["$Later"]));
    must(await createMailbox(account, "Work"));
    must(await account.load(INBOX_ID));
    must(await changeFlags(account, INBOX_ID, [1, 2], flags("\\Seen")));
    await damage(world, broken, world.store.peek(broken)!.length - 3);
    const octets = world.store.peek(broken)!;
    const untold = await repair(world);
    assert.deepEqual([untold.repairs, untold.left.length], [[], 1]);
    assert.match(untold.left[0]!.what, new RegExp(`--skip-entry ${seq}`));
    const done = await repair(world, { skip: [seq] });
    assert.deepEqual(done.left, []);
    assert.deepEqual(world.store.peek(keys(world, /\/lost\//)[0]!), octets);
    await clean(world);
    const fresh = await world.node();
    assert.deepEqual(await contents(fresh, "INBOX"), ["1 first \\Seen", "3 after $Later"]);
    assert.notEqual(fresh.mailboxNamed("Work"), null);
    // The server that wrote the entry has it in memory: it must not go on from there.
    await assert.rejects(append(account, "INBOX", letter("from the old state")), /mended/);
    assert.deepEqual(await append(account, "INBOX", letter("new")), [4]);
    assert.deepEqual(await contents(account, "INBOX"), ["1 first \\Seen", "3 after $Later", "4 new"]);
    assert.deepEqual(await contents(fresh, "INBOX"), await contents(account, "INBOX"));
    must(await fresh.snapshot());
    await clean(world);
  });

  test("goes on without entries that are missing, and after a repair that broke off", async () => {
    const { world, account } = await made();
    await append(account, "INBOX", letter("first"));
    await append(account, "INBOX", letter("lost"));
    await append(account, "INBOX", letter("lost, too"));
    const gone = keys(world, /\/j\//).slice(-2);
    const seq = Number(gone[0]!.slice(-12));
    await append(account, "INBOX", letter("after"));
    for (const key of gone) await world.store.delete(key);
    world.fault = (operation, key) => (operation === "put" && key.includes("/s/") ? { failure: "before" } : null);
    const broken = await repairAccount("test", { store: world.store, clock: world.clock, log: world.log, random: new FakeRandom(96), cipher: await cipherOf(world) }, { dryRun: false, skipEntries: new Set([seq]), author: "a@b.test", keepExpungedMs: 0 });
    assert.equal(broken.kind, "failed");
    world.fault = null;
    assert.deepEqual((await repair(world, { skip: [seq] })).left, []);
    await clean(world);
    await world.clock.advance(VALID_FOR_MS + 1);
    assert.deepEqual(await contents(await world.node(), "INBOX"), ["1 first", "4 after"]);
    assert.deepEqual(await contents(account, "INBOX"), ["1 first", "4 after"]);
  });
});
