/** Rules about the tree, checked as an ordinary test: layers, size, names, and what may touch the outside world. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { test } from "node:test";

/** Each folder may import itself, and any folder of a lower rank. Folders of one rank do not know each other. */
const LAYERS: readonly (readonly string[])[] = [
  ["base"],
  ["port"],
  ["address", "dns"],
  ["message"],
  ["smtp", "imap", "sasl"],
  ["dsn"],
  ["journal"],
  ["account", "directory"],
  ["queue"],
  ["delivery"],
  ["smtp-client", "smtp-server", "imap-server", "web"],
  ["adapter"],
  ["app"],
];
const rankOf = (folder: string): number => LAYERS.findIndex((layer) => layer.includes(folder));
const PURE_NODE = /^node:(crypto|zlib|buffer)$/;
const BANNED: readonly (readonly [pattern: RegExp, instead: string])[] = [
  [/\bDate\.now\(|new Date\(\)|\bsetTimeout\(|\bsetInterval\(|\bsetImmediate\(|\bperformance\.now\(/, "port/clock"],
  [/\bMath\.random\(|\brandomUUID\(|\brandomBytes\(/, "port/random"],
  [/\bprocess\.[a-z]/, "port or adapter/"],
];
const FILE_LINES_MAX = 500;

function problemsOf(root: string): string[] {
  const problems: string[] = [];
  for (const path of readdirSync(root, { recursive: true, encoding: "utf8" }).filter((p) => p.endsWith(".ts") && p.includes("/"))) {
    const folder = path.split("/")[0]!;
    const text = readFileSync(join(root, path), "utf8");
    const report = (why: string): number => problems.push(`${path}: ${why}`);
    if (rankOf(folder) < 0) report(`folder ${folder} is in no layer`);
    if (/(^|\/)(utils?|helpers?|common|misc|index|.*-?manager|.*-?handler|.*-?service)\.ts$/.test(path)) report("the name says nothing; name the concept");
    const lines = text.split("\n").length - 1;
    if (lines > FILE_LINES_MAX) report(`${lines} lines, at most ${FILE_LINES_MAX}`);
    const isTest = /\.(test|contract|property\.test)\.ts$/.test(path);
    for (const [, target] of text.matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]+)"/g)) {
      const other = relative(root, join(root, dirname(path), target!)).split("/")[0]!;
      if (other !== folder && rankOf(other) >= rankOf(folder) && !isTest) report(`imports ${other}/, which is not below ${folder}/`);
    }
    if (folder === "adapter" || folder === "app" || isTest) continue;
    for (const [, target] of text.matchAll(/(?:from|import)\s*\(?\s*"((?:node:|[a-z@])[^"]*)"/g)) {
      if (!PURE_NODE.test(target!)) report(`imports ${target}; only adapter/ and app/ touch node: and npm`);
    }
    for (const [pattern, instead] of BANNED) if (pattern.test(text)) report(`${pattern.source}: use ${instead}`);
  }
  return problems;
}

test("the tree keeps its layers, sizes and names", () => {
  assert.deepEqual(problemsOf(import.meta.dirname), []);
});
