import assert from "node:assert/strict";
import { test } from "node:test";
import { shareOf } from "./listeners.ts";

test("a worker takes its part of a limit and what chance may add, never more than the whole", () => {
  for (const [limit, workers, share] of [[200, 1, 200], [200, 2, 130], [2000, 8, 298], [1, 4, 1], [10, 4, 8], [200, 256, 4]] as const) assert.equal(shareOf(limit, workers), share, `${limit} over ${workers}`);
});
