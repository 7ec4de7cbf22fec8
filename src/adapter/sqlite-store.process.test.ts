/** Several processes on one file, and processes that are killed. */
import assert from "node:assert/strict";
import { fork, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { openSqliteStore, type SqliteStore } from "./sqlite-store.ts";

interface Child {
  readonly process: ChildProcess;
  /** The complete lines it has said. */
  readonly lines: () => string[];
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
}

function start(file: string, what: "race" | "count" | "write", name: string): Child {
  const process = fork(new URL("./sqlite-store.child.ts", import.meta.url), [file, what, name], {
    execArgv: ["--disable-warning=ExperimentalWarning"], stdio: ["ignore", "pipe", "inherit", "ipc"],
  });
  let said = "";
  process.stdout?.on("data", (bytes: Buffer) => { said += bytes.toString(); });
  const ended = new Promise<Awaited<Child["ended"]>>((resolve) => process.on("close", (code, signal) => resolve({ code, signal })));
  return { process, ended, lines: () => said.split("\n").slice(0, -1) };
}

/** Resolves when the child has said `count` lines; throws when it ended before. */
async function heard(child: Child, count: number): Promise<void> {
  let over = false;
  void child.ended.then(() => { over = true; });
  while (child.lines().length < count) {
    assert.ok(!over, "the child ended early");
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

function place(): { file: string; remove: () => void } {
  const directory = mkdtempSync(join(tmpdir(), "sqlite-store-"));
  return { file: join(directory, "made", "for", "it", "store.db"), remove: () => rmSync(directory, { recursive: true }) };
}

test("two processes that race for 300 keys win each key once, on a file that both make", async () => {
  const { file, remove } = place();
  const children = [start(file, "race", "a"), start(file, "race", "b")] as const;
  await Promise.all(children.map((child) => heard(child, 1)));
  for (const child of children) child.process.send("go");
  assert.deepEqual(await Promise.all(children.map((child) => child.ended)), [{ code: 0, signal: null }, { code: 0, signal: null }]);
  const lines = children.map((child) => child.lines().slice(1));
  const won = lines.map((said) => said.filter((line) => line.startsWith("race/")));
  assert.equal(new Set(won.flat()).size, 300);
  assert.deepEqual(lines.map((said) => said.length), [300, 300]);
  assert.equal(won.flat().length, 300);
  assert.ok(lines.flat().every((line) => line === "conflict" || line.startsWith("race/")));
  const store = await openSqliteStore(file);
  for (const [i, name] of ["a", "b"].entries()) {
    for (const key of won[i] ?? []) {
      const answer = await store.get(key);
      assert.ok(answer.kind === "found" && answer.bytes.toString() === name, `${key} is of ${name}`);
    }
  }
  await store.close();
  remove();
});

test("no addition to a number is lost between two processes and this one", async () => {
  const { file, remove } = place();
  const store = await openSqliteStore(file);
  await store.put("number", Buffer.from("0"), {});
  const children = [start(file, "count", "a"), start(file, "count", "b")] as const;
  await Promise.all(children.map((child) => heard(child, 1)));
  for (const child of children) child.process.send("go");
  for (const { code } of await Promise.all(children.map((child) => child.ended))) assert.equal(code, 0);
  const answer = await store.get("number");
  assert.ok(answer.kind === "found");
  assert.equal(answer.bytes.toString(), "200");
  await store.close();
  remove();
});

/** Kills the child when it has said `count` lines. The keys that were confirmed to it. */
async function killed(child: Child, count: number): Promise<string[]> {
  await heard(child, count);
  child.process.kill("SIGKILL");
  assert.equal((await child.ended).signal, "SIGKILL");
  return child.lines().slice(1);
}
async function allThere(store: SqliteStore, keys: readonly string[]): Promise<void> {
  for (const key of keys) {
    const answer = await store.get(key);
    assert.ok(answer.kind === "found" && answer.bytes.equals(Buffer.alloc(2000, key)), key);
  }
}

test("killing writers one after the other loses no confirmed write, and this process goes on", async () => {
  const { file, remove } = place();
  const store = await openSqliteStore(file);
  const children = Array.from({ length: 4 }, (_, i) => start(file, "write", String(i)));
  for (const [i, child] of children.entries()) {
    const keys = await killed(child, 2 + 120 * i);
    await allThere(store, keys);
    assert.equal((await store.put(`after/${i}`, Buffer.from("x"), { ifAbsent: true })).kind, "done");
  }
  const confirmed = children.flatMap((child) => child.lines().slice(1));
  assert.ok(confirmed.length >= 700, `${confirmed.length} confirmed`);
  await store.close();
  const again = await openSqliteStore(file);
  await allThere(again, confirmed);
  await again.close();
  remove();
});

test("a process killed alone leaves a file that opens and has what was confirmed", async () => {
  await Promise.all([30, 500].map(async (count) => {
    const { file, remove } = place();
    const keys = await killed(start(file, "write", "0"), 1 + count);
    const store = await openSqliteStore(file);
    await allThere(store, keys);
    await store.close();
    remove();
  }));
});
