import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { BinaryReader, BinaryWriter } from "../base/binary.ts";
import { TRIM_AFTER_MS } from "../journal/limits.ts";
import { append, AccountWorld, contents, letter, must } from "./account.contract.ts";
import { copyMessages } from "./copy.ts";
import { expungeMessages } from "./expunge.ts";
import { decodeExpungedRows, encodeExpungedRows, readBatch, writeBatch } from "./expunged-batch.ts";
import { createMailbox, deleteMailbox, renameMailbox } from "./mailbox-names.ts";
import { maintainAccount } from "./maintenance.ts";
import { INBOX_ID } from "./state.ts";
import { undeleteMessages } from "./undelete.ts";

const DAY = 24 * 60 * 60 * 1000;
const ALL = { since: null, mailbox: null, to: null };

async function world() {
  const made = new AccountWorld({ keepExpungedMs: 7 * DAY });
  return { world: made, account: await made.node() };
}

describe("expunged messages", () => {
  test("come back with new UIDs, their flags and their mailbox, once", async () => {
    const { world: w, account } = await world();
    await append(account, "INBOX", letter("a", ["\\Seen", "$Work"]), letter("b"), letter("c"));
    must(await account.load(INBOX_ID));
    must(await expungeMessages(account, INBOX_ID, { uids: [1, 3], flagged: false }));
    assert.equal(account.state.usedBytes, letter("b").content.length, "they count for no quota");
    const other = await w.node();
    assert.deepEqual(must(await undeleteMessages(other, ALL)), { restored: [{ mailbox: "INBOX", uids: [4, 5] }], unreadable: 0 });
    assert.deepEqual(must(await undeleteMessages(other, ALL)).restored, []);
    assert.deepEqual(await contents(account, "INBOX"), ["2 b", "4 a \\Seen $Work", "5 c"]);
    assert.deepEqual(must(await undeleteMessages(account, ALL)).restored, []);
  });

  test("lose only the flag that made them go", async () => {
    const { account } = await world();
    await append(account, "INBOX", letter("a", ["\\Deleted", "\\Flagged"]));
    must(await account.load(INBOX_ID));
    must(await expungeMessages(account, INBOX_ID, { uids: null }));
    must(await undeleteMessages(account, ALL));
    assert.deepEqual(await contents(account, "INBOX"), ["2 a \\Flagged"]);
  });

  test("are chosen by time and by mailbox, and go where they are told to", async () => {
    const { world: w, account } = await world();
    await append(account, "INBOX", letter("early"), letter("late"));
    await append(account, "Archive", letter("other"));
    must(await account.load(INBOX_ID));
    must(await expungeMessages(account, INBOX_ID, { uids: [1], flagged: false }));
    await w.clock.advance(3_600_000);
    must(await expungeMessages(account, INBOX_ID, { uids: [2], flagged: false }));
    const id = account.mailboxNamed("Archive")!.id;
    must(await account.load(id));
    must(await expungeMessages(account, id, { uids: [1], flagged: false }));
    must(await undeleteMessages(account, { since: w.clock.now() - 1000, mailbox: "inbox", to: "Restored/Mail" }));
    assert.deepEqual(await contents(account, "Restored/Mail"), ["1 late"]);
    must(await undeleteMessages(account, ALL));
    assert.deepEqual([await contents(account, "INBOX"), await contents(account, "Archive")], [["3 early"], ["2 other"]]);
  });

  test("of a deleted mailbox come back into one that is made again; a node that never loaded it knows them", async () => {
    const { world: w, account } = await world();
    must(await createMailbox(account, "Work/2026"));
    await append(account, "Work/2026", letter("plan", ["$Plan"]), letter("report"));
    must(await account.snapshot());
    const sleeper = await w.node();
    assert.equal(sleeper.mailboxNamed("Work/2026")!.columns, null);
    must(await deleteMailbox(sleeper, "Work/2026"));
    assert.equal(sleeper.state.expunged.count, 2);
    must(await account.refresh());
    assert.deepEqual(must(await undeleteMessages(account, { ...ALL, mailbox: "Work/2026" })).restored, [{ mailbox: "Work/2026", uids: [1, 2] }]);
    assert.deepEqual(await contents(await w.node(), "Work/2026"), ["1 plan $Plan", "2 report"]);
  });

  test("go back to a mailbox that was renamed since", async () => {
    const { account } = await world();
    must(await createMailbox(account, "Old"));
    await append(account, "Old", letter("x"));
    const id = account.mailboxNamed("Old")!.id;
    must(await expungeMessages(account, id, { uids: [1], flagged: false }));
    must(await renameMailbox(account, "Old", "New"));
    assert.deepEqual(must(await undeleteMessages(account, ALL)).restored, [{ mailbox: "New", uids: [2] }]);
  });

  test("are none when messages only moved, or when nothing is to be kept", async () => {
    const { account } = await world();
    await append(account, "INBOX", letter("a"));
    must(await copyMessages(account, INBOX_ID, [1], (state) => state.byName.get("Archive") ?? null, { move: true }));
    assert.equal(account.state.expunged.count, 0);
    const off = await new AccountWorld().node();
    await append(off, "INBOX", letter("a"));
    must(await expungeMessages(off, INBOX_ID, { uids: [1], flagged: false }));
    assert.equal(off.state.expunged.count, 0);
  });

  test("do not come back into an account that has no room", async () => {
    const { account } = await world();
    await append(account, "INBOX", letter("a"));
    must(await expungeMessages(account, INBOX_ID, { uids: [1], flagged: false }));
    account.quotaBytes = 10;
    assert.equal((await undeleteMessages(account, ALL)).kind, "over-quota");
  });
});

describe("the store of expunged messages", () => {
  test("survives snapshots, trimming, packing and collecting, and ends with its time", async () => {
    const { world: w, account } = await world();
    const big = { ...letter("big"), content: Buffer.concat([Buffer.from("Subject: big\r\n\r\n"), Buffer.from(Array.from({ length: 400_000 }, (_, i) => (i * i * 2654435761 + i * 40503) >>> 13 & 0xff))]) };
    for (let i = 0; i < 40; i++) await append(account, "INBOX", letter(`m${i}`));
    await append(account, "INBOX", big);
    must(await account.load(INBOX_ID));
    must(await expungeMessages(account, INBOX_ID, { uids: Array.from({ length: 41 }, (_, i) => i + 1), flagged: false }));
    must(await account.snapshot());
    await w.clock.advance(TRIM_AFTER_MS + 1);
    const maintained = must(await maintainAccount(account));
    assert.equal(maintained.bodiesPacked, 40, "their bodies move, too");
    must(await account.snapshot());
    await w.clock.advance(TRIM_AFTER_MS + 1);
    must(await maintainAccount(account));
    assert.equal(w.store.keys().filter((key) => key.startsWith("a/test/b/")).length, 1);
    const fresh = await w.node();
    assert.equal(fresh.state.expunged.batches, null, "not read until somebody looks");
    assert.deepEqual(must(await undeleteMessages(fresh, ALL)).restored[0]!.uids.length, 41);
    assert.equal((await contents(account, "INBOX")).length, 41);
    must(await account.load(INBOX_ID));
    must(await expungeMessages(account, INBOX_ID, { uids: null, flagged: false }));
    must(await expungeMessages(account, INBOX_ID, { uids: Array.from({ length: 90 }, (_, i) => i + 1), flagged: false }));
    must(await account.snapshot());
    await w.clock.advance(7 * DAY + 1);
    must(await maintainAccount(account));
    assert.equal(account.state.expunged.count, 0);
    must(await account.snapshot());
    await w.clock.advance(TRIM_AFTER_MS + 1);
    must(await maintainAccount(account));
    assert.deepEqual(w.store.keys().filter((key) => /^a\/test\/[bp]\//.test(key)), [], "and their octets go");
    assert.deepEqual(must(await undeleteMessages(await w.node(), ALL)).restored, []);
  });

  test("is the same on a node whose list waits and on one that has it", async () => {
    const { world: w, account } = await world();
    for (let i = 0; i < 5; i++) await append(account, "INBOX", letter(`m${i}`));
    must(await account.load(INBOX_ID));
    must(await expungeMessages(account, INBOX_ID, { uids: [1], flagged: false }));
    must(await account.snapshot());
    const sleeper = await w.node();
    await w.clock.advance(8 * DAY);
    must(await expungeMessages(account, INBOX_ID, { uids: [2, 3], flagged: false }));
    must(await undeleteMessages(account, ALL));
    must(await expungeMessages(account, INBOX_ID, { uids: [4], flagged: false }));
    must(await sleeper.refresh());
    assert.ok(sleeper.state.expunged.overlay.length > 0);
    must(await sleeper.loadExpunged());
    assert.deepEqual([...sleeper.state.expunged.rows()], [...account.state.expunged.rows()]);
    assert.deepEqual([...account.state.expunged.rows()].map(({ row }) => row.uid), [4]);
    must(await sleeper.snapshot());
    const third = await w.node();
    must(await third.loadExpunged());
    assert.deepEqual([...third.state.expunged.rows()], [...account.state.expunged.rows()]);
  });

  test("a snapshot that failed is written whole by the next one", async () => {
    const { world: w, account } = await world();
    await append(account, "INBOX", letter("a"));
    must(await expungeMessages(account, INBOX_ID, { uids: [1], flagged: false }));
    w.fault = (operation, key) => (operation === "put" && key.includes("/c/") ? { failure: "before" } : null);
    assert.notEqual((await account.snapshot()).kind, "done");
    w.fault = null;
    must(await account.snapshot());
    assert.equal(must(await undeleteMessages(await w.node(), ALL)).restored.length, 1);
  });

  test("rows and batches read back as they were written", () => {
    const plain = { noNullPrototype: true };
    const number = fc.nat();
    const row = fc.record({
      uid: number, low: number, high: number, internalDate: fc.integer({ min: -1e12, max: 4e12 }), size: number,
      body: fc.record({ seq: fc.integer(), offset: number, length: number, object: fc.option(fc.constantFrom("b/x", "b/y")) }, plain),
    }, plain);
    fc.assert(fc.property(fc.array(row), fc.array(fc.string()), (rows, keywords) => {
      assert.deepEqual(decodeExpungedRows({ count: rows.length, rows: encodeExpungedRows(rows) }), rows);
      const batch = { mailbox: 3, name: "受信", at: 17, keywords, count: rows.length, rows: encodeExpungedRows(rows) };
      const writer = new BinaryWriter();
      writeBatch(writer, batch);
      assert.deepEqual(readBatch(new BinaryReader(writer.finish())), batch);
    }));
  });

  test("ten thousand messages are one small entry", async () => {
    const { world: w, account } = await world();
    for (let i = 0; i < 20; i++) await append(account, "INBOX", ...Array.from({ length: 500 }, (_, j) => letter(`m${i}-${j}`)));
    must(await account.load(INBOX_ID));
    must(await expungeMessages(account, INBOX_ID, { uids: Array.from({ length: 10_000 }, (_, i) => i + 1), flagged: false }));
    const last = w.store.keys().filter((key) => key.startsWith("a/test/j/")).at(-1)!;
    assert.ok(w.store.peek(last)!.length < 100_000, `${w.store.peek(last)!.length} octets`);
    assert.equal(must(await undeleteMessages(account, ALL)).restored[0]!.uids.length, 10_000);
  });
});
