import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { INLINE_BODY_BYTES_MAX, TRIM_AFTER_MS } from "../journal/limits.ts";
import { append, AccountWorld, contents, letter, must } from "./account.contract.ts";
import { appendMessages } from "./append.ts";
import { copyMessages } from "./copy.ts";
import { expungeMessages } from "./expunge.ts";
import { changeFlags } from "./flag-change.ts";
import { flagSetOf } from "./flags.ts";
import { createMailbox, deleteMailbox, renameMailbox, subscribe } from "./mailbox-names.ts";
import { maintainAccount } from "./maintenance.ts";
import { INBOX_ID } from "./state.ts";
import { bodyStructureOfSummary, envelopeOfSummary } from "./summary.ts";

const flags = (mode: "add" | "remove" | "replace", ...names: string[]) => ({ mode, flags: flagSetOf(names), unchangedSince: null });

describe("messages", () => {
  test("get rising UIDs in the entry that makes them visible, on every node", async () => {
    const world = new AccountWorld();
    const one = await world.node();
    assert.deepEqual(await append(one, "INBOX", letter("a"), letter("b", ["\\Seen", "$Work"])), [1, 2]);
    const two = await world.node();
    assert.deepEqual(await append(two, "INBOX", letter("c")), [3]);
    assert.deepEqual(await contents(one, "INBOX"), ["1 a", "2 b \\Seen $Work", "3 c"]);
    assert.deepEqual(await contents(two, "INBOX"), await contents(one, "INBOX"));
  });

  test("one delivery is one PUT; a large body is one more, before", async () => {
    const world = new AccountWorld();
    const account = await world.node();
    world.puts.length = 0;
    await append(account, "INBOX", letter("small"));
    assert.equal(world.puts.length, 1);
    const noise = Buffer.from(Array.from({ length: INLINE_BODY_BYTES_MAX * 2 }, (_, i) => (i * 2654435761) >>> 24 & 0xff));
    const random = Buffer.concat([Buffer.from("Subject: big\r\n\r\n"), noise.map((octet, i) => octet ^ ((i * i * 40503) >>> 8 & 0xff))]);
    await append(account, "INBOX", { content: random, flags: flagSetOf([]), internalDate: null });
    assert.equal(world.puts.length, 3);
    assert.match(world.puts[1]!, /^a\/test\/b\//);
    assert.deepEqual(must(await account.content(must(await account.load(INBOX_ID)).columns.bodyAt(1))), random);
  });

  test("appends that wait at the same time share an entry", async () => {
    const world = new AccountWorld();
    const account = await world.node();
    world.puts.length = 0;
    await Promise.all(Array.from({ length: 20 }, (_, i) => append(account, "INBOX", letter(`m${i}`))));
    assert.ok(world.puts.length <= 2, `${world.puts.length} PUTs`);
    assert.equal((await contents(account, "INBOX")).length, 20);
  });

  test("over quota is refused as a whole", async () => {
    const account = await new AccountWorld().node();
    account.quotaBytes = 60;
    await append(account, "INBOX", letter("fits"));
    const outcome = await appendMessages(account, (state) => state.byName.get("INBOX") ?? null, [letter("x"), letter("does not fit any more")]);
    assert.equal(outcome.kind, "over-quota");
    assert.deepEqual(await contents(account, "INBOX"), ["1 fits"]);
  });

  test("a copy counts for the quota of what shares its entry", async () => {
    const account = await new AccountWorld().node();
    await append(account, "INBOX", letter("one"));
    const { bytes } = must(await account.load(INBOX_ID)).mailbox;
    account.quotaBytes = bytes * 2;
    const copied = copyMessages(account, INBOX_ID, [1], (state) => state.byName.get("Archive") ?? null, { move: false });
    const added = appendMessages(account, (state) => state.byName.get("INBOX") ?? null, [letter("two")]);
    assert.deepEqual([(await copied).kind, (await added).kind], ["done", "over-quota"]);
    assert.equal(account.state.usedBytes, bytes * 2);
  });

  test("a lost reply leaves one message, not two", async () => {
    const world = new AccountWorld();
    const account = await world.node();
    world.fault = (operation) => (operation === "put" ? { failure: "after" } : null);
    assert.deepEqual(await append(account, "INBOX", letter("a")), [1]);
    assert.deepEqual(await contents(account, "INBOX"), ["1 a"]);
  });

  test("a full store is said, and nothing is half there", async () => {
    const world = new AccountWorld();
    const account = await world.node();
    world.fault = (operation) => (operation === "put" ? { failure: "full" } : null);
    assert.equal((await appendMessages(account, (state) => state.byName.get("INBOX") ?? null, [letter("a")])).kind, "full");
    world.fault = null;
    assert.deepEqual(await append(account, "INBOX", letter("b")), [1]);
  });
});

describe("flags", () => {
  test("add, remove and replace change only what they name, and say what changed", async () => {
    const account = await new AccountWorld().node();
    await append(account, "INBOX", letter("a", ["\\Seen"]), letter("b"), letter("c"));
    await account.load(INBOX_ID);
    assert.deepEqual(must(await changeFlags(account, INBOX_ID, [1, 2], flags("add", "\\Seen", "$Work"))).changed, [1, 2]);
    assert.deepEqual(must(await changeFlags(account, INBOX_ID, [1, 2, 9], flags("add", "\\Seen", "$WORK"))).changed, []);
    assert.deepEqual(must(await changeFlags(account, INBOX_ID, [1], flags("remove", "\\Seen"))).changed, [1]);
    assert.deepEqual(must(await changeFlags(account, INBOX_ID, [2, 3], flags("replace", "\\Flagged"))).changed, [2, 3]);
    assert.deepEqual(await contents(account, "INBOX"), ["1 a $Work", "2 b \\Flagged", "3 c \\Flagged"]);
  });

  test("UNCHANGEDSINCE leaves alone what changed since, also by another node", async () => {
    const world = new AccountWorld();
    const [one, two] = [await world.node(), await world.node()];
    await append(one, "INBOX", letter("a"), letter("b"));
    const modseq = one.state.mailbox(INBOX_ID).highestModseq;
    must(await two.refresh());
    await two.load(INBOX_ID);
    must(await changeFlags(two, INBOX_ID, [1], flags("add", "\\Seen")));
    await one.load(INBOX_ID);
    const stored = must(await changeFlags(one, INBOX_ID, [1, 2], { ...flags("add", "\\Flagged"), unchangedSince: modseq }));
    assert.deepEqual(stored.modified, [1]);
    assert.deepEqual(await contents(one, "INBOX"), ["1 a \\Seen", "2 b \\Flagged"]);
  });

  test("two changes to one message at the same time both happen, in order", async () => {
    const account = await new AccountWorld().node();
    await append(account, "INBOX", letter("a"), letter("b"));
    await account.load(INBOX_ID);
    await Promise.all([changeFlags(account, INBOX_ID, [1], flags("add", "\\Seen")), changeFlags(account, INBOX_ID, [1], flags("replace", "\\Draft")), changeFlags(account, INBOX_ID, [2], flags("add", "$A"))]);
    assert.deepEqual(await contents(account, "INBOX"), ["1 a \\Draft", "2 b $A"]);
  });

  test("a mailbox takes 59 keywords and says so at the next one", async () => {
    const account = await new AccountWorld().node();
    await append(account, "INBOX", letter("a"));
    await account.load(INBOX_ID);
    for (let i = 0; i < 59; i++) must(await changeFlags(account, INBOX_ID, [1], flags("add", `$k${i}`)));
    assert.deepEqual(await changeFlags(account, INBOX_ID, [1], flags("add", "$one-more")), { kind: "limit", of: "keywords" });
    const [line] = await contents(account, "INBOX");
    assert.equal(line!.split(" ").length, 2 + 59);
  });
});

describe("expunge, copy and move", () => {
  test("expunge takes what is deleted, and UIDs are never given again", async () => {
    const account = await new AccountWorld().node();
    await append(account, "INBOX", letter("a"), letter("b", ["\\Deleted"]), letter("c", ["\\Deleted"]));
    await account.load(INBOX_ID);
    assert.deepEqual(must(await expungeMessages(account, INBOX_ID, { uids: [3] })).uids, [3]);
    assert.deepEqual(must(await expungeMessages(account, INBOX_ID, { uids: null })).uids, [2]);
    assert.deepEqual(must(await expungeMessages(account, INBOX_ID, { uids: null })).uids, []);
    assert.deepEqual(await append(account, "INBOX", letter("d")), [4]);
    assert.deepEqual(await contents(account, "INBOX"), ["1 a", "4 d"]);
  });

  test("copies share the body and keep flags by name", async () => {
    const account = await new AccountWorld().node();
    await append(account, "INBOX", letter("a", ["$X", "$Y"]), letter("b", ["\\Seen"]));
    await append(account, "Archive", letter("old", ["$Z"]));
    await account.load(INBOX_ID);
    const copied = must(await copyMessages(account, INBOX_ID, [1, 2], (state) => state.byName.get("Archive") ?? null, { move: false }));
    assert.deepEqual([copied.sources, copied.uids], [[1, 2], [2, 3]]);
    assert.deepEqual(await contents(account, "Archive"), ["1 old $Z", "2 a $X $Y", "3 b \\Seen"]);
    assert.equal((await contents(account, "INBOX")).length, 2);
  });

  test("a move is one entry: never in both mailboxes, never in none", async () => {
    const world = new AccountWorld();
    const account = await world.node();
    await append(account, "INBOX", letter("a"), letter("b"));
    await account.load(INBOX_ID);
    world.puts.length = 0;
    must(await copyMessages(account, INBOX_ID, [1], (state) => state.byName.get("Trash") ?? null, { move: true }));
    assert.equal(world.puts.length, 1);
    const fresh = await world.node();
    assert.deepEqual(await contents(fresh, "INBOX"), ["2 b"]);
    assert.deepEqual(await contents(fresh, "Trash"), ["1 a"]);
  });
});

describe("mailboxes", () => {
  test("a name that is used again has a higher UIDVALIDITY", async () => {
    const account = await new AccountWorld().node();
    must(await createMailbox(account, "Work"));
    const before = account.mailboxNamed("Work")!.uidValidity;
    must(await deleteMailbox(account, "Work"));
    must(await createMailbox(account, "Work"));
    assert.ok(account.mailboxNamed("Work")!.uidValidity > before);
  });

  test("renaming takes the names below along; INBOX stays and is empty", async () => {
    const account = await new AccountWorld().node();
    must(await createMailbox(account, "a/b"));
    must(await createMailbox(account, "a"));
    must(await renameMailbox(account, "a", "z"));
    assert.ok(account.mailboxNamed("z/b") !== null && account.mailboxNamed("a/b") === null);
    await append(account, "INBOX", letter("m", ["$K"]));
    await account.load(INBOX_ID);
    must(await renameMailbox(account, "INBOX", "Old"));
    assert.deepEqual(await contents(account, "INBOX"), []);
    assert.deepEqual(await contents(account, "Old"), ["1 m $K"]);
  });

  test("refusals", async () => {
    const account = await new AccountWorld().node();
    assert.equal((await createMailbox(account, "inbox")).kind, "mailbox-exists");
    assert.equal((await createMailbox(account, "a//b")).kind, "mailbox-name");
    assert.equal((await deleteMailbox(account, "INBOX")).kind, "mailbox-fixed");
    assert.equal((await deleteMailbox(account, "nowhere")).kind, "mailbox-missing");
    assert.equal((await renameMailbox(account, "Trash", "Sent")).kind, "mailbox-exists");
    must(await subscribe(account, "not/there", true));
    assert.ok(account.state.subscriptions.has("not/there"));
  });

  test("delivering into a mailbox renames at the same time goes to where it is then", async () => {
    const world = new AccountWorld();
    const [one, two] = [await world.node(), await world.node()];
    const { id } = must(await createMailbox(one, "Lists"));
    must(await renameMailbox(two, "Lists", "Old lists"));
    must(await appendMessages(one, (state) => state.mailboxes.get(id) ?? null, [letter("a")]));
    assert.deepEqual(await contents(one, "Old lists"), ["1 a"]);
  });
});

describe("snapshots", () => {
  test("a node that opens from one sees the same, and envelopes need no body", async () => {
    const world = new AccountWorld();
    const account = await world.node();
    await append(account, "INBOX", ...Array.from({ length: 50 }, (_, i) => letter(`m${i}`, i % 3 === 0 ? ["\\Seen", "$T"] : [])));
    must(await account.snapshot());
    await account.load(INBOX_ID);
    must(await changeFlags(account, INBOX_ID, [2, 3, 4], flags("add", "\\Deleted")));
    must(await expungeMessages(account, INBOX_ID, { uids: [3] }));
    must(await account.snapshot());
    await append(account, "INBOX", letter("after"));
    const fresh = await world.node();
    assert.equal(fresh.state.mailbox(INBOX_ID).columns, null, "not loaded until somebody looks");
    assert.equal(fresh.state.mailbox(INBOX_ID).exists, 50);
    assert.deepEqual(await contents(fresh, "INBOX"), await contents(account, "INBOX"));
    const { mailbox, columns } = must(await fresh.load(INBOX_ID));
    must(await fresh.loadSummaries(INBOX_ID, [1, 51]));
    const summary = mailbox.summaries.get(columns, 0)!;
    assert.match(envelopeOfSummary(summary).toString(), /^\(NIL "m0" /);
    assert.match(bodyStructureOfSummary(summary).toString(), /^\("text" "plain"/i);
  });

  test("maintenance removes what is dead and nothing else", async () => {
    const world = new AccountWorld();
    const account = await world.node();
    await append(account, "INBOX", letter("stays"));
    await append(account, "INBOX", letter("goes", ["\\Deleted"]));
    await account.load(INBOX_ID);
    must(await expungeMessages(account, INBOX_ID, { uids: null }));
    must(await account.snapshot());
    const before = world.store.size;
    assert.deepEqual(must(await maintainAccount(account)), { bodiesPacked: 0, entriesRemoved: 0, objectsRemoved: 0 });
    await world.clock.advance(TRIM_AFTER_MS + 1);
    const maintained = must(await maintainAccount(account));
    assert.ok(maintained.entriesRemoved >= 2, JSON.stringify(maintained));
    assert.ok(world.store.size < before);
    assert.deepEqual(await contents(await world.node(), "INBOX"), ["1 stays"]);
  });

  test("old bodies move to a pack, copies follow, and a node with an older state finds them", async () => {
    const world = new AccountWorld();
    const account = await world.node();
    for (let i = 0; i < 40; i++) await append(account, "INBOX", letter(`m${i}`));
    await account.load(INBOX_ID);
    must(await copyMessages(account, INBOX_ID, [3, 4], (state) => state.byName.get("Archive") ?? null, { move: false }));
    must(await account.snapshot());
    const sleeper = await world.node();
    const before = [await contents(account, "INBOX"), await contents(account, "Archive")];
    await sleeper.load(INBOX_ID);
    await world.clock.advance(TRIM_AFTER_MS + 1);
    const maintained = must(await maintainAccount(account));
    assert.equal(maintained.bodiesPacked, 40);
    assert.ok(maintained.entriesRemoved >= 40, JSON.stringify(maintained));
    assert.equal(world.store.keys().filter((key) => key.startsWith("a/test/j/")).length, 1, "only the entry that packed is left");
    assert.match((must(await sleeper.contentOf(INBOX_ID, 7))).toString(), /m6/);
    for (const node of [account, sleeper, await world.node()]) assert.deepEqual([await contents(node, "INBOX"), await contents(node, "Archive")], before);
    must(await expungeMessages(account, INBOX_ID, { uids: Array.from({ length: 30 }, (_, i) => i + 1), flagged: false }));
    for (let i = 0; i < 40; i++) await append(account, "INBOX", letter(`n${i}`));
    must(await account.snapshot());
    await world.clock.advance(TRIM_AFTER_MS + 1);
    must(await maintainAccount(account));
    must(await account.snapshot());
    assert.equal((await contents(await world.node(), "INBOX")).length, 50);
    assert.deepEqual(await contents(await world.node(), "Archive"), before[1]);
  });

  test("a node whose snapshot parts were collected reads the state anew", async () => {
    const world = new AccountWorld();
    const account = await world.node();
    await append(account, "INBOX", letter("a"));
    must(await account.snapshot());
    const sleeper = await world.node();
    await append(account, "INBOX", letter("b"));
    must(await account.snapshot());
    await world.clock.advance(TRIM_AFTER_MS + 1);
    must(await maintainAccount(account));
    assert.deepEqual(await contents(sleeper, "INBOX"), ["1 a", "2 b"]);
  });

  test("a snapshot that failed is written whole by the next one", async () => {
    const world = new AccountWorld();
    const account = await world.node();
    await append(account, "INBOX", letter("a"));
    world.fault = (operation, key) => (operation === "put" && key.endsWith("/head") ? { failure: "full" } : null);
    assert.equal((await account.snapshot()).kind, "full");
    world.fault = null;
    await append(account, "INBOX", letter("b"));
    must(await account.snapshot());
    assert.deepEqual(await contents(await world.node(), "INBOX"), ["1 a", "2 b"]);
  });
});
