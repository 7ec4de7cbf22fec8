import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { hintsContract } from "../port/hints.contract.ts";
import { type HintLink, type HintMessage, HintRelay, LocalHints } from "./local-hints.ts";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Workers and their primary, whose messages take a turn of the event loop, as node's do. */
class FakeCrew {
  readonly relay = new HintRelay();
  readonly sent: HintMessage[] = [];
  join(): { hints: LocalHints; leave: () => void } {
    const toWorker: HintLink = { send: (message, sent) => void turn().then(() => { hints.receive(structuredClone(message)); sent(); }) };
    const member = this.relay.join(toWorker);
    const toPrimary: HintLink = { send: (message, sent) => { this.sent.push(message); void turn().then(() => { member.receive(structuredClone(message)); sent(); }); } };
    const hints = new LocalHints(toPrimary);
    return { hints, leave: () => member.leave() };
  }
}

hintsContract("the primary between workers", async () => {
  const crew = new FakeCrew();
  return { one: crew.join().hints, other: crew.join().hints, dispose: async () => {} };
});

describe("hints between workers", () => {
  test("a burst is few messages, and those that nobody watches go no further than the primary", async () => {
    const crew = new FakeCrew();
    const [one, two] = [crew.join(), crew.join()];
    two.hints.subscribe("a/watched", () => {});
    await turn();
    for (let seq = 1; seq <= 5000; seq++) {
      one.hints.publish("a/watched", seq);
      one.hints.publish(`a/other${seq % 10}`, seq);
    }
    for (let i = 0; i < 10; i++) await turn();
    const hints = crew.sent.flatMap((message) => (message.kind === "hints" ? [message.hints] : []));
    assert.deepEqual(hints.map((list) => list.length), [11]);
    assert.deepEqual(hints[0]?.find(([subject]) => subject === "a/watched"), ["a/watched", 5000]);
  });
  test("a worker that is gone is told nothing, and what it watched is forgotten", async () => {
    const crew = new FakeCrew();
    const [one, two] = [crew.join(), crew.join()];
    const heard: number[] = [];
    two.hints.subscribe("a/x", (seq) => heard.push(seq));
    for (let i = 0; i < 5; i++) await turn();
    assert.equal(crew.relay.subjectCount, 1);
    two.leave();
    assert.equal(crew.relay.subjectCount, 0);
    one.hints.publish("a/x", 1);
    for (let i = 0; i < 10; i++) await turn();
    assert.deepEqual(heard, []);
  });
  test("a link that does not take messages keeps no more than one of each subject", async () => {
    let sent = 0;
    const hints = new LocalHints({ send: () => { sent += 1; } });
    for (let round = 0; round < 50; round++) {
      for (let seq = 0; seq < 100; seq++) hints.publish(`a/${seq}`, round);
      await turn();
    }
    assert.equal(sent, 1);
  });
});
