/** docs/operating.md tells operators which metrics there are and which events to look for; what it says is held against the code. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

const SECTIONS = ["## Metrics", "## The log"] as const;
const page = readFileSync(join(import.meta.dirname, "../docs/operating.md"), "utf8");
const code = readdirSync(import.meta.dirname, { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".ts") && path.includes("/") && !/\.(test|contract|fake)\.ts$/.test(path))
  .map((path) => readFileSync(join(import.meta.dirname, path), "utf8"))
  .join("\n");

/** What stands in backquotes in the first column of a section's table. */
function namesIn(heading: (typeof SECTIONS)[number]): string[] {
  const section = page.split(/^(?=## )/m).find((part) => part.startsWith(`${heading}\n`));
  assert.ok(section !== undefined, heading);
  return section.split("\n").filter((line) => line.startsWith("| `")).flatMap((line) => [...line.split("|")[1]!.matchAll(/`([^`]+)`/g)].map(([, name]) => name!));
}

test("every metric of the code is in the table of metrics, and no other", () => {
  const named = new Set([...code.matchAll(/"(tayori_[a-z_]+)"/g)].map(([, name]) => name!));
  assert.ok(named.size > 0);
  assert.deepEqual([...namesIn("## Metrics")].sort(), [...named].sort());
});

test("every event in the table of the log is written somewhere", () => {
  const events = namesIn("## The log");
  assert.ok(events.length > 0);
  assert.deepEqual(events.filter((event) => !code.includes(`"${event}"`)), []);
});
