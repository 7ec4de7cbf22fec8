import assert from "node:assert/strict";
import { test } from "node:test";
import { Keyring } from "../journal/keyring.ts";
import { MemoryStore } from "../port/object-store.fake.ts";
import { writeSnapshot } from "../journal/snapshot.ts";
import { Queue } from "./queue.ts";
import { CONTENT, newMessage, openQueue, testWorld } from "./sample.fake.ts";

test("what one process enqueued another shows, changes and removes", async () => {
  const world = testWorld();
  const one = await openQueue(world);
  const two = await openQueue(world);
  const queued = await one.enqueue(newMessage(["b@example.test", "c@other.test"]));
  assert.equal(queued.kind, "queued");
  const id = queued.kind === "queued" ? queued.id : "";
  const shown = await two.show(id);
  assert.equal(shown.kind === "message" && shown.message.recipients.length, 2);
  assert.deepEqual(await two.content(id), CONTENT);
  assert.deepEqual(await two.hold(id, "to look at"), { kind: "done" });
  const held = await one.show(id);
  assert.equal(held.kind === "message" && held.message.held, "to look at");
  assert.deepEqual(await one.release(id), { kind: "done" });
  assert.deepEqual(await two.retry(id), { kind: "done" });
  assert.deepEqual(await one.remove(id), { kind: "done" });
  assert.deepEqual(await two.show(id), { kind: "absent" });
  assert.deepEqual(await two.remove(id), { kind: "absent" });
});

test("a list has the oldest first, and can be of one domain", async () => {
  const queue = await openQueue(testWorld());
  await queue.enqueue(newMessage(["b@example.test"], { arrivedAt: 3, id: "third" }));
  await queue.enqueue(newMessage(["b@other.test"], { arrivedAt: 1, id: "first" }));
  await queue.enqueue(newMessage(["b@example.test"], { arrivedAt: 2, id: "second" }));
  const all = await queue.list({ limit: 2 });
  assert.deepEqual(all.kind === "messages" && [all.messages.map((m) => m.id), all.total], [["first", "second"], 3]);
  const some = await queue.list({ limit: 9, domain: "example.test" });
  assert.deepEqual(some.kind === "messages" && some.messages.map((m) => m.id), ["second", "third"]);
});

test("the first process decides how many shards there are", async () => {
  const world = testWorld();
  assert.equal((await openQueue(world, 3)).shards.length, 3);
  assert.equal((await openQueue(world, 8)).shards.length, 3);
});

test("a message with the id of one that is queued is not queued twice", async () => {
  const queue = await openQueue(testWorld());
  await queue.enqueue(newMessage(["b@example.test"], { id: "same" }));
  assert.equal((await queue.enqueue(newMessage(["b@example.test"], { id: "same" }))).kind, "queued");
  const list = await queue.list({ limit: 9 });
  assert.equal(list.kind === "messages" && list.total, 1);
});

test("a large content is an object of its own and comes back whole", async () => {
  const world = testWorld();
  const queue = await openQueue(world, 1);
  const content = world.random.bytes(3_000_000);
  const middling = world.random.bytes(400_000);
  await queue.enqueue(newMessage(["b@example.test"], { content, id: "large" }));
  await queue.enqueue(newMessage(["b@example.test"], { content: middling, id: "middling" }));
  const other = await openQueue(world);
  assert.ok(content.equals((await other.content("large")) as Buffer));
  assert.ok(middling.equals((await other.content("middling")) as Buffer));
  assert.equal(world.store.keys().filter((key) => key.startsWith("q/0/b/")).length, 2);
});

test("a snapshot gives the same state, and only changed chunks are written again", async () => {
  const world = testWorld();
  const queue = await openQueue(world, 1);
  const shard = queue.shards[0]!;
  await Promise.all(Array.from({ length: 1200 }, (_, i) => queue.enqueue(newMessage(["b@example.test"], { id: `m${i}` }))));
  assert.equal((await writeSnapshot(shard.journal)).kind, "written");
  const chunks = () => world.store.keys().filter((key) => key.startsWith("q/0/c/")).length;
  assert.equal(chunks(), 3);
  const late = await openQueue(world, 1);
  assert.deepEqual(late.shards[0]!.state.messages, shard.state.messages);
  assert.equal(late.shards[0]!.state.enqueued, 1200);
  await queue.hold("m7", "why");
  assert.equal((await writeSnapshot(shard.journal)).kind, "written");
  assert.equal(chunks(), 4);
  const later = await openQueue(world, 1);
  const state = later.shards[0]!.state;
  assert.deepEqual([state.messages.size, state.messages.get("m7")!.held, state.messages.get("m8")!.held], [1200, "why", null]);
  assert.deepEqual(await later.content("m1199"), CONTENT);
});

test("a maintained shard stays readable, keeps contents that are needed and drops the rest", async () => {
  const world = testWorld();
  const queue = await openQueue(world, 1);
  const shard = queue.shards[0]!;
  const entries = () => world.store.keys().filter((key) => key.startsWith("q/0/j/")).length;
  for (let i = 0; i < 300; i++) await queue.enqueue(newMessage(["b@example.test"], { id: `m${i}` }));
  for (let i = 0; i < 299; i++) await queue.remove(`m${i}`);
  // A shard that is never quiet: a new snapshot each time.
  for (let minutes = 0; minutes <= 55; minutes += 11) {
    assert.equal(await shard.maintain(), null);
    assert.ok(entries() >= 599, "nothing goes before the margin");
    await world.clock.advance(11 * 60_000);
    for (let i = 0; i < 256; i++) await queue.retry("m299");
  }
  assert.equal(await shard.maintain(), null);
  assert.ok(entries() > 1 && entries() < 1700, `${entries()}`);
  assert.equal(entries(), 1 + 6 * 256, "what the first snapshot passed went, but for the content of m299");
  const late = await openQueue(world, 1);
  assert.deepEqual([...late.shards[0]!.state.messages.keys()], ["m299"]);
  assert.deepEqual(late.shards[0]!.state.messages, shard.state.messages);
  assert.deepEqual(await late.content("m299"), CONTENT);
});

test("a store that fails is said to fail, and nothing is queued", async () => {
  const world = testWorld();
  let failing = false;
  const store = new MemoryStore({ fail: (operation) => (failing && operation === "put" ? { failure: "full" } : null) });
  const opened = await Queue.open({ ...world, store, keyring: new Keyring(store, Buffer.alloc(32, 1), world.random), shards: 1 });
  assert.equal(opened.kind, "open");
  if (opened.kind !== "open") return;
  failing = true;
  assert.equal((await opened.queue.enqueue(newMessage(["b@example.test"]))).kind, "failure");
  failing = false;
  const list = await opened.queue.list({ limit: 1 });
  assert.equal(list.kind === "messages" && list.total, 0);
});
