import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type BinaryReader, type BinaryWriter, BrokenRecord } from "../base/binary.ts";
import { FakeClock } from "../port/clock.fake.ts";
import { FakeLog } from "../port/log.fake.ts";
import { MemoryStore, type StoreFault, type StoreOperation } from "../port/object-store.fake.ts";
import { FakeRandom } from "../port/random.fake.ts";
import { Cipher } from "./cipher.ts";
import { Journal } from "./journal.ts";
import { TRIM_AFTER_MS, VALID_FOR_MS } from "./limits.ts";
import { Draft, type Machine } from "./machine.ts";
import { collect, trim, writeSnapshot } from "./snapshot.ts";

/** Letters in the order in which they were committed; bodies by their place. */
interface Letters {
  text: string;
}
type Letter = { readonly letter: string };
const machine: Machine<Letters, Letter, Draft<Letter>> = {
  empty: () => ({ text: "" }),
  draft: () => new Draft<Letter>(),
  apply(state, ops) {
    for (const op of ops) state.text += op.letter;
  },
  encode: (writer: BinaryWriter, op) => void writer.text(op.letter),
  decode: (reader: BinaryReader) => ({ letter: reader.text() }),
  capture: (state) => ({ root: Buffer.from(state.text), settle() {} }),
  restore: async (root) => ({ text: root.toString() }),
  references: () => [],
};

class World {
  readonly clock = new FakeClock();
  readonly log = new FakeLog();
  readonly puts: string[] = [];
  fault: ((operation: StoreOperation, key: string) => StoreFault | null) | null = null;
  readonly store = new MemoryStore({
    fail: (operation, key) => {
      if (operation === "put") this.puts.push(key);
      return this.fault?.(operation, key) ?? null;
    },
  });
  /** The next write happens after `before` milliseconds, and is answered `after` milliseconds later. */
  delayPut(before: number, after: number): void {
    const { store, clock } = this;
    const put = store.put.bind(store);
    store.put = async (key, bytes, condition) => {
      store.put = put;
      if (before > 0) await clock.sleep(before);
      const answer = await put(key, bytes, condition);
      if (after > 0) await clock.sleep(after);
      return answer;
    };
  }
  #seed = 1;
  async node(): Promise<Journal<Letters, Letter, Draft<Letter>>> {
    const random = new FakeRandom(this.#seed++);
    const answer = await Journal.open("a/x/", { store: this.store, clock: this.clock, random, log: this.log }, new Cipher(Buffer.alloc(32, 1), random), machine);
    assert.equal(answer.kind, "open");
    return answer.kind === "open" ? answer.journal : assert.fail();
  }
}
function add(journal: Journal<Letters, Letter, Draft<Letter>>, letter: string) {
  return journal.commit<string>((state, draft) => {
    if (state.text.includes(letter)) return { kind: "nothing", result: "there already" };
    draft.ops.push({ letter });
    return { kind: "write", result: "added" };
  });
}

describe("commit", () => {
  test("is durable and seen by a node that opens later", async () => {
    const world = new World();
    const node = await world.node();
    assert.deepEqual(await add(node, "a"), { kind: "done", result: "added", seq: 1 });
    assert.equal((await world.node()).state.text, "a");
  });

  test("decisions that wait together share one entry", async () => {
    const world = new World();
    const node = await world.node();
    await Promise.all([..."abcdefgh"].map((letter) => add(node, letter)));
    assert.equal(node.state.text, "abcdefgh");
    assert.deepEqual(world.puts, ["a/x/j/000000000001"]);
  });

  test("after a conflict it decides again from what the other wrote", async () => {
    const world = new World();
    const [one, two] = [await world.node(), await world.node()];
    await add(one, "a");
    assert.deepEqual(await add(two, "b"), { kind: "done", result: "added", seq: 2 });
    assert.equal(two.state.text, "ab");
    await one.refresh();
    assert.equal(one.state.text, "ab");
  });

  test("a refusal is never answered from a stale state", async () => {
    const world = new World();
    const [one, two] = [await world.node(), await world.node()];
    await add(one, "a");
    assert.deepEqual(await add(two, "a"), { kind: "done", result: "there already", seq: 1 });
  });

  test("two nodes racing lose nothing and agree", async () => {
    const world = new World();
    const nodes = [await world.node(), await world.node(), await world.node()];
    const letters = [..."abcdefghijklmnopqrstuvwxyz0123456789"];
    const answers = Promise.all(letters.map((letter, i) => add(nodes[i % 3]!, letter)));
    await world.clock.advance(60_000);
    assert.ok((await answers).every((answer) => answer.kind === "done" && answer.result === "added"));
    for (const node of nodes) await node.refresh();
    assert.deepEqual([...nodes[0]!.state.text].sort(), [...letters].sort());
    assert.ok(nodes.every((node) => node.state.text === nodes[0]!.state.text && node.seq === nodes[0]!.seq));
  });

  test("a lost reply is resolved by reading back", async () => {
    const world = new World();
    const node = await world.node();
    world.fault = (operation) => (operation === "put" ? { failure: "after" } : null);
    assert.deepEqual(await add(node, "a"), { kind: "done", result: "added", seq: 1 });
    assert.equal(node.state.text, "a");
  });

  test("a write that broke off is tried again and happens once", async () => {
    const world = new World();
    const node = await world.node();
    let faults = 3;
    world.fault = (operation) => (operation === "put" && faults-- > 0 ? { failure: "torn" } : null);
    const answer = add(node, "a");
    await world.clock.advance(60_000);
    assert.deepEqual(await answer, { kind: "done", result: "added", seq: 1 });
    assert.equal((await world.node()).state.text, "a");
  });

  test("a write that was given up for lost and is done after all counts once", async () => {
    const world = new World();
    const node = await world.node();
    const { store } = world;
    const put = store.put.bind(store);
    let lost: (() => Promise<unknown>) | null = null;
    store.put = async (key, bytes, condition) => {
      if (lost === null) {
        lost = () => put(key, bytes, condition);
        return { kind: "failure", retryable: true, outcome: "unknown", because: "timeout", detail: "on its way" };
      }
      await lost();
      return put(key, bytes, condition);
    };
    assert.deepEqual(await add(node, "a"), { kind: "done", result: "added", seq: 1 });
    store.put = put;
    assert.equal((await world.node()).state.text, "a");
    assert.equal((await world.node()).seq, 1);
  });

  test("a write that was given up for lost counts once where the journal is read before the next try, too", async () => {
    const world = new World();
    const [node, other] = [await world.node(), await world.node()];
    await add(other, "a");
    await add(node, "b");
    const { store } = world;
    const [put, get] = [store.put.bind(store), store.get.bind(store)];
    let lost: (() => Promise<unknown>) | null = null;
    let reads = 0;
    store.put = async (key, bytes, condition) => {
      lost = () => put(key, bytes, condition);
      store.put = put;
      return { kind: "failure", retryable: true, outcome: "unknown", because: "timeout", detail: "on its way" };
    };
    store.get = async (key, options) => {
      // Absent when the writer asks after its own entry, there when it reads on.
      if (lost !== null && reads++ === 1) await lost();
      return get(key, options);
    };
    assert.deepEqual(await add(node, "c"), { kind: "done", result: "added", seq: 3 });
    assert.equal((await world.node()).state.text, "abc");
    assert.equal((await world.node()).seq, 3);
  });

  test("a write that may still be done is not said to have failed", async () => {
    const world = new World();
    const node = await world.node();
    let puts = 0;
    world.fault = (operation) => (operation !== "put" ? null : { failure: puts++ === 0 ? "torn" : "full" });
    const answer = await add(node, "a");
    assert.deepEqual(answer.kind === "failed" && [answer.failure.outcome, answer.failure.because], ["unknown", "unavailable"]);
  });

  test("a decision that throws harms no other", async () => {
    const world = new World();
    const node = await world.node();
    const bad = node.commit(() => {
      throw new Error("a fault of ours");
    });
    const [, good] = await Promise.all([assert.rejects(bad, /a fault of ours/), add(node, "a")]);
    assert.deepEqual(good, { kind: "done", result: "added", seq: 1 });
  });

  test("a state that an operation left half changed is read anew", async () => {
    const world = new World();
    let faults = 1;
    const fragile: typeof machine = {
      ...machine,
      apply(state, ops, seq) {
        machine.apply(state, ops, seq);
        if (faults-- > 0) throw new Error("half way");
      },
    };
    const random = new FakeRandom(5);
    const opened = await Journal.open("a/x/", { store: world.store, clock: world.clock, random, log: world.log }, new Cipher(Buffer.alloc(32, 1), random), fragile);
    assert.ok(opened.kind === "open");
    await assert.rejects(add(opened.journal, "a"), /half way/);
    await opened.journal.refresh();
    assert.deepEqual([opened.journal.state.text, opened.journal.seq], ["a", 1]);
  });

  test("a full store is said at once, and later commits go on", async () => {
    const world = new World();
    const node = await world.node();
    world.fault = (operation) => (operation === "put" ? { failure: "full" } : null);
    const answer = await add(node, "a");
    assert.equal(answer.kind === "failed" && answer.failure.because, "full");
    world.fault = null;
    assert.equal((await add(node, "b")).kind, "done");
    assert.equal(node.state.text, "b");
  });

  test("a changed entry is found, not applied", async () => {
    const world = new World();
    await add(await world.node(), "a");
    const stored = await world.store.get("a/x/j/000000000001");
    assert.equal(stored.kind, "found");
    if (stored.kind !== "found") return;
    stored.bytes[stored.bytes.length - 1]! ^= 1;
    await world.store.put("a/x/j/000000000001", stored.bytes, {});
    const random = new FakeRandom(9);
    const opened = await Journal.open("a/x/", { store: world.store, clock: world.clock, random, log: world.log }, new Cipher(Buffer.alloc(32, 1), random), machine);
    assert.equal(opened.kind === "failed" && opened.failure.because, "corrupt");
  });
});

describe("snapshot and trim", () => {
  test("a node opens from the snapshot when the entries below it are gone", async () => {
    const world = new World();
    const node = await world.node();
    for (const letter of "abc") await add(node, letter);
    assert.deepEqual(await writeSnapshot(node), { kind: "written", seq: 3 });
    await add(node, "d");
    assert.deepEqual(await trim(node, () => false), { removed: 0 }, "not before the margin");
    await world.clock.advance(TRIM_AFTER_MS + 1);
    assert.deepEqual(await trim(node, (seq) => seq === 2), { removed: 2 }, "an entry with a live body stays");
    assert.equal((await world.node()).state.text, "abcd");
    await add(node, "e");
    assert.equal((await world.node()).state.text, "abcde");
  });

  test("what others wrote since is not trimmed, however old the pointer looks", async () => {
    const world = new World();
    const [behind, node] = [await world.node(), await world.node()];
    await add(node, "a");
    await behind.refresh();
    for (const letter of "bc") await add(node, letter);
    await writeSnapshot(node);
    await world.clock.advance(TRIM_AFTER_MS + 1);
    assert.deepEqual(await trim(behind, () => false), { removed: 1 });
    for (const seq of [2, 3]) assert.equal((await world.store.get(`a/x/j/00000000000${seq}`)).kind, "found");
  });

  test("a writer that slept while its next entry was trimmed undoes its write and tries again", async () => {
    const world = new World();
    const [sleeper, node] = [await world.node(), await world.node()];
    for (const letter of "abc") await add(node, letter);
    await writeSnapshot(node);
    await world.clock.advance(TRIM_AFTER_MS + VALID_FOR_MS);
    await trim(node, () => false);
    assert.equal((await world.store.get("a/x/j/000000000001")).kind, "absent");
    assert.deepEqual(await add(sleeper, "z"), { kind: "done", result: "added", seq: 4 });
    assert.equal((await world.store.get("a/x/j/000000000001")).kind, "absent", "undone");
    assert.equal(sleeper.state.text, "abcz");
    assert.equal((await world.node()).state.text, "abcz");
  });

  test("a writer that slept between its decision and its write gives no yes, and undoes nothing", async () => {
    const world = new World();
    const [sleeper, node] = [await world.node(), await world.node()];
    for (const letter of "abc") await add(node, letter);
    await writeSnapshot(node);
    await sleeper.refresh();
    world.delayPut(2 * (TRIM_AFTER_MS + VALID_FOR_MS), 0);
    const late = add(sleeper, "z");
    await world.clock.advance(1_000);
    for (const letter of "de") await add(node, letter);
    await writeSnapshot(node);
    await world.clock.advance(TRIM_AFTER_MS + 60_000);
    await trim(node, () => false);
    assert.equal((await world.store.get("a/x/j/000000000004")).kind, "absent", "its place is free again");
    await world.clock.advance(2 * TRIM_AFTER_MS);
    const answer = await late;
    assert.equal(answer.kind === "failed" && answer.failure.outcome, "unknown");
    assert.equal((await world.node()).state.text, "abcde");
    assert.deepEqual(await add(sleeper, "y"), { kind: "done", result: "added", seq: 6 });
    assert.equal(sleeper.state.text, "abcdey");
    assert.equal((await world.node()).state.text, "abcdey");
  });

  test("an entry that another's snapshot has passed while its writer slept stays where it is", async () => {
    const world = new World();
    const [sleeper, node] = [await world.node(), await world.node()];
    world.delayPut(0, 2 * TRIM_AFTER_MS);
    const late = add(sleeper, "z");
    await world.clock.advance(1_000);
    await node.refresh();
    assert.equal(node.state.text, "z", "the store has it, its writer does not know");
    await writeSnapshot(node);
    await world.clock.advance(3 * TRIM_AFTER_MS);
    const answer = await late;
    assert.equal(answer.kind === "failed" && answer.failure.outcome, "unknown");
    assert.equal((await world.store.get("a/x/j/000000000001")).kind, "found", "its bodies are needed");
    await sleeper.refresh();
    assert.equal(sleeper.state.text, "z");
  });

  test("a machine that was suspended counts the time by its wall clock", async () => {
    const world = new World();
    const node = await world.node();
    const clock = new FakeClock();
    const suspended = { now: () => world.clock.now(), monotonic: () => clock.monotonic(), timer: (ms: number, fn: () => void) => world.clock.timer(ms, fn), sleep: (ms: number) => world.clock.sleep(ms) };
    const random = new FakeRandom(77);
    const opened = await Journal.open("a/x/", { store: world.store, clock: suspended, random, log: world.log }, new Cipher(Buffer.alloc(32, 1), random), machine);
    assert.ok(opened.kind === "open");
    for (const letter of "abc") await add(node, letter);
    await writeSnapshot(node);
    await world.clock.advance(TRIM_AFTER_MS + VALID_FOR_MS);
    await trim(node, () => false);
    assert.deepEqual(await add(opened.journal, "z"), { kind: "done", result: "added", seq: 4 });
    assert.equal((await world.node()).state.text, "abcz");
  });

  test("a snapshot that refers to objects of an older pointer is not taken", async () => {
    const world = new World();
    const [one, two] = [await world.node(), await world.node()];
    await add(one, "a");
    assert.deepEqual(await writeSnapshot(one), { kind: "written", seq: 1 });
    await add(two, "b");
    assert.deepEqual(await writeSnapshot(two), { kind: "behind" }, "it knows nothing of the pointer that is there");
    await two.reload();
    assert.deepEqual(await writeSnapshot(two), { kind: "written", seq: 2 });
    assert.equal((await world.node()).state.text, "ab");
  });

  test("a reader that slept does not take a trimmed journal for an unchanged one", async () => {
    const world = new World();
    const [sleeper, node] = [await world.node(), await world.node()];
    for (const letter of "abc") await add(node, letter);
    await writeSnapshot(node);
    await world.clock.advance(TRIM_AFTER_MS + VALID_FOR_MS);
    await trim(node, () => false);
    await sleeper.refresh();
    assert.equal(sleeper.state.text, "abc");
  });

  test("what was named after the state was validated is not collected, however old it is by now", async () => {
    const world = new World();
    const [behind, node] = [await world.node(), await world.node()];
    await add(node, "a");
    await behind.refresh();
    const old = node.newObjectName("b");
    await node.putObject(old, Buffer.from("nobody's"));
    await world.clock.advance(TRIM_AFTER_MS + 1);
    await behind.refresh();
    const young = node.newObjectName("b");
    await node.putObject(young, Buffer.from("somebody's"));
    await world.clock.advance(3 * TRIM_AFTER_MS);
    assert.deepEqual(await collect(behind, () => false, behind.validatedAt.wall), { removed: 1 });
    assert.equal((await world.store.get(`a/x/${young}`)).kind, "found");
    await behind.refresh();
    assert.deepEqual(await collect(behind, () => false, behind.validatedAt.wall), { removed: 1 });
  });

  test("a part of a snapshot that can't be asked for now is not taken for a broken one", async () => {
    const world = new World();
    let name = "";
    const inParts: typeof machine = {
      ...machine,
      capture(state, sink) {
        name = sink.add(Buffer.from(state.text));
        return { root: Buffer.from(name), settle() {} };
      },
      async restore(root, source) {
        const part = await source.object(root.toString());
        if (part === null) throw new BrokenRecord("the part is gone");
        return { text: part.toString() };
      },
    };
    const open = () => {
      const random = new FakeRandom(8);
      return Journal.open("a/x/", { store: world.store, clock: world.clock, random, log: world.log }, new Cipher(Buffer.alloc(32, 1), random), inParts);
    };
    const first = await open();
    assert.ok(first.kind === "open");
    await add(first.journal, "a");
    assert.deepEqual(await writeSnapshot(first.journal), { kind: "written", seq: 1 });
    world.fault = (operation, key) => (operation === "get" && key === `a/x/${name}` ? { failure: "before" } : null);
    const failed = await open();
    assert.equal(failed.kind === "failed" && failed.failure.because, "unavailable");
    world.fault = null;
    assert.equal((await open()).kind, "open");
    await world.store.delete(`a/x/${name}`);
    const broken = await open();
    assert.equal(broken.kind === "failed" && broken.failure.because, "corrupt");
  });

  test("two nodes that snapshot at once leave the newer one", async () => {
    const world = new World();
    const [one, two] = [await world.node(), await world.node()];
    await add(one, "a");
    await two.refresh();
    await add(one, "b");
    assert.deepEqual(await writeSnapshot(one), { kind: "written", seq: 2 });
    assert.deepEqual(await writeSnapshot(two), { kind: "behind" });
    assert.equal((await world.node()).state.text, "ab");
  });
});
