/** The one entry: `tayori COMMAND …`. */
import { nodeIo } from "./cli/node-io.ts";
import { run } from "./cli/program.ts";

// Timers of ours keep no process alive, and at the end a server may wait for nothing else.
const alive = setInterval(() => {}, 60_000);
process.exitCode = await run(process.argv.slice(2), nodeIo, async (open, queue, metrics) => (await import("./assemble.ts")).assemble(open, queue, metrics));
clearInterval(alive);
// Everything was closed in order. A peer that does not answer, or a name server, does not keep the process.
setTimeout(() => process.exit(), 500).unref();
