import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { hintsContract } from "./hints.contract.ts";
import { FakeHintBus } from "./hints.fake.ts";
import { HintListeners, joinHints, noHints, WaitingHints } from "./hints.ts";

hintsContract("the fake", async () => {
  const bus = new FakeHintBus();
  return { one: bus.join(), other: bus.join(), dispose: async () => {} };
});
hintsContract("two ways joined, one of which loses all", async () => {
  const [lossy, whole] = [new FakeHintBus(), new FakeHintBus()];
  lossy.fate = () => "lost";
  return { one: joinHints([lossy.join(), whole.join()]), other: joinHints([lossy.join(), whole.join()]), dispose: async () => {} };
});

describe("the fake", () => {
  test("loses and doubles what it is told to", async () => {
    const bus = new FakeHintBus();
    const [one, other] = [bus.join(), bus.join()];
    const heard: number[] = [];
    other.subscribe("a/x", (seq) => heard.push(seq));
    bus.fate = (_, seq) => (seq === 1 ? "lost" : seq === 2 ? "twice" : "arrives");
    for (const seq of [1, 2, 3]) one.publish("a/x", seq);
    await Promise.resolve();
    await Promise.resolve();
    assert.deepEqual(heard, [2, 2, 3]);
  });
});

describe("what adapters share", () => {
  test("a subject is opened by its first listener and closed by its last", () => {
    const changes: string[] = [];
    const listeners = new HintListeners((subject) => changes.push(`+${subject}`), (subject) => changes.push(`-${subject}`));
    const ends = [listeners.add("a", () => {}), listeners.add("a", () => {}), listeners.add("b", () => {})];
    for (const end of [...ends, ...ends]) end();
    assert.deepEqual(changes, ["+a", "+b", "-a", "-b"]);
    assert.deepEqual([...listeners.subjects], []);
  });
  test("a listener may end itself while it is told", () => {
    const listeners = new HintListeners(() => {}, () => {});
    const heard: string[] = [];
    const end = listeners.add("a", () => { heard.push("one"); end(); });
    listeners.add("a", () => heard.push("two"));
    listeners.tell("a", 1);
    listeners.tell("a", 2);
    assert.deepEqual(heard, ["one", "two", "two"]);
  });
  test("what waits is one hint per subject, the highest, up to a number of subjects", () => {
    const waiting = new WaitingHints(2);
    for (const [subject, seq] of [["a", 3], ["b", 1], ["a", 2], ["c", 9], ["b", 4]] as const) waiting.add(subject, seq);
    assert.deepEqual([waiting.size, waiting.dropped], [2, 1]);
    assert.deepEqual(waiting.take(1), [["a", 3]]);
    waiting.add("c", 9);
    assert.deepEqual(waiting.take(), [["b", 4], ["c", 9]]);
    assert.equal(waiting.size, 0);
  });
  test("no way at all is nobody to tell", async () => {
    const none = joinHints([]);
    assert.equal(none, noHints);
    none.publish("a", 1);
    none.subscribe("a", () => assert.fail())();
    await none.close();
  });
});
