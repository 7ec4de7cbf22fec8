/** Writes docs/settings.md and docs/tayori.sample.toml anew. Run it after changing the declaration: `npx node src/app/write-settings-reference.ts`. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { writeReference, writeSample } from "./settings-reference.ts";

const docs = join(import.meta.dirname, "../../docs");
writeFileSync(join(docs, "settings.md"), writeReference());
writeFileSync(join(docs, "tayori.sample.toml"), writeSample());
