import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { AssertionFailed } from "../base/assert.ts";
import { FakeClock } from "./clock.fake.ts";
import { objectStoreContract } from "./object-store.contract.ts";
import { MemoryStore, type StoreFault } from "./object-store.fake.ts";
import { FakeRandom } from "./random.fake.ts";

objectStoreContract("MemoryStore", async () => {
  const store = new MemoryStore();
  return { store, dispose: () => store.close() };
});

const x = Buffer.from("x");

describe("faults", () => {
  const cases: readonly (readonly [failure: NonNullable<StoreFault["failure"]>, outcome: "none" | "unknown", effect: boolean])[] = [
    ["before", "none", false], ["after", "unknown", true], ["torn", "unknown", false], ["throttled", "none", false], ["full", "none", false],
  ];
  for (const [failure, outcome, effect] of cases) {
    test(`${failure}: outcome ${outcome}, ${effect ? "with" : "without"} effect`, async () => {
      const asked: string[] = [];
      const store = new MemoryStore({ fail: (operation, key) => {
        asked.push(`${operation} ${key}`);
        return key === "bad" ? { failure } : null;
      } });
      const put = await store.put("bad", x, { ifAbsent: true });
      assert.deepEqual(put.kind === "failure" && [put.outcome, put.retryable], [outcome, true]);
      assert.equal(store.peek("bad") !== null, effect);
      assert.equal((await store.put("good", x, { ifAbsent: true })).kind, "done");
      const removed = await store.delete("bad");
      assert.equal(removed.kind === "failure" && removed.outcome, outcome);
      assert.equal(store.peek("bad"), null);
      assert.equal((await store.get("bad")).kind, failure === "full" ? "absent" : "failure");
      assert.deepEqual(asked, ["put bad", "put good", "delete bad", "get bad"]);
    });
  }

  test("latency waits for the clock, and the effect comes in between", async () => {
    const clock = new FakeClock();
    const store = new MemoryStore({ clock, random: new FakeRandom(7), fail: () => ({ latencyMs: 100 }) });
    let answered = false;
    const putting = store.put("k", x, {}).then(() => { answered = true; });
    await clock.advance(0);
    assert.deepEqual([store.size, answered], [0, false]);
    await clock.advance(99);
    assert.deepEqual([store.size, answered], [1, false]);
    await clock.advance(1);
    assert.equal(answered, true);
    await putting;
  });

  test("rates and latency repeat with the seed, and come as often as they say", async () => {
    const run = async (seed: number): Promise<string[]> => {
      const clock = new FakeClock();
      const store = new MemoryStore({ clock, random: new FakeRandom(seed), faults: { before: 0.1, after: 0.2, torn: 0.1, throttled: 0.1, latencyMsMax: 20 } });
      const lines: string[] = [];
      for (let round = 0; round < 20; round++) {
        const calls = Array.from({ length: 20 }, async (_, i) => {
          const answer = await store.put(`k/${i}`, Buffer.from(String(round)), {});
          lines.push(`${i} ${answer.kind} ${answer.kind === "failure" ? answer.because : ""} ${clock.monotonic()}`);
        });
        await clock.advance(20);
        await Promise.all(calls);
      }
      return lines;
    };
    const lines = await run(3);
    assert.deepEqual(await run(3), lines);
    assert.notDeepEqual(await run(4), lines);
    const share = (what: RegExp): number => lines.filter((line) => what.test(line)).length / lines.length;
    for (const [what, rate] of [[/ done/, 0.5], [/unavailable/, 0.1], [/timeout/, 0.3], [/throttled/, 0.1]] as const) {
      assert.ok(Math.abs(share(what) - rate) < 0.08, `${what}: ${share(what)}`);
    }
  });

  test("rates without randomness and latency without a clock are programmer's errors", async () => {
    assert.throws(() => new MemoryStore({ faults: { before: 1 } }), AssertionFailed);
    assert.throws(() => new MemoryStore({ faults: { latencyMsMax: 1 }, random: new FakeRandom() }), AssertionFailed);
    await assert.rejects(new MemoryStore({ fail: () => ({ latencyMs: 1 }) }).get("k"), AssertionFailed);
  });
});
