import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { FakeHintBus, type FakeHints } from "../port/hints.fake.ts";
import { noMetrics } from "../port/metrics.ts";
import type { Queue } from "./queue.ts";
import { QueueRunner } from "./runner.ts";
import { all, delivered, FakeTransport, newMessage, openQueue, testWorld } from "./sample.fake.ts";

/** Far above what the tests wait: what happens, happens by hints. */
const TICK_MS = 1_000_000;
type World = ReturnType<typeof testWorld>;

async function makeRunner(world: World, hints: FakeHints, holder: string): Promise<{ queue: Queue; runner: QueueRunner; transport: FakeTransport }> {
  const queue = await openQueue({ ...world, hints });
  const transport = new FakeTransport(all(delivered));
  const runner = new QueueRunner({ ...world, metrics: noMetrics, queue, transport, holder, reportingMta: "mx.tayori.test", language: "en", enqueueOrDeliver: async () => "accepted", tickMs: TICK_MS });
  return { queue, runner, transport };
}
async function settle(world: World): Promise<void> {
  for (let i = 0; i < 5; i++) {
    await world.clock.advance(100);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
async function enqueue(queue: Queue, to: string): Promise<string> {
  const answer = await queue.enqueue(newMessage([to], { arrivedAt: 1_700_000_000_000 }));
  assert.equal(answer.kind, "queued");
  return answer.kind === "queued" ? answer.id : "";
}

describe("hints about the queue", () => {
  test("what another process enqueued is delivered at once by the holder of the shard", async () => {
    const [world, bus] = [testWorld(), new FakeHintBus()];
    const { runner, transport } = await makeRunner(world, bus.join(), "node-a");
    runner.start();
    await settle(world);
    const elsewhere = await openQueue({ ...world, hints: bus.join() });
    for (const to of ["a@x.test", "b@x.test", "c@x.test"]) await enqueue(elsewhere, to);
    await settle(world);
    assert.equal(transport.attempts.length, 3);
    await runner.stop();
  });

  test("without hints it waits for the next look", async () => {
    const [world, bus] = [testWorld(), new FakeHintBus()];
    bus.fate = () => "lost";
    const { runner, transport } = await makeRunner(world, bus.join(), "node-a");
    runner.start();
    await settle(world);
    await enqueue(await openQueue({ ...world, hints: bus.join() }), "a@x.test");
    await settle(world);
    assert.equal(transport.attempts.length, 0);
    runner.wake();
    await settle(world);
    assert.equal(transport.attempts.length, 1);
    await runner.stop();
  });

  test("released by an operator's process, a held message goes at once", async () => {
    const [world, bus] = [testWorld(), new FakeHintBus()];
    const { queue, runner, transport } = await makeRunner(world, bus.join(), "node-a");
    runner.start();
    await settle(world);
    const held = await queue.enqueue(newMessage(["a@x.test"], { held: "waits" }));
    const elsewhere = await openQueue({ ...world, hints: bus.join() });
    await settle(world);
    assert.equal(transport.attempts.length, 0);
    assert.deepEqual(await elsewhere.release(held.kind === "queued" ? held.id : ""), { kind: "done" });
    await settle(world);
    assert.equal(transport.attempts.length, 1);
    await runner.stop();
  });

  test("shards that are given back are taken at once by another", async () => {
    const [world, bus] = [testWorld(), new FakeHintBus()];
    const one = await makeRunner(world, bus.join(), "node-a");
    const two = await makeRunner(world, bus.join(), "node-b");
    one.runner.start();
    await settle(world);
    two.runner.start();
    await settle(world);
    assert.deepEqual([one.runner.held, two.runner.held], [[0, 1], []]);
    await one.runner.stop();
    await settle(world);
    assert.deepEqual(two.runner.held, [0, 1]);
    await two.runner.stop();
  });

  test("a shard in which a delivery still runs at the end is kept, the others are given back", async () => {
    const [world, bus] = [testWorld(), new FakeHintBus()];
    const one = await makeRunner(world, bus.join(), "node-a");
    const two = await makeRunner(world, bus.join(), "node-b");
    one.transport.answer = () => new Promise(() => {});
    one.runner.start();
    await settle(world);
    two.runner.start();
    await settle(world);
    const busy = one.queue.shardOf(await enqueue(one.queue, "a@x.test")).number;
    await settle(world);
    assert.equal(one.transport.attempts.length, 1);
    const stopped = one.runner.stop(300);
    await settle(world);
    await stopped;
    await settle(world);
    assert.deepEqual(two.runner.held, [1 - busy]);
    assert.equal(two.transport.attempts.length, 0);
    await two.runner.stop();
  });

  test("results and leases are told to nobody, and a runner that stopped is not subscribed", async () => {
    const [world, bus] = [testWorld(), new FakeHintBus()];
    const hints = bus.join();
    const { queue, runner } = await makeRunner(world, hints, "node-a");
    runner.start();
    await settle(world);
    assert.equal(bus.published.length, 0);
    await enqueue(queue, "a@x.test");
    await settle(world);
    assert.equal(bus.published.length, 1);
    await runner.stop();
    assert.deepEqual(bus.published.slice(1).map((hint) => hint.split(" ")[0]).sort(), ["q/0", "q/1"]);
    assert.deepEqual(hints.changes, ["+q/0", "+q/1", "-q/0", "-q/1"]);
  });
});
