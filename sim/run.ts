/**
 * Runs seeds: `node sim/run.ts --seeds 200 --steps 400 [--from 1] [--seed N] [--trace]`.
 *
 * With --seed one seed is run twice, and both must leave the same trace. A seed that fails is run with fewer steps as long as it still fails.
 */
import { parseArgs } from "node:util";
import { loadSimulation } from "./modules.ts";

const { values } = parseArgs({ options: { seeds: { type: "string", default: "100" }, steps: { type: "string", default: "300" }, from: { type: "string", default: "1" }, seed: { type: "string" }, trace: { type: "boolean", default: false } } });
const [steps, count, from] = [Number(values.steps), Number(values.seeds), Number(values.from)];
const { runSeed } = await loadSimulation();

/** The fewest steps that still fail, as far as halving finds them. */
async function shrunk(seed: number, most: number): Promise<number> {
  let [works, fails] = [0, most];
  while (fails - works > 1) {
    const middle = (works + fails) >> 1;
    if ((await runSeed({ seed, steps: middle })).violation === null) works = middle;
    else fails = middle;
  }
  return fails;
}

if (values.seed !== undefined) {
  const seed = Number(values.seed);
  const [once, again] = [await runSeed({ seed, steps, keepTrace: true }), await runSeed({ seed, steps })];
  if (values.trace) console.log(once.trace!.join("\n"));
  console.log(JSON.stringify({ ...once, trace: undefined, same: once.digest === again.digest }, null, 1));
  process.exitCode = once.violation === null && once.digest === again.digest ? 0 : 1;
} else {
  const startedAt = performance.now();
  let failures = 0;
  const totals = { entries: 0, ghosts: 0, acknowledged: 0, posted: 0, hours: 0 };
  for (let seed = from; seed < from + count; seed++) {
    const result = await runSeed({ seed, steps });
    for (const key of ["entries", "ghosts", "acknowledged", "posted", "hours"] as const) totals[key] += result.counts[key];
    if (result.violation === null) continue;
    failures += 1;
    const fewest = await shrunk(seed, Math.min(steps, result.steps + 1));
    console.log(`seed ${seed} fails: ${result.violation}\n  again: node sim/run.ts --seed ${seed} --steps ${fewest}`);
  }
  const seconds = (performance.now() - startedAt) / 1000;
  console.log(`${count} seeds of ${steps} steps, ${failures} failed, ${(count / seconds).toFixed(1)} seeds/s; ${JSON.stringify(totals)}`);
  process.exitCode = failures === 0 ? 0 : 1;
}
