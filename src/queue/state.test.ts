import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { delivered, deferred, failed, queuedMessage } from "./sample.fake.ts";
import { apply, emptyState, type QueueOperation, type QueueState, type RecipientResult } from "./state.ts";

const at = 1_700_000_100_000;
const result = (index: number, status: RecipientResult["status"], change: Partial<RecipientResult> = {}): RecipientResult => ({
  index, status, nextAttemptAt: at + 60_000, reply: (status === "delivered" ? delivered : status === "failed" ? failed : deferred).reply, report: null, ...change,
});
function after(...operations: QueueOperation[]): QueueState {
  const state = emptyState();
  for (const operation of operations) apply(state, operation);
  return state;
}
const enqueue: QueueOperation = { kind: "enqueue", message: queuedMessage("m1", ["b@x.test", "c@y.test"]) };

describe("apply", () => {
  test("a message leaves when its last recipient is settled", () => {
    const half = after(enqueue, { kind: "attempted", id: "m1", at, results: [result(0, "delivered")] });
    assert.deepEqual(half.messages.get("m1")!.recipients.map((r) => r.status), ["delivered", "pending"]);
    const done = after(enqueue, { kind: "attempted", id: "m1", at, results: [result(0, "delivered"), result(1, "failed")] });
    assert.deepEqual([done.messages.size, done.chunks.size, done.chunkOf.size], [0, 0, 0]);
  });
  test("a report that is owed keeps it until it was sent", () => {
    const attempted: QueueOperation = { kind: "attempted", id: "m1", at, results: [result(0, "delivered"), result(1, "failed", { report: "failed" })] };
    assert.equal(after(enqueue, attempted).messages.size, 1);
    assert.equal(after(enqueue, attempted, { kind: "reported", id: "m1", indexes: [1] }).messages.size, 0);
  });
  test("a settled recipient is never pending again", () => {
    const state = after(enqueue, { kind: "attempted", id: "m1", at, results: [result(0, "delivered")] }, { kind: "attempted", id: "m1", at, results: [result(0, "pending")] });
    assert.equal(state.messages.get("m1")!.recipients[0]!.status, "delivered");
  });
  test("attempts are counted and the last reply is kept", () => {
    const state = after(enqueue, { kind: "attempted", id: "m1", at, results: [result(1, "pending")] }, { kind: "attempted", id: "m1", at: at + 1, results: [result(1, "pending", { report: "delayed" })] });
    const { attempts, lastAttemptAt, lastReply, delayNotified, report } = state.messages.get("m1")!.recipients[1]!;
    assert.deepEqual({ attempts, lastAttemptAt, text: lastReply!.text, delayNotified, report }, { attempts: 2, lastAttemptAt: at + 1, text: "later", delayNotified: true, report: "delayed" });
  });
  test("hold, release, retry, remove", () => {
    assert.equal(after(enqueue, { kind: "hold", id: "m1", reason: "look" }).messages.get("m1")!.held, "look");
    const released = after(enqueue, { kind: "hold", id: "m1", reason: "look" }, { kind: "release", id: "m1", at: 5 }).messages.get("m1")!;
    assert.deepEqual([released.held, released.recipients[0]!.nextAttemptAt], [null, 5]);
    assert.equal(after(enqueue, { kind: "retry", id: "m1", at: 6 }).messages.get("m1")!.recipients[1]!.nextAttemptAt, 6);
    assert.equal(after(enqueue, { kind: "remove", id: "m1" }).messages.size, 0);
  });
  test("what does not fit changes nothing", () => {
    for (const operation of [{ kind: "remove", id: "no" }, { kind: "hold", id: "no", reason: "" }, { kind: "attempted", id: "no", at, results: [result(0, "failed")] }, { kind: "reported", id: "no", indexes: [0] }, { kind: "lease-ended", epoch: 3 }] as const) {
      assert.deepEqual(after(enqueue, operation), after(enqueue), operation.kind);
    }
    const outOfRange = after(enqueue, { kind: "attempted", id: "m1", at, results: [result(9, "failed")] });
    assert.deepEqual(outOfRange.messages, after(enqueue).messages);
  });
  test("enqueuing the same message twice keeps the first", () => {
    const other: QueueOperation = { kind: "enqueue", message: queuedMessage("m1", ["z@z.test"]) };
    assert.equal(after(enqueue, other).messages.get("m1")!.recipients.length, 2);
  });
  test("a lease is taken with the next epoch and renewed with its own", () => {
    const lease = (holder: string, epoch: number, until: number): QueueOperation => ({ kind: "lease", lease: { holder, epoch, until } });
    assert.deepEqual(after(lease("a", 1, 10), lease("a", 1, 20)).lease, { holder: "a", epoch: 1, until: 20 });
    assert.deepEqual(after(lease("a", 1, 10), lease("b", 2, 20)).lease, { holder: "b", epoch: 2, until: 20 });
    assert.deepEqual(after(lease("a", 1, 10), lease("b", 1, 20)).lease!.holder, "a");
    assert.deepEqual(after(lease("a", 1, 10), lease("b", 2, 20), lease("a", 1, 30)).lease!.holder, "b");
    const ended = after(lease("a", 1, 10), { kind: "lease-ended", epoch: 1 });
    assert.equal(ended.lease, null);
    apply(ended, lease("a", 1, 40));
    assert.equal(ended.lease, null);
    apply(ended, lease("b", 2, 40));
    assert.equal(ended.lease!.holder, "b");
  });
});
