import assert from "node:assert/strict";
import { test } from "node:test";
import { shareOf } from "./listeners.ts";

test("a worker takes its part of a limit and a quarter more, never more than the whole", () => {
  for (const [limit, workers, share] of [[200, 1, 200], [200, 2, 125], [2000, 8, 313], [1, 4, 1], [2, 2, 2], [3, 256, 1]] as const) assert.equal(shareOf(limit, workers), share, `${limit} over ${workers}`);
});
