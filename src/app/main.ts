/** The one entry: `tayori COMMAND …`. */
import { nodeIo } from "./cli/node-io.ts";
import { run } from "./cli/program.ts";
import { assemble } from "./assemble.ts";

process.exitCode = await run(process.argv.slice(2), nodeIo, assemble);
