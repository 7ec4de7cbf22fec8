import assert from "node:assert/strict";
import { test } from "node:test";
import { NodeClock } from "./node-clock.ts";
import { NodeRandom } from "./node-random.ts";

const keepAlive = (): (() => void) => {
  const interval = setInterval(() => {}, 1000);
  return () => clearInterval(interval);
};

test("a timer fires once, later, and not when cancelled", async () => {
  const release = keepAlive();
  const clock = new NodeClock();
  let fired = 0;
  clock.timer(5, () => fired++);
  clock.timer(5, () => (fired += 100))();
  const before = clock.monotonic();
  await clock.sleep(30);
  assert.equal(fired, 1);
  assert.ok(clock.monotonic() - before >= 29);
  release();
});

test("a timer longer than 2^31 milliseconds does not fire at once", async () => {
  const release = keepAlive();
  const clock = new NodeClock();
  let fired = false;
  const cancel = clock.timer(2 ** 33, () => { fired = true; });
  await clock.sleep(20);
  assert.equal(fired, false);
  cancel();
  release();
});

test("random octets and numbers stay in range", () => {
  const random = new NodeRandom();
  assert.equal(random.bytes(16).length, 16);
  assert.notDeepEqual(random.bytes(16), random.bytes(16));
  for (let i = 0; i < 200; i++) assert.ok(random.below(3) < 3 && random.below(3) >= 0);
});
