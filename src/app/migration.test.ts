import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { NodeClock } from "../adapter/node-clock.ts";
import { openSqliteStore } from "../adapter/sqlite-store.ts";
import { appendMessages } from "../account/append.ts";
import { newBodyCache } from "../account/account.ts";
import { Accounts } from "../account/accounts.ts";
import { letter, must } from "../account/account.contract.ts";
import { expungeMessages } from "../account/expunge.ts";
import { INBOX_ID } from "../account/state.ts";
import { Keyring } from "../journal/keyring.ts";
import type { Clock } from "../port/clock.ts";
import { FENCE_KEY, FencedStore, readFence } from "../port/fenced-store.ts";
import { FakeLog } from "../port/log.fake.ts";
import { MemoryStore } from "../port/object-store.fake.ts";
import type { ObjectStore } from "../port/object-store.ts";
import { FakeRandom } from "../port/random.fake.ts";
import { migrate, type MigrationAnswer } from "./migration.ts";

/** Real time, ten times as fast: the fence and those whom it keeps out go by the same clock. */
class QuickClock implements Clock {
  readonly #clock = new NodeClock();
  now(): number { return this.#clock.now(); }
  monotonic(): number { return this.#clock.monotonic() * 10; }
  timer(ms: number, fn: () => void): () => void { return this.#clock.timer(ms / 10, fn); }
  sleep(ms: number): Promise<void> { return this.#clock.sleep(ms / 10); }
}
const end = (store: ObjectStore, name: string) => ({ store, name });
async function put(store: ObjectStore, objects: Readonly<Record<string, string>>): Promise<void> {
  for (const [key, value] of Object.entries(objects)) assert.equal((await store.put(key, Buffer.from(value), {})).kind, "done");
}
const without = (store: MemoryStore, ...keys: string[]): string[][] => store.keys().filter((key) => !keys.includes(key)).map((key) => [key, store.peek(key)!.toString()]);
function moved(answer: MigrationAnswer): Extract<MigrationAnswer, { kind: "moved" }> {
  return answer.kind === "moved" ? answer : assert.fail(JSON.stringify(answer));
}

describe("a migration", () => {
  test("copies everything but probes, opens the new place and leaves the old one fenced", async () => {
    const [from, to] = [new MemoryStore(), new MemoryStore()];
    await put(from, { "a/x/j/000000000001": "entry", "a/x/head": "h1", "d/domain/a.test": "{}", "probe/1": "p", "q/config": "c" });
    const { counts } = moved(await migrate(end(from, "from"), end(to, "to"), { clock: new QuickClock() }));
    assert.deepEqual(without(to), without(from, "probe/1", FENCE_KEY));
    assert.equal(counts.objects, 4);
    const [old, next] = [await readFence(from), await readFence(to)];
    assert.deepEqual([old.kind === "fenced" && old.fence, next.kind], [{ because: "moved", other: "to" }, "open"]);
  });

  test("follows what changes and what goes, between passes and behind a copy that broke off", async () => {
    const [from, to] = [new MemoryStore(), new MemoryStore()];
    await put(from, { "a/x/head": "h1", "a/x/j/000000000001": "e1", "a/x/j/000000000002": "e2", "a/y/key": "k" });
    let broken = true;
    const flaky: ObjectStore = {
      get: (key, options) => to.get(key, options), list: (prefix, options) => to.list(prefix, options), delete: (key) => to.delete(key), close: () => to.close(),
      put: async (key, bytes, condition) => (broken && key === "a/y/key" ? { kind: "failure", because: "unavailable", retryable: true, outcome: "none", detail: "away" } : to.put(key, bytes, condition)),
    };
    const first = await migrate(end(from, "from"), end(flaky, "to"), { clock: new QuickClock() });
    assert.deepEqual([first.kind, first.kind === "failed" && first.fenced], ["failed", false]);
    assert.equal((await readFence(from)).kind, "open", "servers go on");
    assert.equal((await readFence(to)).kind, "fenced", "half a copy serves nobody");
    broken = false;
    await put(from, { "a/x/head": "h2", "a/x/j/000000000003": "e3" });
    await from.delete("a/x/j/000000000001");
    await from.delete("a/y/key");
    await to.put("a/x/j/000000000002", Buffer.from("torn"), {});
    moved(await migrate(end(from, "from"), end(flaky, "to"), { clock: new QuickClock() }));
    assert.deepEqual(without(to), without(from, FENCE_KEY));
  });

  test("goes back where it came from", async () => {
    const [from, to] = [new MemoryStore(), new MemoryStore()];
    await put(from, { "a/x/head": "h1", "a/x/j/000000000001": "e1" });
    moved(await migrate(end(from, "from"), end(to, "to"), { clock: new QuickClock() }));
    await put(to, { "a/x/head": "h2", "a/x/j/000000000002": "e2" });
    await to.delete("a/x/j/000000000001");
    moved(await migrate(end(to, "to"), end(from, "from"), { clock: new QuickClock() }));
    assert.deepEqual(without(from), without(to, FENCE_KEY));
  });

  test("is refused where it would destroy or mix", async () => {
    const [from, to, other] = [new MemoryStore(), new MemoryStore(), new MemoryStore()];
    const world = { clock: new QuickClock() };
    await put(from, { "a/x/head": "h1" });
    await put(other, { "a/z/head": "theirs" });
    assert.equal((await migrate(end(from, "from"), end(from, "from"), world)).kind, "refused");
    assert.equal((await migrate(end(from, "from"), end(other, "other"), world)).kind, "refused");
    assert.deepEqual(without(other), [["a/z/head", "theirs"]]);
    moved(await migrate(end(from, "from"), end(to, "to"), world));
    assert.equal((await migrate(end(from, "from"), end(to, "to"), world)).kind, "refused", "it is finished");
    assert.equal((await migrate(end(from, "from"), end(new MemoryStore(), "third"), world)).kind, "refused", "it has moved");
    assert.equal((await migrate(end(other, "other"), end(from, "from"), world)).kind, "refused", "a place with another's fence");
  });

  test("lifts the fence where the last pass can't be finished", async () => {
    const [from, to] = [new MemoryStore(), new MemoryStore()];
    await put(from, { "a/x/head": "h1" });
    const away: ObjectStore = {
      get: (key, options) => to.get(key, options), put: (key, bytes, condition) => to.put(key, bytes, condition), delete: (key) => to.delete(key), close: () => to.close(),
      list: async (prefix, options) => (from.peek(FENCE_KEY) === null ? to.list(prefix, options) : { kind: "failure", because: "timeout", retryable: true, outcome: "none", detail: "away" }),
    };
    const answer = await migrate(end(from, "from"), end(away, "to"), { clock: new QuickClock() });
    assert.deepEqual([answer.kind, answer.kind === "failed" && answer.fenced, (await readFence(from)).kind], ["failed", false, "open"]);
  });
});

/** Letters go in and out all the time. What was answered as done must be in the new place, under the same UIDs. */
async function underLoad(from: ObjectStore, to: ObjectStore, log: FakeLog): Promise<void> {
  const clock = new QuickClock();
  const node = async (store: ObjectStore, seed: number) => {
    const fenced = new FencedStore(store, clock);
    const random = new FakeRandom(seed);
    const accounts = new Accounts({ store: fenced, clock, random, log }, new Keyring(fenced, Buffer.alloc(32, 7), random), { idleBytesMax: 1e8, bodies: newBodyCache(1e6), keepExpungedMs: 1e9 });
    return accounts;
  };
  const ids = ["one", "two", "three"];
  const [first, second] = [await node(from, 1), await node(from, 2)];
  for (const id of ids) must(await first.create(id));
  const known = new Map<string, string>();
  const gone = new Set<string>();
  let refused = 0;
  const work = async (accounts: Accounts, id: string, worker: string): Promise<void> => {
    const { account } = must(await accounts.use(id));
    for (let i = 0; refused < 20; i++) {
      const text = `${worker} ${i}`;
      const done = await appendMessages(account, (state) => state.byName.get("INBOX") ?? null, [letter(text)]);
      if (done.kind === "done") known.set(`${id} ${done.value.uids[0]}`, text);
      else refused += 1;
      if (i % 7 === 6 && done.kind === "done") {
        must(await account.load(INBOX_ID));
        const uid = done.value.uids[0]!;
        const expunged = await expungeMessages(account, INBOX_ID, { uids: [uid], flagged: false });
        if (expunged.kind === "done") gone.add(`${id} ${uid}`);
        else known.delete(`${id} ${uid}`);
      }
      if (i % 50 === 49) await account.snapshot();
      await clock.sleep(20);
    }
  };
  const working = [...ids.map((id) => work(first, id, "a")), ...ids.map((id) => work(second, id, "b"))];
  await clock.sleep(6000);
  const answer = await migrate(end(from, "from"), end(to, "to"), { clock });
  moved(answer);
  await Promise.all(working);
  assert.ok(known.size > 100, `${known.size} letters: the load was no load`);
  const there = await node(to, 3);
  for (const id of ids) {
    const { account } = must(await there.use(id));
    const { columns } = must(await account.load(INBOX_ID));
    const uids = new Set<number>();
    for (let row = 0; row < columns.count; row++) {
      uids.add(columns.uid[row]!);
      const text = known.get(`${id} ${columns.uid[row]!}`);
      const content = must(await account.content(columns.bodyAt(row))).toString();
      if (text !== undefined) assert.ok(content.startsWith(`Subject: ${text}\r\n`), `${id} ${columns.uid[row]}`);
      assert.ok(!gone.has(`${id} ${columns.uid[row]!}`), "what was expunged stays so");
    }
    for (const key of known.keys()) if (key.startsWith(`${id} `) && !gone.has(key)) assert.ok(uids.has(Number(key.split(" ")[1])), `${key} was answered as done and is lost`);
    const next = must(await appendMessages(account, (state) => state.byName.get("INBOX") ?? null, [letter("goes on")])).uids[0]!;
    const most = Math.max(...[...known.keys()].filter((key) => key.startsWith(`${id} `)).map((key) => Number(key.split(" ")[1])));
    assert.ok(next > most, "UIDs go on");
  }
}

describe("under load nothing that was acknowledged is lost", () => {
  test("from memory to memory", { timeout: 60_000 }, async () => {
    await underLoad(new MemoryStore(), new MemoryStore(), new FakeLog());
  });
  test("from one SQLite file to another", { timeout: 60_000 }, async () => {
    const folder = mkdtempSync(join(tmpdir(), "tayori-migration-"));
    const [from, to] = [await openSqliteStore(join(folder, "from.db")), await openSqliteStore(join(folder, "to.db"))];
    try {
      await underLoad(from, to, new FakeLog());
    } finally {
      await from.close();
      await to.close();
      rmSync(folder, { recursive: true });
    }
  });
});
