/** The invariants are worth something only if they break: every planted bug is found, within a known number of seeds. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { loadSimulation } from "./modules.ts";
import { PLANTED_BUGS } from "./planted-bugs.ts";

const STEPS = 150;

for (const bug of PLANTED_BUGS) {
  test(`found: ${bug.name}`, async (t) => {
    const { runSeed } = await loadSimulation(bug.changes);
    for (let seed = 1; seed <= bug.seedsMax; seed++) {
      const { violation, steps } = await runSeed({ seed, steps: STEPS, profile: bug.profile });
      if (violation === null) continue;
      t.diagnostic(`by seed ${seed} after ${steps} steps: ${violation.split("\n")[0]}`);
      return;
    }
    assert.fail(`not found within ${bug.seedsMax} seeds`);
  });
}
