/** What every way of hinting keeps to. Each adapter's test calls `hintsContract` with a way to make two ends. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Hints } from "./hints.ts";

export interface HintsPair {
  readonly one: Hints;
  readonly other: Hints;
  dispose(): Promise<void>;
}
type Promised = readonly [name: string, run: (pair: HintsPair) => Promise<void>];

const WITHIN_MS = 5_000;
/** Longer than a hint takes, for looking at what must not come. */
const QUIET_MS = 60;

export function hintsContract(name: string, make: () => Promise<HintsPair>): void {
  describe(`${name} carries hints`, () => {
    for (const [promise, run] of promises) {
      test(promise, async () => {
        const pair = await make();
        try {
          await run(pair);
        } finally {
          await pair.dispose();
        }
      });
    }
  });
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
async function eventually(what: string, holds: () => boolean): Promise<void> {
  for (const end = Date.now() + WITHIN_MS; !holds(); await pause(2)) assert.ok(Date.now() < end, what);
}
/** Subscriptions may take a moment to be known: hints are repeated, which is allowed, until one comes. */
async function connected({ one, other }: HintsPair): Promise<void> {
  let heard = 0;
  const ends = [one.subscribe("q/warm-up", () => { heard |= 1; }), other.subscribe("q/warm-up", () => { heard |= 2; })];
  for (const end = Date.now() + WITHIN_MS; heard !== 3; await pause(5)) {
    assert.ok(Date.now() < end, "the two ends find each other");
    one.publish("q/warm-up", 1);
    other.publish("q/warm-up", 1);
  }
  for (const end of ends) end();
}

const promises: readonly Promised[] = [
  ["what one publishes, the other hears, with its number", async (pair) => {
    await connected(pair);
    const heard: number[] = [];
    pair.other.subscribe("a/0123456789abcdef", (seq) => heard.push(seq));
    await pause(QUIET_MS);
    pair.one.publish("a/0123456789abcdef", 512);
    await eventually("the hint comes", () => heard.includes(512));
    pair.one.publish("a/0123456789abcdef", Number.MAX_SAFE_INTEGER);
    await eventually("a large number comes whole", () => heard.includes(Number.MAX_SAFE_INTEGER));
  }],
  ["only those of the subject are heard", async (pair) => {
    await connected(pair);
    const heard: string[] = [];
    for (const subject of ["a/x", "a/xy", "q/1"]) pair.other.subscribe(subject, (seq) => heard.push(`${subject} ${seq}`));
    await pause(QUIET_MS);
    for (const [subject, seq] of [["a/x", 1], ["a/z", 2], ["a", 3], ["a/xyz", 4], ["q/1", 5], ["q/x", 6]] as const) pair.one.publish(subject, seq);
    await eventually("both come", () => heard.length >= 2);
    await pause(QUIET_MS);
    assert.deepEqual([...new Set(heard)].sort(), ["a/x 1", "q/1 5"]);
  }],
  ["of a burst the highest arrives", async (pair) => {
    await connected(pair);
    let highest = 0;
    let count = 0;
    pair.other.subscribe("a/busy", (seq) => { highest = Math.max(highest, seq); count += 1; });
    await pause(QUIET_MS);
    for (let seq = 1; seq <= 1000; seq++) pair.one.publish("a/busy", seq);
    await eventually("the highest comes", () => highest === 1000);
    await pause(QUIET_MS);
    assert.ok(count <= 1000, `${count}`);
  }],
  ["a subscription ends by itself, twice without harm, and leaves the others", async (pair) => {
    await connected(pair);
    const heard: string[] = [];
    const fn = (seq: number): void => void heard.push(`same ${seq}`);
    const first = pair.other.subscribe("a/x", fn);
    const second = pair.other.subscribe("a/x", fn);
    pair.other.subscribe("a/x", (seq) => heard.push(`third ${seq}`));
    await pause(QUIET_MS);
    first();
    first();
    pair.one.publish("a/x", 1);
    await eventually("the two that are left hear it", () => heard.includes("same 1") && heard.includes("third 1"));
    second();
    pair.one.publish("a/x", 2);
    await eventually("the one that is left hears it", () => heard.includes("third 2"));
    assert.equal(heard.includes("same 2"), false);
  }],
  ["a subject that lost its last listener can be listened to again", async (pair) => {
    await connected(pair);
    const heard: number[] = [];
    pair.other.subscribe("a/again", () => assert.fail("nobody listens"))();
    await pause(QUIET_MS);
    pair.one.publish("a/again", 1);
    await pause(QUIET_MS);
    pair.other.subscribe("a/again", (seq) => heard.push(seq));
    await pause(QUIET_MS);
    pair.one.publish("a/again", 2);
    await eventually("it is heard", () => heard.includes(2));
  }],
  ["names with every octet that a key can have stay apart", async (pair) => {
    await connected(pair);
    const heard: string[] = [];
    const subjects = ["a/A-b_c.d", "a/A-b_c=2Ed", "a/x!=@+", "a/x/y", "a/x.y"];
    for (const subject of subjects) pair.other.subscribe(subject, () => heard.push(subject));
    await pause(QUIET_MS);
    for (const [seq, subject] of subjects.entries()) pair.one.publish(subject, seq);
    await eventually("all come", () => new Set(heard).size === subjects.length);
  }],
  ["after it is closed nothing is heard, and nothing throws", async (pair) => {
    await connected(pair);
    const heard: number[] = [];
    const end = pair.other.subscribe("a/x", (seq) => heard.push(seq));
    await pause(QUIET_MS);
    await pair.other.close();
    await pair.other.close();
    pair.one.publish("a/x", 1);
    pair.other.publish("a/x", 2);
    pair.other.subscribe("a/y", () => assert.fail("it is closed"))();
    end();
    await pause(QUIET_MS);
    assert.deepEqual(heard, []);
  }],
];
