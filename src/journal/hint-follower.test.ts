import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { FakeLog } from "../port/log.fake.ts";
import { HintFollower, hintSubject } from "./hint-follower.ts";
import type { RefreshAnswer } from "./journal.ts";

/** A journal that has `stored` in the store, and whose readings end when the test says so. */
class SlowJournal {
  readonly prefix = "a/test/";
  readonly world = { log: new FakeLog() };
  seq = 0;
  stored = 0;
  readings = 0;
  #end: ((answer: RefreshAnswer | Error) => void) | null = null;

  refresh(): Promise<RefreshAnswer> {
    this.readings += 1;
    assert.equal(this.#end, null, "one reading at a time");
    return new Promise((resolve, reject) => { this.#end = (answer) => (answer instanceof Error ? reject(answer) : resolve(answer)); });
  }
  async end(answer: RefreshAnswer | Error = { kind: "fresh", changed: true }): Promise<void> {
    const end = this.#end;
    this.#end = null;
    if (!(answer instanceof Error) && answer.kind === "fresh") this.seq = this.stored;
    end?.(answer);
    for (let i = 0; i < 5; i++) await Promise.resolve();
  }
}

describe("following hints", () => {
  test("a hint of what is known already costs nothing", () => {
    const journal = new SlowJournal();
    journal.seq = 7;
    const follower = new HintFollower(journal);
    for (const seq of [0, 6, 7]) follower.hint(seq);
    assert.equal(journal.readings, 0);
  });
  test("however many come while one reading is under way, one more follows, and only if it is needed", async () => {
    const journal = new SlowJournal();
    const follower = new HintFollower(journal);
    journal.stored = 3;
    for (let seq = 1; seq <= 3; seq++) follower.hint(seq);
    await journal.end();
    assert.equal(journal.readings, 1);
    follower.hint(4);
    for (let seq = 5; seq <= 100; seq++) follower.hint(seq);
    journal.stored = 50;
    await journal.end();
    assert.equal(journal.readings, 3);
    journal.stored = 100;
    await journal.end();
    assert.deepEqual([journal.readings, journal.seq], [3, 100]);
  });
  test("a hint that is wrong costs one reading, and later ones count as before", async () => {
    const journal = new SlowJournal();
    const follower = new HintFollower(journal);
    follower.hint(Number.MAX_SAFE_INTEGER);
    journal.stored = 1;
    await journal.end();
    assert.equal(journal.readings, 1);
    follower.hint(2);
    assert.equal(journal.readings, 2);
  });
  test("a failure ends it until the next hint", async () => {
    const journal = new SlowJournal();
    const follower = new HintFollower(journal);
    follower.hint(1);
    follower.hint(2);
    await journal.end({ kind: "failed", failure: { kind: "failure", retryable: true, outcome: "none", because: "unavailable", detail: "" } });
    assert.equal(journal.readings, 1);
    follower.hint(2);
    await journal.end(new TypeError("a fault with words of a message"));
    assert.deepEqual(journal.world.log.lines.map(({ event, fields }) => [event, fields]), [["hint-crashed", { prefix: "a/test/", detail: "TypeError" }]]);
    follower.hint(2);
    assert.equal(journal.readings, 3);
  });
  test("the subject is the prefix without its last slash", () => {
    assert.deepEqual([hintSubject("a/0123/"), hintSubject("q/1/")], ["a/0123", "q/1"]);
  });
});
