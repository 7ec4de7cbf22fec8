/** What every object store keeps to. Each adapter's test calls `objectStoreContract` with a way to make an empty store. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { AssertionFailed } from "../base/assert.ts";
import { KEY_BYTES_MAX, LIST_LIMIT_MAX, type ObjectStore, type PutAnswer } from "./object-store.ts";

export type MakeStore = () => Promise<{ readonly store: ObjectStore; readonly dispose: () => Promise<void> }>;

/** One promise of the port. */
type Promised = readonly [name: string, run: (store: ObjectStore) => Promise<void>];

export function objectStoreContract(name: string, make: MakeStore): void {
  describe(`${name} is an object store`, () => {
    for (const [promise, run] of [...conditions, ...reading, ...listing, ...values, ...refusals]) {
      test(promise, async () => {
        const { store, dispose } = await make();
        try {
          await run(store);
        } finally {
          await dispose();
        }
      });
    }
  });
}

const octets = (text: string): Buffer => Buffer.from(text, "latin1");

/** Puts and wants success. The etag. */
async function keep(store: ObjectStore, key: string, bytes: Uint8Array | string = key): Promise<string> {
  const answer = await store.put(key, typeof bytes === "string" ? octets(bytes) : bytes, {});
  assert.ok(answer.kind === "done", `put ${key}: ${answer.kind}`);
  assert.ok(answer.etag.length > 0);
  return answer.etag;
}
async function read(store: ObjectStore, key: string): Promise<{ bytes: Buffer; etag: string }> {
  const answer = await store.get(key);
  assert.ok(answer.kind === "found", `get ${key}: ${answer.kind}`);
  return answer;
}
async function text(store: ObjectStore, key: string): Promise<string> {
  return (await read(store, key)).bytes.toString("latin1");
}
async function keysOf(store: ObjectStore, prefix: string, after?: string, limit = LIST_LIMIT_MAX): Promise<readonly string[]> {
  const answer = await store.list(prefix, after === undefined ? { limit } : { after, limit });
  assert.ok(answer.kind === "keys", `list ${prefix}: ${answer.kind}`);
  return answer.keys;
}
async function allKeysOf(store: ObjectStore, prefix: string, limit: number, between: () => Promise<void> = async () => {}): Promise<string[]> {
  const all: string[] = [];
  for (;;) {
    const page = await keysOf(store, prefix, all.at(-1), limit);
    assert.ok(page.length <= limit);
    all.push(...page);
    if (page.length === 0) return all;
    await between();
  }
}

/** Of `count` writers that race for `key`, one wins; a store that answers unknown outcomes has them read back. */
async function race(store: ObjectStore, key: string, count: number, put: (bytes: Buffer) => Promise<PutAnswer>): Promise<void> {
  const answers = await Promise.all(Array.from({ length: count }, (_, i) => put(octets(`${key} by ${i}`))));
  const winners = answers.flatMap((answer, i) => (answer.kind === "done" ? [i] : []));
  const unknown = answers.flatMap((answer, i) => (answer.kind === "failure" && answer.outcome === "unknown" ? [i] : []));
  const there = Number((await text(store, key)).split(" by ")[1]);
  if (unknown.length === 0) assert.equal(winners.length, 1);
  assert.ok(winners.length <= 1);
  assert.ok(winners.length === 1 ? winners[0] === there : unknown.includes(there), `the value is of writer ${there}`);
}

const conditions: readonly Promised[] = [
  ["of writers that race for an absent key, one wins", async (store) => {
    for (let i = 0; i < 50; i++) await race(store, `race/${i}`, 20, (bytes) => store.put(`race/${i}`, bytes, { ifAbsent: true }));
  }],
  ["races for many keys at once have one winner each", async (store) => {
    await Promise.all(Array.from({ length: 50 }, (_, i) => race(store, `many/${i}`, 4, (bytes) => store.put(`many/${i}`, bytes, { ifAbsent: true }))));
  }],
  ["of writers that swap from the same etag, one wins", async (store) => {
    for (let i = 0; i < 10; i++) {
      const etag = await keep(store, `swap/${i}`);
      await race(store, `swap/${i}`, 20, (bytes) => store.put(`swap/${i}`, bytes, { ifMatch: etag }));
    }
  }],
  ["ifAbsent conflicts with what is there and leaves it", async (store) => {
    const etag = await keep(store, "k", "first");
    assert.deepEqual(await store.put("k", octets("second"), { ifAbsent: true }), { kind: "conflict" });
    assert.deepEqual(await read(store, "k"), { ...await read(store, "k"), bytes: octets("first"), etag });
  }],
  ["ifAbsent succeeds again after a delete", async (store) => {
    await keep(store, "k", "first");
    await store.delete("k");
    assert.equal((await store.put("k", octets("second"), { ifAbsent: true })).kind, "done");
    assert.equal(await text(store, "k"), "second");
  }],
  ["ifMatch replaces, and its answer is the next etag", async (store) => {
    let etag = await keep(store, "k", "0");
    for (let i = 1; i <= 5; i++) {
      const answer = await store.put("k", octets(String(i)), { ifMatch: etag });
      assert.ok(answer.kind === "done");
      assert.notEqual(answer.etag, etag);
      etag = answer.etag;
      assert.equal((await read(store, "k")).etag, etag);
    }
    assert.equal(await text(store, "k"), "5");
  }],
  ["an etag of an older value conflicts", async (store) => {
    const stale = await keep(store, "k", "first");
    await keep(store, "k", "second");
    assert.deepEqual(await store.put("k", octets("third"), { ifMatch: stale }), { kind: "conflict" });
    assert.equal(await text(store, "k"), "second");
  }],
  ["ifMatch on what is absent conflicts and makes nothing", async (store) => {
    const etag = await keep(store, "other");
    assert.deepEqual(await store.put("k", octets("x"), { ifMatch: etag }), { kind: "conflict" });
    assert.deepEqual(await store.get("k"), { kind: "absent" });
    await store.delete("other");
    assert.deepEqual(await store.put("other", octets("x"), { ifMatch: etag }), { kind: "conflict" });
  }],
  ["the etag of another key's other value conflicts", async (store) => {
    const etag = await keep(store, "a", "in a");
    await keep(store, "b", "in b");
    assert.deepEqual(await store.put("b", octets("x"), { ifMatch: etag }), { kind: "conflict" });
  }],
  ["writes that were not waited for happen in order", async (store) => {
    const answers = await Promise.all([
      store.put("k", octets("1"), { ifAbsent: true }), store.put("k", octets("2"), { ifAbsent: true }), store.delete("k"), store.put("k", octets("3"), { ifAbsent: true }),
    ]);
    assert.deepEqual(answers.map((answer) => answer.kind), ["done", "conflict", "done", "done"]);
    assert.equal(await text(store, "k"), "3");
  }],
];

const reading: readonly Promised[] = [
  ["what was put is read by all later reads", async (store) => {
    for (let i = 0; i < 100; i++) {
      const etag = await keep(store, "k", `value ${i}`);
      assert.deepEqual({ ...await read(store, "k") }, { kind: "found", bytes: octets(`value ${i}`), etag });
    }
  }],
  ["what is not there is absent", async (store) => {
    await keep(store, "a/b");
    for (const key of ["a", "a/", "a/b/", "a/bc", "a/B"]) assert.deepEqual(await store.get(key), { kind: "absent" });
    assert.deepEqual(await store.get("a", { range: { start: 0, end: 5 }, ifNoneMatch: "x" }), { kind: "absent" });
  }],
  ["ifNoneMatch tells unchanged from changed", async (store) => {
    const etag = await keep(store, "k", "first");
    assert.deepEqual(await store.get("k", { ifNoneMatch: etag }), { kind: "unchanged" });
    assert.deepEqual(await store.get("k", { ifNoneMatch: etag, range: { start: 0, end: 2 } }), { kind: "unchanged" });
    const next = await keep(store, "k", "second");
    const answer = await store.get("k", { ifNoneMatch: etag });
    assert.deepEqual(answer, { kind: "found", bytes: octets("second"), etag: next });
  }],
  ["a range gives its octets and the whole value's etag", async (store) => {
    const etag = await keep(store, "k", "0123456789");
    const cases: readonly (readonly [start: number, end: number, expected: string])[] = [
      [0, 10, "0123456789"], [0, 1, "0"], [3, 7, "3456"], [9, 10, "9"], [0, 100, "0123456789"], [8, 100, "89"],
      [10, 11, ""], [11, 20, ""], [1000, 2000, ""], [0, 0, ""], [5, 5, ""], [10, 10, ""], [500, 500, ""], [4, Number.MAX_SAFE_INTEGER, "456789"],
    ];
    for (const [start, end, expected] of cases) {
      assert.deepEqual(await store.get("k", { range: { start, end } }), { kind: "found", bytes: octets(expected), etag }, `${start} to ${end}`);
    }
  }],
  ["a range of an empty value is empty", async (store) => {
    const etag = await keep(store, "k", "");
    assert.deepEqual(await store.get("k", { range: { start: 0, end: 5 } }), { kind: "found", bytes: Buffer.alloc(0), etag });
  }],
  ["deleting is done whether or not it was there", async (store) => {
    await keep(store, "k");
    for (let i = 0; i < 3; i++) {
      assert.deepEqual(await store.delete("k"), { kind: "done" });
      assert.deepEqual(await store.get("k"), { kind: "absent" });
    }
    assert.deepEqual(await keysOf(store, ""), []);
  }],
];

const ordered = ["+", "-", ".", "/", "0", "9", "=", "@", "A", "Z", "_", "a", "z", "!"].sort((a, b) => a.charCodeAt(0) - b.charCodeAt(0));

const listing: readonly Promised[] = [
  ["keys are listed in the order of their octets", async (store) => {
    const keys = ordered.flatMap((c) => [`p${c}`, `p${c}${c}`]).sort((a, b) => Buffer.compare(octets(a), octets(b)));
    await Promise.all(keys.map((key, i) => keep(store, keys[(i * 5) % keys.length] ?? key)));
    assert.deepEqual(await keysOf(store, ""), keys);
    assert.deepEqual(await keysOf(store, "p"), keys);
  }],
  ["a prefix lists all keys that start with it, and no others", async (store) => {
    const keys = ["a", "a!", "a/", "a/1", "a/10", "a/2", "a/z", "a/zz", "a/zzz", "a0", "aa", "az", "azz", "b", "z", "zz"];
    await Promise.all(keys.map((key) => keep(store, key)));
    for (const prefix of ["", "a", "a/", "a/1", "a/z", "a/zz", "a/zzz", "a/zzzz", "az", "b", "c", "z", "zz", "zzz", "!", "A"]) {
      assert.deepEqual(await keysOf(store, prefix), keys.filter((key) => key.startsWith(prefix)).sort(), `prefix "${prefix}"`);
    }
  }],
  ["after is left out, and may be outside the prefix", async (store) => {
    const keys = ["a/1", "b", "b/", "b/1", "b/2", "b/3", "b0", "c/1"];
    await Promise.all(keys.map((key) => keep(store, key)));
    const cases: readonly (readonly [prefix: string, after: string, expected: readonly string[]])[] = [
      ["b/", "b/1", ["b/2", "b/3"]], ["b/", "b/", ["b/1", "b/2", "b/3"]], ["b", "b", ["b/", "b/1", "b/2", "b/3", "b0"]],
      ["b/", "b/15", ["b/2", "b/3"]], ["b/", "b/3", []], ["b/", "a", ["b/", "b/1", "b/2", "b/3"]], ["b/", "b", ["b/", "b/1", "b/2", "b/3"]],
      ["b/", "c", []], ["b/", "b0", []], ["b/", "zzz", []], ["", "b0", ["c/1"]], ["", "", keys], ["b/", "", ["b/", "b/1", "b/2", "b/3"]],
    ];
    for (const [prefix, after, expected] of cases) assert.deepEqual(await keysOf(store, prefix, after), expected, `"${prefix}" after "${after}"`);
  }],
  ["limit bounds a page, and pages together are complete", async (store) => {
    const keys = Array.from({ length: 250 }, (_, i) => `p/${String(i).padStart(4, "0")}`);
    await Promise.all(keys.map((key) => keep(store, key)));
    await keep(store, "p");
    await keep(store, "p0");
    for (const limit of [1, 7, 249, 250, 251]) {
      assert.deepEqual(await keysOf(store, "p/", undefined, limit), keys.slice(0, limit));
      assert.deepEqual(await allKeysOf(store, "p/", limit), keys);
    }
  }],
  ["pages are complete while other keys come and go", async (store) => {
    const keys = Array.from({ length: 60 }, (_, i) => `m/${String(i).padStart(4, "0")}`);
    await Promise.all(keys.map((key) => keep(store, key)));
    let i = 0;
    const listed = await allKeysOf(store, "m/", 5, async () => {
      await Promise.all([keep(store, `l/${i}`), keep(store, `n/${i}`), keep(store, `m/${keys.length - i}-new`), store.delete(`l/${i - 1}`)]);
      i++;
    });
    assert.deepEqual(listed.filter((key) => !key.endsWith("-new")), keys);
    assert.deepEqual(listed, [...new Set(listed)].sort());
  }],
  ["a key is listed as soon as its put was answered, and not after its delete was", async (store) => {
    for (let i = 0; i < 20; i++) {
      await keep(store, `k/${i}`);
      assert.ok((await keysOf(store, "k/")).includes(`k/${i}`));
      await store.delete(`k/${i}`);
      assert.deepEqual(await keysOf(store, "k/"), []);
    }
  }],
];

const values: readonly Promised[] = [
  ["values of no, one and all octets come back as they were", async (store) => {
    const all = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    for (const [key, bytes] of [["empty", Buffer.alloc(0)], ["one", Buffer.of(0)], ["all", all]] as const) {
      const etag = await keep(store, key, bytes);
      assert.deepEqual(await store.get(key), { kind: "found", bytes, etag });
    }
  }],
  ["sizes around those of pages and chunks come back as they were", async (store) => {
    const sizes = [4095, 4096, 8191, 8193, 65_536, 65_537, (1 << 20) - 1, 1 << 20, (1 << 20) + 1];
    await Promise.all(sizes.map((size) => keep(store, `s/${size}`, Buffer.alloc(size, String(size)))));
    for (const size of sizes) assert.ok((await read(store, `s/${size}`)).bytes.equals(Buffer.alloc(size, String(size))), `${size} octets`);
  }],
  ["8 MB come back as they were, whole and in part", async (store) => {
    const bytes = Buffer.alloc(8 << 20);
    for (let i = 0; i < bytes.byteLength; i += 4) bytes.writeUInt32LE(Math.imul(i, 2654435761) >>> 0, i);
    await keep(store, "big", bytes);
    assert.ok((await read(store, "big")).bytes.equals(bytes));
    const part = await store.get("big", { range: { start: 5_000_001, end: 5_100_000 } });
    assert.ok(part.kind === "found" && part.bytes.equals(bytes.subarray(5_000_001, 5_100_000)));
    await keep(store, "big", "small now");
    assert.equal(await text(store, "big"), "small now");
  }],
  ["the caller may change its octets after the call, and what it read", async (store) => {
    const bytes = octets("as it was");
    const writing = keep(store, "k", bytes);
    bytes.fill(0);
    await writing;
    (await read(store, "k")).bytes.fill(0);
    assert.equal(await text(store, "k"), "as it was");
  }],
  ["a part of a larger buffer is put, and the buffer stays usable", async (store) => {
    const whole = octets("before|inside|after");
    await keep(store, "k", whole.subarray(7, 13));
    const own = new Uint8Array([1, 2, 3]);
    await keep(store, "own", own);
    assert.equal(await text(store, "k"), "inside");
    assert.deepEqual([whole.toString("latin1"), own.byteLength], ["before|inside|after", 3]);
  }],
  ["equal octets written twice are both done, with or without a new etag", async (store) => {
    const first = await keep(store, "k", "same");
    const second = await keep(store, "k", "same");
    assert.equal((await read(store, "k")).etag, second);
    const answer = await store.put("k", octets("next"), { ifMatch: first });
    assert.equal(answer.kind, first === second ? "done" : "conflict");
  }],
];

const refusals: readonly Promised[] = [
  ["a key that is not one is a programmer's error", async (store) => {
    const fits = "k".repeat(KEY_BYTES_MAX);
    await keep(store, fits, "fits");
    assert.equal(await text(store, fits), "fits");
    assert.deepEqual(await keysOf(store, fits), [fits]);
    for (const key of ["", `${fits}k`, "a b", "a\0", "a\n", "a%", "a*", "a~", "a\x7f", "é", "日本", "a\\b", "a?b", "a#b"]) {
      await assert.rejects(store.get(key), AssertionFailed, `get ${JSON.stringify(key)}`);
      await assert.rejects(store.put(key, octets("x"), {}), AssertionFailed, `put ${JSON.stringify(key)}`);
      await assert.rejects(store.delete(key), AssertionFailed, `delete ${JSON.stringify(key)}`);
      if (key !== "") await assert.rejects(store.list(key, { limit: 1 }), AssertionFailed, `list ${JSON.stringify(key)}`);
      if (key !== "") await assert.rejects(store.list("", { after: key, limit: 1 }), AssertionFailed, `list after ${JSON.stringify(key)}`);
    }
    assert.deepEqual(await keysOf(store, ""), [fits]);
  }],
  ["a limit or a range that is not one is a programmer's error", async (store) => {
    for (const limit of [0, -1, 1.5, NaN, LIST_LIMIT_MAX + 1]) await assert.rejects(store.list("", { limit }), AssertionFailed, `limit ${limit}`);
    for (const range of [{ start: -1, end: 1 }, { start: 2, end: 1 }, { start: 0.5, end: 1 }, { start: 0, end: Infinity }]) {
      await assert.rejects(store.get("k", { range }), AssertionFailed, JSON.stringify(range));
    }
  }],
  ["what was asked before close is done, what comes after is answered closed", async (store) => {
    const writing = Array.from({ length: 20 }, (_, i) => store.put(`k/${i}`, octets("x"), { ifAbsent: true }));
    await store.close();
    for (const answer of await Promise.all(writing)) assert.equal(answer.kind, "done");
    const late = await Promise.all([store.get("k"), store.put("k", octets("x"), {}), store.delete("k"), store.list("", { limit: 1 })]);
    for (const answer of late) assert.deepEqual(answer.kind === "failure" && [answer.because, answer.outcome, answer.retryable], ["closed", "none", false]);
    await store.close();
  }],
];
