import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { FakeClock } from "../port/clock.fake.ts";
import { MemoryStore } from "../port/object-store.fake.ts";
import { noMetrics } from "../port/metrics.ts";
import type { OwnMessage } from "./owed-reports.ts";
import type { NewMessage, Queue } from "./queue.ts";
import { QueueRunner, type RunnerWorld } from "./runner.ts";
import { all, deferred, delivered, failed, FakeTransport, newMessage, openQueue, testWorld, unreachableHost } from "./sample.fake.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** Moves time on in steps, so that what one step began has come to rest before the next. */
async function pass(world: { readonly clock: FakeClock }, ms: number, stepMs = 1000): Promise<void> {
  for (let left = ms; left >= 0; left -= stepMs) {
    await world.clock.advance(Math.min(left, stepMs));
    await new Promise((resolve) => setImmediate(resolve));
    if (left === 0) return;
  }
}

type World = ReturnType<typeof testWorld>;
interface Node {
  readonly queue: Queue;
  readonly runner: QueueRunner;
  readonly transport: FakeTransport;
  readonly reports: OwnMessage[];
  readonly world: World;
  readonly enqueue: (to: readonly string[], change?: Partial<NewMessage>) => Promise<string>;
  readonly total: () => Promise<number>;
}

async function makeNode(world: World, transport: FakeTransport, change: Partial<RunnerWorld> & { readonly shards?: number } = {}): Promise<Node> {
  const queue = await openQueue(world, change.shards ?? 2);
  const reports: OwnMessage[] = [];
  const runner = new QueueRunner({
    ...world, metrics: noMetrics, queue, transport, holder: "node-a", reportingMta: "mx.tayori.test", language: "ja",
    enqueueOrDeliver: async (message) => (reports.push(message), "accepted"), ...change,
  });
  return {
    queue, runner, transport, reports, world,
    async enqueue(to, extra = {}) {
      const answer = await queue.enqueue(newMessage(to, { arrivedAt: world.clock.now(), ...extra }));
      assert.equal(answer.kind, "queued");
      return answer.kind === "queued" ? answer.id : "";
    },
    async total() {
      const list = await queue.list({ limit: 1 });
      return list.kind === "messages" ? list.total : -1;
    },
  };
}

describe("delivery", () => {
  test("recipients of one domain share a transaction, and a delivered message leaves the queue without a report", async () => {
    const node = await makeNode(testWorld(), new FakeTransport(all(delivered)));
    node.runner.start();
    await pass(node.world, 1000);
    assert.deepEqual(node.runner.held, [0, 1]);
    await node.enqueue(["a@x.test", "b@y.test", "c@x.test"]);
    await pass(node.world, 0);
    assert.deepEqual(node.transport.attempts.map(({ domain, transaction }) => [domain, transaction.recipients.map((r) => r.address.localPart)]), [["x.test", ["a", "c"]], ["y.test", ["b"]]]);
    assert.equal(await node.total(), 0);
    assert.equal(node.reports.length, 0);
    await node.runner.stop();
  });

  test("more recipients than a transaction takes go in several", async () => {
    const node = await makeNode(testWorld(), new FakeTransport(all(delivered)));
    node.runner.start();
    await pass(node.world, 1000);
    await node.enqueue(Array.from({ length: 230 }, (_, i) => `r${i}@x.test`));
    await pass(node.world, 0);
    assert.deepEqual(node.transport.attempts.map(({ transaction }) => transaction.recipients.length), [100, 100, 30]);
    assert.equal(await node.total(), 0);
    await node.runner.stop();
  });

  test("a message that is deferred for good is tried about forty times in five days, reported late once, and failed once", async () => {
    const world = testWorld();
    const node = await makeNode(world, new FakeTransport(all(deferred)), { shards: 1, tickMs: 10 * MINUTE });
    node.runner.start();
    await pass(node.world, 1000);
    const arrivedAt = node.world.clock.now();
    await node.enqueue(["a@x.test"]);
    const times: number[] = [];
    node.transport.answer = (domain, transaction) => (times.push(node.world.clock.now() - arrivedAt), all(deferred)(domain, transaction));
    await pass(world, 4 * HOUR + 20 * MINUTE, 10 * MINUTE);
    assert.deepEqual(node.reports.map((report) => report.key.split("-")[1]), ["delayed"]);
    
    await pass(world, 5 * 24 * HOUR, 10 * MINUTE);
    assert.deepEqual(node.reports.map((report) => report.key.split("-")[1]), ["delayed", "failed"]);
    assert.ok(times.length >= 28 && times.length <= 45, `${times.length} attempts`);
    assert.ok(times.at(-1)! >= 5 * 24 * HOUR && times.at(-1)! <= 5 * 24 * HOUR + 10 * MINUTE);
    assert.match(node.reports[1]!.content.toString("latin1"), /Status: 5\.4\.7/);
    assert.equal(await node.total(), 0);
    await node.runner.stop();
  });

  test("a failure is reported to the sender, once for all recipients that failed together", async () => {
    const node = await makeNode(testWorld(), new FakeTransport(all(failed)));
    node.runner.start();
    await pass(node.world, 1000);
    await node.enqueue(["a@x.test", "b@y.test"]);
    await pass(node.world, 2000);
    assert.equal(node.reports.length, 1);
    const text = node.reports[0]!.content.toString("latin1");
    assert.match(text, /Final-Recipient: rfc822; a@x\.test/);
    assert.match(text, /Final-Recipient: rfc822; b@y\.test/);
    assert.equal(node.reports[0]!.to.localPart, "a");
    assert.equal(await node.total(), 0);
    await node.runner.stop();
  });

  test("no report about a message with a null reverse-path", async () => {
    const node = await makeNode(testWorld(), new FakeTransport(all(failed)));
    node.runner.start();
    await pass(node.world, 1000);
    await node.enqueue(["a@x.test"], { envelope: { ...newMessage(["a@x.test"]).envelope, reversePath: { kind: "null" } } });
    await pass(node.world, 2000);
    assert.deepEqual([node.transport.attempts.length, node.reports.length, await node.total()], [1, 0, 0]);
    await node.runner.stop();
  });

  test("a report that cannot be handed over keeps the message, and is tried again", async () => {
    let answer: "unavailable" | "accepted" = "unavailable";
    const keys: string[] = [];
    const node = await makeNode(testWorld(), new FakeTransport(all(failed)), { enqueueOrDeliver: async (message) => (keys.push(message.key), answer) });
    node.runner.start();
    await pass(node.world, 1000);
    await node.enqueue(["a@x.test"]);
    await pass(node.world, 5000);
    assert.deepEqual([keys.length, await node.total()], [1, 1]);
    answer = "accepted";
    await pass(node.world, MINUTE);
    assert.deepEqual([keys.length, keys[0] === keys[1], await node.total(), node.transport.attempts.length], [2, true, 0, 1]);
    await node.runner.stop();
  });

  test("a held message is not tried; a released one is, at once", async () => {
    const node = await makeNode(testWorld(), new FakeTransport(all(delivered)), { tickMs: 10_000 });
    node.runner.start();
    await pass(node.world, 1000);
    const id = await node.enqueue(["a@x.test"], { held: "suspicious" });
    await pass(node.world, HOUR, MINUTE);
    assert.equal(node.transport.attempts.length, 0);
    await node.queue.release(id);
    await pass(node.world, 0);
    assert.deepEqual([node.transport.attempts.length, await node.total()], [1, 0]);
    await node.runner.stop();
  });

  test("another process enqueues, and this one delivers within a second", async () => {
    const world = testWorld();
    const node = await makeNode(world, new FakeTransport(all(delivered)));
    node.runner.start();
    await pass(world, 1000);
    const other = await openQueue(world);
    await other.enqueue(newMessage(["a@x.test"], { arrivedAt: world.clock.now() }));
    await pass(world, 1100);
    assert.equal(node.transport.attempts.length, 1);
    await node.runner.stop();
  });

  test("a transport that throws defers, and the message waits its turn", async () => {
    const node = await makeNode(testWorld(), new FakeTransport(() => { throw new Error("a fault"); }));
    node.runner.start();
    await pass(node.world, 1000);
    const id = await node.enqueue(["a@x.test"]);
    await pass(node.world, 30_000);
    const shown = await node.queue.show(id);
    assert.deepEqual(shown.kind === "message" && [shown.message.recipients[0]!.attempts, shown.message.recipients[0]!.lastReply!.status], [1, "4.3.0"]);
    await node.runner.stop();
  });

  test("neither subject nor address is logged", async () => {
    const node = await makeNode(testWorld(), new FakeTransport(all(failed)));
    node.runner.start();
    await pass(node.world, 1000);
    await node.enqueue(["secret-name@x.test"]);
    await pass(node.world, 2000);
    const lines = JSON.stringify(node.world.log.lines);
    assert.match(lines, /queue-attempt/);
    assert.doesNotMatch(lines, /secret|x@example\.test/);
    await node.runner.stop();
  });
});

describe("a destination that is down", () => {
  test("one attempt speaks for all that wait, in few commits; others are delivered meanwhile", async () => {
    const world = testWorld();
    const transport = new FakeTransport((domain, transaction) => all(domain === "down.test" ? unreachableHost : delivered, domain === "down.test" ? "down" : "up")(domain, transaction));
    const node = await makeNode(world, transport, { shards: 1 });
    for (let i = 0; i < 300; i++) await node.enqueue(["a@down.test"]);
    await node.enqueue(["a@up.test"]);
    const before = node.queue.shards[0]!.journal.seq;
    node.runner.start();
    await pass(world, 1000);
    const attempts = transport.attempts.filter(({ domain }) => domain === "down.test").length;
    assert.ok(attempts <= 2, `${attempts} attempts`);
    assert.equal(transport.attempts.filter(({ domain }) => domain === "up.test").length, 1);
    assert.ok(node.queue.shards[0]!.journal.seq - before <= 8, `${node.queue.shards[0]!.journal.seq - before} commits`);
    assert.ok([...node.queue.shards[0]!.state.messages.values()].every((message) => message.recipients[0]!.attempts === 1));
    transport.answer = all(delivered);
    await pass(world, 3 * MINUTE);
    assert.equal(await node.total(), 0);
    assert.ok(transport.activeMost <= 10);
    await node.runner.stop();
  });
});

describe("leases", () => {
  test("two runners never hold one shard, and every message is delivered once", async () => {
    const world = testWorld();
    const one = await makeNode(world, new FakeTransport(all(delivered)), { shards: 4 });
    const two = await makeNode(world, new FakeTransport(all(delivered)), { shards: 4, holder: "node-b" });
    one.runner.start();
    two.runner.start();
    await pass(world, 2000);
    assert.deepEqual([...one.runner.held, ...two.runner.held].sort(), [0, 1, 2, 3]);
    for (let i = 0; i < 40; i++) await one.enqueue([`r${i}@x.test`]);
    await pass(world, 3000);
    const names = [...one.transport.attempts, ...two.transport.attempts].map(({ transaction }) => transaction.recipients[0]!.address.localPart);
    assert.equal(new Set(names).size, 40);
    assert.equal(names.length, 40);
    await Promise.all([one.runner.stop(), two.runner.stop()]);
  });

  test("a runner that stops gives its shards back at once", async () => {
    const world = testWorld();
    const one = await makeNode(world, new FakeTransport(all(delivered)));
    const two = await makeNode(world, new FakeTransport(all(delivered)), { holder: "node-b" });
    one.runner.start();
    await pass(world, 1000);
    two.runner.start();
    await pass(world, 1000);
    assert.deepEqual(two.runner.held, []);
    await one.runner.stop();
    await pass(world, 2000);
    assert.deepEqual(two.runner.held, [0, 1]);
    await two.runner.stop();
  });

  test("a node that is cut off from the store loses its shards to another; what it delivered meanwhile is not delivered again", async () => {
    const world = testWorld();
    let cut = false;
    const shared = world.store;
    const view = new Proxy(shared, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== "function") return value;
        return cut && ["get", "put", "list"].includes(String(name))
          ? async () => ({ kind: "failure", because: "unavailable", outcome: "none", retryable: true, detail: "cut off" })
          : value.bind(target);
      },
    }) as MemoryStore;
    let finish: () => void = () => {};
    const slow = new FakeTransport(async (domain, transaction) => {
      await new Promise<void>((resolve) => { finish = resolve; });
      return all(delivered)(domain, transaction);
    });
    const one = await makeNode({ ...world, store: view }, slow, { shards: 1 });
    const two = await makeNode(world, new FakeTransport(all(delivered)), { shards: 1, holder: "node-b" });
    one.runner.start();
    await pass(world, 1000);
    await two.enqueue(["first@x.test"]);
    await pass(world, 1500);
    assert.equal(slow.active, 1);
    cut = true;
    finish();
    await pass(world, 10_000);
    two.runner.start();
    await pass(world, 20_000);
    assert.deepEqual(two.runner.held, [], "the lease still runs");
    cut = false;
    await pass(world, 15_000);
    // The first node came back in time: its result is kept, and its lease too.
    assert.deepEqual([one.runner.held, two.runner.held, await two.total(), two.transport.attempts.length], [[0], [], 0, 0]);
    cut = true;
    await two.enqueue(["second@x.test"]);
    await pass(world, 50_000);
    assert.deepEqual(two.runner.held, [0]);
    assert.deepEqual(two.transport.attempts.map(({ transaction }) => transaction.recipients[0]!.address.localPart), ["second"]);
    cut = false;
    await pass(world, 5_000);
    assert.deepEqual(one.runner.held, [], "it learns that its lease is lost");
    assert.equal(slow.attempts.length, 1);
    await Promise.all([one.runner.stop(), two.runner.stop()]);
  });

  test("a runner that was killed is followed by another after its lease, and by itself at once", async () => {
    const world = testWorld();
    const dead = await makeNode(world, new FakeTransport(() => new Promise(() => {})), { shards: 1 });
    dead.runner.start();
    await pass(world, 1000);
    await dead.enqueue(["a@x.test"]);
    await pass(world, 0);
    // Killed: nothing it does from now on reaches the store.
    await dead.queue.shards[0]!.journal.world.store.close();
    const copy = new MemoryStore();
    for (const key of world.store.keys()) await copy.put(key, world.store.peek(key)!, {});
    const again = await makeNode({ ...world, store: copy }, new FakeTransport(all(delivered)), { shards: 1 });
    again.runner.start();
    await pass(world, 1000);
    assert.deepEqual([again.runner.held, again.transport.attempts.length, await again.total()], [[0], 1, 0]);
    await again.runner.stop();
  });
});

test("a store that fails in every way loses no message and repeats few", async () => {
  for (let seed = 1; seed <= 4; seed++) {
    const world = testWorld(seed);
    let faults = true;
    const store = new MemoryStore({
      fail: () => {
        if (!faults) return null;
        const drawn = world.random.below(100);
        return drawn < 4 ? { failure: "before" } : drawn < 8 ? { failure: "after" } : drawn < 10 ? { failure: "torn" } : null;
      },
    });
    faults = false;
    const seen = new Map<string, number>();
    const record = (_: string, transaction: { recipients: readonly { address: { localPart: string } }[] }) => {
      for (const { address } of transaction.recipients) seen.set(address.localPart, (seen.get(address.localPart) ?? 0) + 1);
    };
    const transport = new FakeTransport((domain, transaction) => (record(domain, transaction), all(delivered)(domain, transaction)));
    const one = await makeNode({ ...world, store }, transport, { shards: 2 });
    const two = await makeNode({ ...world, store }, transport, { shards: 2, holder: "node-b" });
    one.runner.start();
    two.runner.start();
    faults = true;
    const queued: string[] = [];
    for (let i = 0; i < 30; i++) {
      const from = i % 2 === 0 ? one : two;
      const answering = from.queue.enqueue(newMessage([`r${i}@x${i % 3}.test`], { arrivedAt: world.clock.now() }));
      await pass(world, 2000);
      if ((await answering).kind === "queued") queued.push(`r${i}`);
    }
    await pass(world, MINUTE);
    faults = false;
    await pass(world, 2 * MINUTE);
    assert.ok(queued.length > 20, `seed ${seed}: ${queued.length} were queued`);
    for (const name of queued) assert.equal(seen.get(name), 1, `seed ${seed}: ${name}`);
    assert.equal(await one.total(), 0, `seed ${seed}`);
    await Promise.all([one.runner.stop(), two.runner.stop()]);
  }
});
