import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { FakeRandom } from "../port/random.fake.ts";
import type { Notify, QueuedMessage } from "./queued-message.ts";
import { deferred, delivered, failed, queuedMessage } from "./sample.fake.ts";
import { DEFAULT_SCHEDULE, resultOf, retryDelayMs } from "./schedule.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const base = queuedMessage("m1", ["b@example.test"]);
const world = (now: number) => ({ now, settings: DEFAULT_SCHEDULE, random: new FakeRandom(7) });

function withNotify(notify: Notify, change: Partial<QueuedMessage> = {}): QueuedMessage {
  return { ...base, ...change, recipients: [{ ...base.recipients[0]!, notify }] };
}

test("delays grow from one minute to four hours, and a fifth at most is added", () => {
  for (const [attempts, minutes] of [[1, 1], [2, 5], [3, 15], [4, 30], [5, 60], [6, 120], [7, 240], [50, 240]] as const) {
    for (let seed = 1; seed < 30; seed++) {
      const delay = retryDelayMs(attempts, new FakeRandom(seed));
      assert.ok(delay >= minutes * MINUTE && delay <= minutes * MINUTE * 1.2, `${attempts}: ${delay}`);
    }
  }
});

describe("RFC 3461 section 5.2: which reports are owed", () => {
  const late = base.arrivedAt + 4 * HOUR;
  const cases: readonly (readonly [what: string, notify: Notify, outcome: typeof delivered, report: string | null])[] = [
    ["a failure without NOTIFY", null, failed, "failed"],
    ["a failure with NOTIFY=FAILURE", ["failure"], failed, "failed"],
    ["a failure with NOTIFY=SUCCESS only", ["success"], failed, null],
    ["a failure with NOTIFY=NEVER", "never", failed, null],
    ["a delay without NOTIFY", null, deferred, "delayed"],
    ["a delay with NOTIFY=DELAY", ["delay"], deferred, "delayed"],
    ["a delay with NOTIFY=FAILURE only", ["failure"], deferred, null],
    ["a success without NOTIFY", null, delivered, null],
    ["a success with NOTIFY=SUCCESS, at a server without DSN", ["success"], delivered, "relayed"],
    ["a success with NOTIFY=SUCCESS, passed on", ["success"], { ...delivered, dsnPassedOn: true } as typeof delivered, null],
  ];
  for (const [what, notify, outcome, report] of cases) {
    test(what, () => assert.equal(resultOf(withNotify(notify), 0, outcome, world(late)).report, report));
    test(`${what}, about a message with a null reverse-path`, () => {
      const message = withNotify(notify, { envelope: { ...base.envelope, reversePath: { kind: "null" } } });
      assert.equal(resultOf(message, 0, outcome, world(late)).report, null);
    });
  }
});

test("an attempt is made when the delay is due to be reported, and at the end of the lifetime", () => {
  const second = { ...base, recipients: [{ ...base.recipients[0]!, attempts: 6 }] };
  assert.equal(resultOf(second, 0, deferred, world(base.arrivedAt + 3 * HOUR)).nextAttemptAt, base.arrivedAt + 4 * HOUR);
  assert.equal(resultOf(second, 0, deferred, world(base.expiresAt - HOUR)).nextAttemptAt, base.expiresAt);
});

test("a delay is reported once", () => {
  const told = { ...base, recipients: [{ ...base.recipients[0]!, delayNotified: true }] };
  assert.equal(resultOf(told, 0, deferred, world(base.arrivedAt + 10 * HOUR)).report, null);
});

test("what is deferred at the end of the lifetime has failed, with 5.4.7 and the peer's last words", () => {
  const result = resultOf(base, 0, deferred, world(base.expiresAt));
  assert.deepEqual([result.status, result.reply.status, result.reply.text, result.report], ["failed", "5.4.7", "later", "failed"]);
});
