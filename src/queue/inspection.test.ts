import assert from "node:assert/strict";
import { test } from "node:test";
import { Keyring } from "../journal/keyring.ts";
import { writeSnapshot } from "../journal/snapshot.ts";
import { inspectShard, type ShardInspection } from "./inspection.ts";
import { newMessage, openQueue, testWorld } from "./sample.fake.ts";

type World = ReturnType<typeof testWorld>;
async function inspect(world: World): Promise<ShardInspection> {
  const key = await new Keyring(world.store, Buffer.alloc(32, 9), world.random).open("q/0/");
  const seen = key.kind === "cipher" ? await inspectShard(0, world, key.cipher) : assert.fail("no key");
  return "kind" in seen ? assert.fail(seen.detail) : seen;
}
/** The keys that are at fault after one octet of this object was changed; it is put back afterwards. */
async function faultsWith(world: World, key: string, at: (length: number) => number): Promise<string[]> {
  const before = world.store.peek(key)!;
  const changed = Buffer.from(before);
  changed[at(before.length)]! ^= 0x55;
  await world.store.put(key, changed, {});
  const { faults } = await inspect(world);
  await world.store.put(key, before, {});
  return [...new Set(faults.map((fault) => fault.key))];
}

test("an inspection of a shard names what is damaged, and nothing else", async () => {
  const world = testWorld();
  const queue = await openQueue(world, 1);
  for (let i = 0; i < 3; i++) await queue.enqueue(newMessage(["b@example.test"]));
  assert.equal((await writeSnapshot(queue.shards[0]!.journal)).kind, "written");
  await queue.enqueue(newMessage(["b@example.test"], { id: "last" }));
  const sound = await inspect(world);
  assert.deepEqual([sound.faults, sound.messages, sound.leftovers?.objectsUnderAnHour], [[], 4, 0]);
  const keys = world.store.keys();
  for (const key of keys.filter((one) => /^q\/0\/j\//.test(one))) assert.deepEqual(await faultsWith(world, key, () => 60), [key], "a content");
  const entry = keys.filter((one) => /^q\/0\/j\//.test(one)).at(-1)!;
  assert.deepEqual(await faultsWith(world, entry, (length) => length - 3), [entry], "the operations of an entry since the snapshot");
  const root = keys.find((one) => one.startsWith("q/0/s/"))!;
  assert.deepEqual(await faultsWith(world, root, (length) => length >> 1), [root]);
  const [part] = keys.filter((one) => one.startsWith("q/0/c/"));
  assert.deepEqual(await faultsWith(world, part!, (length) => length >> 1), [root], "a part of the snapshot is named in what is said of its root");
  assert.deepEqual(await faultsWith(world, "q/0/head", () => 0), ["q/0/head"]);
  await world.store.delete(entry);
  await world.store.put("q/0/j/000000000009", Buffer.from("x"), {});
  assert.deepEqual((await inspect(world)).faults.map((fault) => fault.key), [entry, "q/0/j/000000000009"]);
});
