import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { FakeClock } from "./clock.fake.ts";
import { FENCE_CHECK_MS, FENCE_KEY, FENCE_SETTLE_MS, FencedStore, readFence, writeFence } from "./fenced-store.ts";
import { objectStoreContract } from "./object-store.contract.ts";
import { MemoryStore } from "./object-store.fake.ts";

objectStoreContract("FencedStore", async () => {
  const store = new FencedStore(new MemoryStore(), new FakeClock());
  return { store, dispose: () => store.close() };
});

const x = Buffer.from("x");
const moved = writeFence({ because: "moved", other: "sqlite:/elsewhere" });

describe("a fence", () => {
  test("is seen within a second; then nothing is written, and everything is read", async () => {
    const clock = new FakeClock();
    const memory = new MemoryStore({ clock });
    const store = new FencedStore(memory, clock);
    assert.equal((await store.put("a", x, {})).kind, "done");
    await memory.put(FENCE_KEY, moved, {});
    await clock.advance(FENCE_CHECK_MS);
    const refused = await store.put("b", x, { ifAbsent: true });
    assert.deepEqual(refused, { kind: "failure", because: "unavailable", retryable: false, outcome: "none", detail: "the store has moved to sqlite:/elsewhere" });
    assert.equal((await store.delete("a")).kind, "failure");
    assert.deepEqual(memory.keys(), ["a", FENCE_KEY]);
    assert.equal((await store.get("a")).kind, "found");
    assert.deepEqual(await store.list("", { limit: 10 }), { kind: "keys", keys: ["a", FENCE_KEY] });
    await memory.delete(FENCE_KEY);
    assert.equal((await store.put("b", x, {})).kind, "done");
  });

  test("costs one read a second, however many writes", async () => {
    const clock = new FakeClock();
    let reads = 0;
    const store = new FencedStore(new MemoryStore({ clock, fail: (operation, key) => {
      if (operation === "get" && key === FENCE_KEY) reads += 1;
      return null;
    } }), clock);
    await Promise.all(Array.from({ length: 20 }, (_, i) => store.put(`k${i}`, x, {})));
    assert.equal(reads, 1);
    await clock.advance(FENCE_CHECK_MS - 1);
    await store.put("k", x, {});
    assert.equal(reads, 1);
    await clock.advance(1);
    await store.put("k", x, {});
    assert.equal(reads, 2);
  });

  test("that comes while a slow write is under way leaves it unacknowledged", async () => {
    for (const [latencyMs, kind] of [[FENCE_CHECK_MS, "done"], [FENCE_SETTLE_MS + 1000, "failure"]] as const) {
      const clock = new FakeClock();
      const memory = new MemoryStore({ clock, fail: (operation, key) => (operation === "put" && key === "slow" ? { latencyMs } : null) });
      const store = new FencedStore(memory, clock);
      await store.put("first", x, {});
      const writing = store.put("slow", x, {});
      await memory.put(FENCE_KEY, moved, {});
      await clock.advance(latencyMs);
      const answer = await writing;
      assert.equal(answer.kind, kind);
      if (answer.kind === "failure") assert.equal(answer.outcome, "unknown");
    }
  });

  test("that can't be looked for lets nothing through; one that can't be read is one", async () => {
    const clock = new FakeClock();
    const broken = new FencedStore(new MemoryStore({ fail: (_, key) => (key === FENCE_KEY ? { failure: "after" } : null) }), clock);
    const answer = await broken.put("a", x, {});
    assert.deepEqual(answer.kind === "failure" && [answer.because, answer.outcome], ["timeout", "none"]);
    const memory = new MemoryStore();
    await memory.put(FENCE_KEY, Buffer.from("}"), {});
    assert.equal((await readFence(memory)).kind, "fenced");
  });
});
