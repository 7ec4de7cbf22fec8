import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { MemoryStore } from "../port/object-store.fake.ts";
import { FakeRandom } from "../port/random.fake.ts";
import { openMasterKey, type MasterKeyAnswer } from "./master-key.ts";

const folder = mkdtempSync(join(tmpdir(), "tayori-master-"));
after(() => rmSync(folder, { recursive: true }));
let count = 0;
const newPath = (): string => join(folder, `key-${count++}`);
const detail = (answer: MasterKeyAnswer): string => (answer.kind === "failed" ? answer.detail : "a key");

describe("the master key", () => {
  test("is made once, for its owner only, and is the same afterwards", async () => {
    const [store, path] = [new MemoryStore(), newPath()];
    const first = await openMasterKey(path, store, new FakeRandom(1));
    assert.ok(first.kind === "key");
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.deepEqual(await openMasterKey(path, store, new FakeRandom(2)), first);
  });
  test("never lies in the store", async () => {
    const [store, path] = [new MemoryStore(), newPath()];
    await openMasterKey(path, store, new FakeRandom(1));
    const key = readFileSync(path, "latin1").trim();
    for (const name of store.keys()) assert.ok(!store.peek(name)!.toString("hex").includes(key) && !store.peek(name)!.toString("latin1").includes(key));
  });
  test("of another host that has none yet is not made: it is to be brought", async () => {
    const [store, path] = [new MemoryStore(), newPath()];
    await openMasterKey(newPath(), store, new FakeRandom(1));
    assert.match(detail(await openMasterKey(path, store, new FakeRandom(2))), /is missing, and the store has one/);
    assert.equal(existsSync(path), false);
  });
  test("that is another than the store's is refused, and left where it is", async () => {
    const [store, path] = [new MemoryStore(), newPath()];
    await openMasterKey(newPath(), store, new FakeRandom(1));
    writeFileSync(path, `${"ab".repeat(32)}\n`);
    assert.match(detail(await openMasterKey(path, store, new FakeRandom(2))), /is another than the store's/);
    assert.equal(existsSync(path), true);
  });
  test("of two hosts that begin at once, one makes the key and the other is told, without a key of its own", async () => {
    const store = new MemoryStore();
    const paths = [newPath(), newPath()];
    const answers = await Promise.all(paths.map((path, i) => openMasterKey(path, store, new FakeRandom(i + 1))));
    assert.deepEqual(answers.map(({ kind }) => kind).sort(), ["failed", "key"]);
    assert.deepEqual(paths.map((path) => existsSync(path)), answers.map(({ kind }) => kind === "key"));
  });
  test("of two processes on one host that begin at once, both have the same", async () => {
    const [store, path] = [new MemoryStore(), newPath()];
    const [one, two] = await Promise.all([openMasterKey(path, store, new FakeRandom(1)), openMasterKey(path, store, new FakeRandom(2))]);
    assert.ok(one?.kind === "key");
    assert.deepEqual(two, one);
  });
  test("is not made for a store with mail that does not answer, or that only another key opens", async () => {
    const path = newPath();
    const failing = new MemoryStore({ fail: () => ({ failure: "before" }) });
    assert.match(detail(await openMasterKey(path, failing, new FakeRandom(1))), /cannot be read/);
    const old = new MemoryStore();
    await old.put("a/x/key", Buffer.from("sealed"), {});
    assert.match(detail(await openMasterKey(path, old, new FakeRandom(1))), /holds mail that only it opens/);
    assert.equal(existsSync(path), false);
  });
  test("an answer of the store that was lost is asked for again", async () => {
    const path = newPath();
    let lost = false;
    const store = new MemoryStore({ fail: (operation) => (operation === "put" && !lost ? (lost = true, { failure: "after" }) : null) });
    assert.equal((await openMasterKey(path, store, new FakeRandom(1))).kind, "key");
    assert.equal(lost, true);
  });
});
