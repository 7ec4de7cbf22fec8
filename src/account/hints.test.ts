import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { FakeHintBus } from "../port/hints.fake.ts";
import { append, AccountWorld, letter } from "./account.contract.ts";

async function settle(): Promise<void> {
  for (let i = 0; i < 100; i++) await Promise.resolve();
}

describe("hints about accounts", () => {
  test("whoever watches sees at once what another process wrote", async () => {
    const [world, bus] = [new AccountWorld(), new FakeHintBus()];
    const [one, two] = [await world.node("test", bus.join()), await world.node("test", bus.join())];
    const seen: number[] = [];
    two.onChange((_, seq) => seen.push(seq));
    await append(one, "INBOX", letter("a"));
    await settle();
    assert.deepEqual([two.journal.seq, seen], [one.journal.seq, [one.journal.seq]]);
    assert.deepEqual(bus.published.at(-1), `a/test ${one.journal.seq}`);
  });

  test("each entry is published once, after it is durable, and what was only read is not", async () => {
    const [world, bus] = [new AccountWorld(), new FakeHintBus()];
    const [one, two] = [await world.node("test", bus.join()), await world.node("test", bus.join())];
    bus.published.length = 0;
    const before = one.journal.seq;
    await Promise.all([append(one, "INBOX", letter("a")), append(one, "INBOX", letter("b"))]);
    await two.refresh();
    assert.deepEqual(bus.published, Array.from({ length: one.journal.seq - before }, (_, i) => `a/test ${before + i + 1}`));
    world.fault = (operation) => (operation === "put" ? { failure: "full" } : null);
    const published = bus.published.length;
    await assert.rejects(append(one, "INBOX", letter("c")));
    assert.equal(bus.published.length, published);
  });

  test("who only holds an account is not subscribed, and a subscription outlives the watching by a minute", async () => {
    const [world, bus] = [new AccountWorld(), new FakeHintBus()];
    const hints = bus.join();
    const account = await world.node("test", hints);
    assert.deepEqual(hints.changes, []);
    const stops = [account.onChange(() => {}), account.onChange(() => {})];
    assert.deepEqual(hints.changes, ["+a/test"]);
    for (const stop of [...stops, ...stops]) stop();
    await world.clock.advance(59_000);
    account.onChange(() => {})();
    await world.clock.advance(59_000);
    assert.deepEqual(hints.changes, ["+a/test"]);
    await world.clock.advance(2_000);
    assert.deepEqual(hints.changes, ["+a/test", "-a/test"]);
    account.onChange(() => {});
    assert.deepEqual(hints.changes, ["+a/test", "-a/test", "+a/test"]);
  });

  test("a hint that comes while nobody watches costs nothing", async () => {
    const [world, bus] = [new AccountWorld(), new FakeHintBus()];
    const [one, two] = [await world.node("test", bus.join()), await world.node("test", bus.join())];
    two.onChange(() => {})();
    const before = two.journal.seq;
    await append(one, "INBOX", letter("a"));
    await settle();
    assert.equal(two.journal.seq, before);
  });

  test("hints that are lost, come twice, late or in disorder change nothing but when", async () => {
    const [world, bus] = [new AccountWorld(), new FakeHintBus()];
    const [one, two] = [await world.node("test", bus.join()), await world.node("test", bus.join())];
    const third = bus.join();
    const seen: number[] = [];
    two.onChange((_, seq) => seen.push(seq));
    bus.fate = () => "lost";
    await append(one, "INBOX", letter("a"));
    await append(one, "INBOX", letter("b"));
    await settle();
    assert.deepEqual(seen, []);
    bus.fate = () => "twice";
    for (const seq of [one.journal.seq, one.journal.seq - 1, 1, one.journal.seq + 1000]) third.publish("a/test", seq);
    await settle();
    assert.deepEqual(seen, [one.journal.seq - 1, one.journal.seq]);
  });
});
