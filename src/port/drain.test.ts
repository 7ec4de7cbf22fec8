import assert from "node:assert/strict";
import { test } from "node:test";
import { DrainSwitch, neverDrains } from "./drain.ts";

test("draining begins once, and tells those who still listen", () => {
  const drain = new DrainSwitch();
  const told: string[] = [];
  const fn = (): void => void told.push("same");
  drain.onDrain(fn)();
  drain.onDrain(fn);
  const stop = drain.onDrain(() => told.push("gone"));
  drain.onDrain(() => { stop(); told.push(`draining ${drain.draining}`); drain.onDrain(() => assert.fail("too late")); });
  stop();
  assert.equal(drain.draining, false);
  drain.begin();
  drain.begin();
  assert.deepEqual([drain.draining, told], [true, ["same", "draining true"]]);
  neverDrains.onDrain(() => assert.fail())();
});
