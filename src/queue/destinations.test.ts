import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Domain } from "../address/address.ts";
import { FakeRandom } from "../port/random.fake.ts";
import { DueTimes } from "./due-times.ts";
import { Destinations } from "./destinations.ts";

const [a, b] = ["a.test" as Domain, "b.test" as Domain];
const make = (attemptsMax = 100, perDestinationMax = 10) => new Destinations<number>({ attemptsMax, perDestinationMax }, new FakeRandom(3));
function takeAll(destinations: Destinations<number>, now = 0): string[] {
  const taken: string[] = [];
  for (let next = destinations.take(now); next !== null; next = destinations.take(now)) taken.push(`${next.domain} ${next.unit}`);
  return taken;
}

test("destinations take turns, and a full one does not keep others waiting", () => {
  const destinations = make();
  for (let i = 0; i < 1000; i++) destinations.add(a, i);
  destinations.add(b, 1);
  assert.deepEqual(takeAll(destinations), ["a.test 0", "b.test 1", "a.test 1"]);
  assert.equal(destinations.waiting, 998);
});

test("the window opens with success up to its limit", () => {
  const destinations = make(100, 4);
  for (let i = 0; i < 100; i++) destinations.add(a, i);
  let running = takeAll(destinations).length;
  assert.equal(running, 2);
  for (let i = 0; i < 10; i++) {
    destinations.finished(a, "up", 0);
    running += takeAll(destinations).length - 1;
  }
  assert.equal(running, 4);
});

test("a destination that is down waits, is probed by one, and comes back", () => {
  const destinations = make();
  for (let i = 0; i < 10; i++) destinations.add(a, i);
  assert.equal(takeAll(destinations, 0).length, 2);
  assert.equal(destinations.finished(a, "down", 0), false, "one more still runs");
  assert.equal(destinations.finished(a, "down", 0), true);
  assert.deepEqual(takeAll(destinations, 29_000), []);
  assert.ok(destinations.earliestProbeAt! >= 30_000 && destinations.earliestProbeAt! <= 36_000);
  assert.equal(takeAll(destinations, 36_001).length, 1);
  assert.equal(destinations.finished(a, "down", 36_001), true);
  assert.ok(destinations.earliestProbeAt! >= 36_001 + 60_000, "the second pause is longer");
  assert.deepEqual(destinations.drain(a), [3, 4, 5, 6, 7, 8, 9]);
});

test("all attempts together stay within the limit", () => {
  const destinations = make(3);
  for (let i = 0; i < 20; i++) destinations.add(`${i}.test` as Domain, i);
  assert.equal(takeAll(destinations).length, 3);
  destinations.finished("0.test" as Domain, "up", 0);
  assert.equal(takeAll(destinations).length, 1);
});

test("nothing is kept of a destination that has nothing to do", () => {
  const destinations = make();
  destinations.add(a, 1);
  destinations.take(0);
  destinations.finished(a, "down", 0);
  assert.equal(destinations.downCount, 1);
  destinations.take(60_000);
  assert.deepEqual([destinations.downCount, destinations.active, destinations.waiting], [0, 0, 0]);
});

test("due times come out in order", () => {
  fc.assert(fc.property(fc.array(fc.nat(1000)), fc.nat(1000), (times, now) => {
    const due = new DueTimes();
    times.forEach((at, index) => due.add(String(index), at));
    const taken: number[] = [];
    for (let id = due.take(now); id !== null; id = due.take(now)) taken.push(times[Number(id)]!);
    assert.deepEqual(taken, times.filter((at) => at <= now).sort((x, y) => x - y));
    assert.equal(due.size, times.length - taken.length);
  }));
});
