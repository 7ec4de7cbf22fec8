import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeClock } from "../../port/clock.fake.ts";
import { Pace, parseRate } from "./pace.ts";

test("a rate is megabytes, or a size, a second", () => {
  for (const [text, bytes] of [["20", 20_000_000], ["0.5", 500_000], ["1MiB", 1_048_576], ["3MB/s", 3_000_000], [undefined, Infinity], ["fast", null], ["0", null], ["-1", null]] as const) assert.equal(parseRate(text), bytes, text);
});

test("no more octets pass than the rate allows, and a rest gives no burst", async () => {
  const clock = new FakeClock();
  const pace = new Pace(clock, 1000);
  let passed = 0;
  const run = (async () => {
    for (let i = 0; i < 40; i++) {
      await pace.spend(500);
      passed += 500;
    }
  })();
  await clock.advance(10_000);
  assert.ok(passed >= 9_000 && passed <= 10_500, `${passed} octets in 10 s`);
  await clock.advance(20_000);
  await run;
  await clock.advance(3_600_000);
  const after = clock.monotonic();
  const more = (async () => { for (let i = 0; i < 10; i++) await pace.spend(500); })();
  await clock.advance(20_000);
  await more;
  assert.ok(clock.monotonic() - after >= 4_000, "at most a second's worth is caught up with");
});
