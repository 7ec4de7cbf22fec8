/**
 * Fixed seeds, then others for as long as there is time: they begin at the commit's hash, so that each commit tries new ones.
 * TAYORI_SIM_SECONDS is that time (default 75), TAYORI_SIM_FROM the first of them.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { loadSimulation } from "./modules.ts";

const FIXED_SEEDS = 30;
const STEPS = 150;
const seconds = Number(process.env["TAYORI_SIM_SECONDS"] ?? 75);
const { runSeed } = await loadSimulation();

async function holdsFor(seed: number, steps: number): Promise<void> {
  const { violation } = await runSeed({ seed, steps });
  assert.equal(violation, null, `again: node sim/run.ts --seed ${seed} --steps ${steps}`);
}
function firstSeed(): number {
  const given = process.env["TAYORI_SIM_FROM"];
  if (given !== undefined) return Number(given);
  try {
    return Number.parseInt(execFileSync("git", ["rev-parse", "HEAD"], { cwd: import.meta.dirname, encoding: "latin1" }).slice(0, 7), 16);
  } catch {
    // An export without its history tries the same ones every time.
    return 1_000;
  }
}

test("one seed makes one run, to the octet", async () => {
  for (const seed of [2, 7]) {
    const [one, two] = [await runSeed({ seed, steps: STEPS }), await runSeed({ seed, steps: STEPS })];
    assert.equal(one.digest, two.digest, `seed ${seed}`);
    assert.notEqual((await runSeed({ seed: seed + 1, steps: STEPS })).digest, one.digest);
  }
});

test("what was promised holds for the fixed seeds", async () => {
  const totals = { acknowledged: 0, posted: 0, hours: 0 };
  for (let seed = 1; seed <= FIXED_SEEDS; seed++) {
    const { violation, counts } = await runSeed({ seed, steps: STEPS });
    assert.equal(violation, null, `again: node sim/run.ts --seed ${seed} --steps ${STEPS}`);
    for (const key of ["acknowledged", "posted", "hours"] as const) totals[key] += counts[key];
  }
  // A simulation in which nothing succeeds would hold, too.
  assert.ok(totals.acknowledged > 10 * FIXED_SEEDS && totals.posted > FIXED_SEEDS && totals.hours > FIXED_SEEDS, JSON.stringify(totals));
});

test("what was promised holds for seeds nobody has tried", async (t) => {
  const until = performance.now() + seconds * 1000;
  const from = firstSeed();
  let seed = from;
  for (; performance.now() < until; seed++) await holdsFor(seed, 250);
  t.diagnostic(`${seed - from} seeds from ${from}`);
});
