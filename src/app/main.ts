/** The one entry: `tayori COMMAND …`. */
import { nodeIo } from "./cli/node-io.ts";
import { run } from "./cli/program.ts";

process.exitCode = await run(process.argv.slice(2), nodeIo, async (open, queue, metrics) => (await import("./assemble.ts")).assemble(open, queue, metrics));
// Everything was closed in order. A peer that does not answer, or a name server, does not keep the process.
setTimeout(() => process.exit(), 500).unref();
