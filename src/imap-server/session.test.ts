import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { FakeConnection } from "../port/connection.fake.ts";
import type { StoreFault, StoreOperation } from "../port/object-store.fake.ts";
import { ImapWorld, type ImapClient } from "./imap-world.fake.ts";
import { UNAUTHENTICATED_MS_MAX } from "./limits.ts";
import { Session } from "./session.ts";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const last = async (client: ImapClient, command: string): Promise<string> => (await client.say(command)).at(-1)!.replace(/^t\d+ /, "");
const said = async (client: ImapClient, command: string): Promise<string[]> => (await client.say(command)).map((line) => line.replace(/^t\d+ /, ""));
const mail = (subject: string, body = "x"): string => `Subject: ${subject}\r\n\r\n${body}\r\n`;

test("flags of messages with any of the 59 keywords are told apart", async () => {
  const world = await ImapWorld.open();
  const keywords = Array.from({ length: 59 }, (_, n) => `k${n}`);
  await world.deliver("INBOX", [mail("one")], { flags: keywords });
  await world.deliver("INBOX", [mail("two")], { flags: ["\\Answered", ...keywords] });
  await world.deliver("INBOX", [mail("three")], { flags: ["k58"] });
  await world.deliver("INBOX", [mail("four")], { flags: ["\\Answered", "k58"] });
  const client = await world.login();
  await client.say("enable imap4rev2");
  await client.say("select INBOX");
  assert.deepEqual(await said(client, "fetch 1:* flags"), [
    `* 1 FETCH (FLAGS (${keywords.join(" ")}))`, `* 2 FETCH (FLAGS (\\Answered ${keywords.join(" ")}))`, "* 3 FETCH (FLAGS (k58))", "* 4 FETCH (FLAGS (\\Answered k58))", "OK Fetched",
  ]);
  assert.equal(await last(client, "store 1 +flags (k59)"), "NO [LIMIT] Too many keywords");
  await client.end();
});

describe("leases", () => {
  /** How many are out, at any time. */
  function counted(world: ImapWorld): { readonly out: number } {
    const { accounts } = world.deps(0);
    const use = accounts.use.bind(accounts);
    const count = { out: 0 };
    accounts.use = async (id) => {
      const answer = await use(id);
      if (answer.kind !== "done") return answer;
      count.out += 1;
      return { kind: "done", value: { account: answer.value.account, release: () => { count.out -= 1; answer.value.release(); } } };
    };
    return count;
  }
  const ends: readonly (readonly [how: string, then: (client: ImapClient) => Promise<void>])[] = [
    ["LOGOUT", async (client) => void (await client.say("logout"))],
    ["a client that hangs up", (client) => client.end()],
    ["one that hangs up in IDLE", async (client) => { await client.say("idle"); await client.end(); }],
    ["one that hangs up in a literal", async (client) => { client.send("x APPEND INBOX {90}\r\nabc"); await client.end(); }],
    ["a broken stream", async (client) => void (await client.say("append INBOX {99999999999999999+}"))],
    ["a second login", async (client) => { await client.say("login alice@example.test wonderland"); await client.end(); }],
  ];
  for (const [how, then] of ends) {
    test(`are given back after ${how}`, async () => {
      const world = await ImapWorld.open();
      const count = counted(world);
      const client = await world.login();
      assert.equal(count.out, 1);
      await then(client);
      await client.done;
      assert.equal(count.out, 0);
      assert.deepEqual(world.faults, []);
    });
  }
  test("are not taken where the quota can't be asked", async () => {
    const world = await ImapWorld.open();
    const count = counted(world);
    const [server, connection] = FakeConnection.pair({ tls: true });
    const deps = { ...world.deps(0), quotaOf: () => Promise.reject(new Error("told to fail")) };
    const done = new Session(server, deps).run();
    connection.write(Buffer.from("a LOGIN alice@example.test wonderland\r\na2 LOGOUT\r\n"));
    await done;
    assert.equal(count.out, 0);
    assert.equal(world.faults.length, 1);
  });
});

test("nobody listens any more: a long FETCH and a long SEARCH stop", async () => {
  for (const command of ["fetch 1:* body.peek[]", "search body nothing"]) {
    let gets = 0;
    const world = await ImapWorld.open({ store: { fail: (operation) => { gets += operation === "get" ? 1 : 0; return null; } } });
    await world.deliver("INBOX", Array.from({ length: 200 }, (_, n) => mail(`${n}`, "y".repeat(9000))));
    const client = await world.login();
    await client.say("select INBOX");
    gets = 0;
    client.send(`x ${command}\r\n`);
    while (gets < 3) await Promise.resolve();
    await client.end();
    assert.ok(gets < 60, `${gets} reads`);
  }
});

test("a client that does not log in has its time, however much it says", async () => {
  const world = await ImapWorld.open();
  const [server, connection] = FakeConnection.pair({ tls: true });
  const patience: number[] = [];
  const read = server.read.bind(server);
  server.read = (ms?: number) => {
    patience.push(ms!);
    return read();
  };
  const done = new Session(server, world.deps(0)).run();
  for (let passed = 0; passed < UNAUTHENTICATED_MS_MAX; passed += 30_000) {
    await world.clock.advance(30_000);
    connection.write(Buffer.from("a NOOP\r\n"));
  }
  await done;
  assert.equal(patience[0], 60_000);
  assert.equal(patience.at(-1), 30_000);
});

describe("a store that fails", () => {
  async function open(): Promise<{ world: ImapWorld; client: ImapClient; fail: { with: ((operation: StoreOperation, key: string) => StoreFault | null) | null } }> {
    const fail: { with: ((operation: StoreOperation, key: string) => StoreFault | null) | null } = { with: null };
    const world = await ImapWorld.open({ store: { fail: (operation, key) => fail.with?.(operation, key) ?? null } });
    await world.deliver("INBOX", [mail("one")]);
    await world.deliver("INBOX", [mail("two")]);
    await world.deliver("INBOX", [mail("three")]);
    const client = await world.login();
    await client.say("select INBOX");
    return { world, client, fail };
  }
  test("takes nothing and says so", async () => {
    const { world, client, fail } = await open();
    fail.with = (operation) => (operation === "put" ? { failure: "full" } : null);
    for (const command of ["append INBOX {1+}\r\nx", "store 1 +flags (\\Seen)", "fetch 1 body[]", "copy 1 Drafts", "move 1 Drafts", "create x", "rename INBOX x", "subscribe x", "delete Drafts"]) {
      assert.equal(await last(client, command), "NO [UNAVAILABLE] The store has no room now, try again later", command);
    }
    fail.with = null;
    assert.deepEqual(await said(client, "fetch 1 (uid flags)"), ["* 1 FETCH (UID 1 FLAGS (\\Recent))", "OK Fetched"]);
    await client.end();
    assert.deepEqual(world.faults, []);
  });
  test("has lost one message: the others are told and found", async () => {
    const { world, client } = await open();
    const entries = world.store.keys().filter((key) => key.includes("alice") && key.includes("/j/"));
    await world.store.delete(entries.at(-2)!);
    assert.deepEqual((await said(client, "fetch 1:* body.peek[header.fields (subject)]")).map((line) => line.replace(/\r\n/g, "|")), [
      "* 1 FETCH (BODY[HEADER.FIELDS (subject)] {16}|Subject: one||)", "* 3 FETCH (BODY[HEADER.FIELDS (subject)] {18}|Subject: three||)", "NO [CORRUPTION] Something in the store can not be read",
    ]);
    assert.deepEqual(await said(client, "search subject t"), ["* SEARCH 3", "OK Searched"]);
    assert.deepEqual((await said(client, "fetch 2 envelope")).length, 2);
    await client.end();
    assert.deepEqual(world.faults, []);
  });
});

test("after a long sleep the state is read anew from a snapshot, and the client's view goes on", async () => {
  const world = await ImapWorld.open();
  await world.deliver("INBOX", ["one", "two", "three", "four"].map((subject) => mail(subject)));
  const sleeper = await world.login({ process: 1 });
  await sleeper.say("select INBOX");
  const other = await world.login();
  await other.say("select INBOX");
  await other.say("store 2 +flags (\\Deleted)");
  await other.say("expunge");
  await other.say("store 2 +flags (\\Flagged)");
  await world.deliver("INBOX", [mail("five")]);
  assert.equal((await world.account((account) => account.snapshot())).kind, "done");
  await world.clock.advance(20 * 60 * 1000);
  assert.deepEqual(await said(sleeper, "fetch 1:* (uid)"), ["* 1 FETCH (UID 1)", "* 3 FETCH (UID 3)", "* 4 FETCH (UID 4)", "* 5 EXISTS", "* 5 RECENT", "* 3 FETCH (FLAGS (\\Flagged \\Recent))", "NO [EXPUNGEISSUED] Some of the messages are gone"]);
  assert.match((await said(sleeper, "fetch 5 (envelope)"))[0]!, /^\* 5 FETCH \(ENVELOPE \(NIL "five"/);
  assert.deepEqual(await said(sleeper, "search subject \"e\""), ["* SEARCH 1 3 5", "OK Searched"]);
  assert.deepEqual(await said(sleeper, "noop"), ["* 2 EXPUNGE", "OK Done"]);
  assert.deepEqual(await said(sleeper, "search text four"), ["* SEARCH 3", "OK Searched"]);
  await sleeper.end();
  await other.end();
  assert.deepEqual(world.faults, []);
});

test("IDLE of many changes keeps one listener, and what comes with a change is not lost", async () => {
  const world = await ImapWorld.open();
  const client = await world.login();
  await client.say("select INBOX");
  client.send("x IDLE\r\n");
  await world.settle(turn);
  for (let n = 0; n < 20; n++) {
    await world.deliver("INBOX", [mail(`${n}`)]);
    if (n < 19) await world.clock.advance(40_000);
  }
  client.send("DONE\r\n");
  const responses = await client.hearTo("x");
  assert.equal(responses[0], "+ Idling");
  assert.equal((await client.hearTo("x")).at(-1), "x OK Done idling");
  await client.end();
  assert.deepEqual(world.faults, []);
});
