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
  ["spf", "dkim", "iprev", "authres", "dnsbl"],
  ["dmarc", "arc"],
  ["dsn"],
  ["journal"],
  ["account", "directory"],
  ["queue"],
  ["filter"],
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
const FUNCTION_LINES_MAX = 70;

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
    // A test is a table and may be long.
    if (!isTest) for (const { line, length } of longFunctions(text)) report(`line ${line}: a function of ${length} lines, at most ${FUNCTION_LINES_MAX}`);
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

/**
 * Functions of more than FUNCTION_LINES_MAX lines from their opening to their closing brace. TypeScript 7 offers no parser to
 * programs, so braces are matched after what is no code has been blanked, and what stands before a brace says what it opens.
 */
function longFunctions(text: string): { line: number; length: number }[] {
  const found: { line: number; length: number }[] = [];
  const open: { line: number; isFunction: boolean; at: number }[] = [];
  let code = "";
  let line = 1;
  for (const char of blankStringsAndComments(text)) {
    code += char;
    if (char === "\n") line += 1;
    if (char === "{") open.push({ line, isFunction: opensFunction(code.slice(0, -1)), at: code.length - 1 });
    const closed = char === "}" ? open.pop() : undefined;
    if (closed === undefined) continue;
    const length = line - closed.line + 1;
    if (closed.isFunction && length > FUNCTION_LINES_MAX) found.push({ line: closed.line, length });
    // A type in braces on one line may stand in a signature: without its braces it does not hide what is before it.
    if (length === 1) code = code.slice(0, closed.at) + "_".repeat(code.length - closed.at);
  }
  return found;
}
function opensFunction(before: string): boolean {
  const near = before.slice(-2000).trimEnd();
  if (near.endsWith("=>")) return true;
  // `name(…)` or `name(…): Type`, unless the word in front of the parenthesis is a statement's.
  const signature = /\)(\s*:[^;={}]*)?$/.exec(near);
  if (signature === null) return false;
  let depth = 0;
  for (let at = signature.index; at >= 0; at--) {
    if (near[at] === ")") depth += 1;
    if (near[at] === "(" && --depth === 0) return !/(^|[^.\w#])(if|for|while|switch|catch)\s*$|\bawait\s*$/.test(near.slice(0, at));
  }
  return false;
}
/** Same length and lines; quotes, comments and regular expressions become spaces. What a template inserts stays, without its braces. */
function blankStringsAndComments(text: string): string {
  const blank = (part: string): string => part.replaceAll(/[^\n]/g, " ");
  return text.replaceAll(
    /\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\[\s\S]|\$\{(?:[^{}`]|`(?:\\.|[^`\\])*`|\{[^{}]*\})*\}|[^`\\])*`|(?<=[(,=:[!&|?{};\n]\s*|return\s)\/(?![*/\s])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n])+\/[a-z]*/g,
    blank,
  );
}

test("a function is measured from brace to brace, whatever stands in its strings, comments and signature", () => {
  const body = (lines: number): string => `${"  x('}');\n".repeat(lines)}}\n`;
  for (const start of ["function f(): { a: number } | null {", "  async #m<T>(a: T, b = {}): Promise<void> {", "const f = (a: string) => {", "  if (a) {\n}\n  get x() {", "const p = /[{\"]/; // {\nfunction g(): void {"]) {
    assert.equal(longFunctions(`${start}\n${body(FUNCTION_LINES_MAX - 2)}`).length, 0, start);
    assert.equal(longFunctions(`${start}\n${body(FUNCTION_LINES_MAX - 1)}`).length, 1, start);
  }
  for (const start of ["interface A {", "class A {", "for (const a of b) {", "const a = {", "export type A = {"]) assert.equal(longFunctions(`${start}\n${body(200)}`).length, 0, start);
});

test("the tree keeps its layers, sizes and names", () => {
  assert.deepEqual(problemsOf(import.meta.dirname), []);
});
