import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { FakeLog } from "../port/log.fake.ts";
import { noMetrics } from "../port/metrics.ts";
import { objectStoreContract } from "../port/object-store.contract.ts";
import type { ObjectStore } from "../port/object-store.ts";
import { FastClock } from "./fast-clock.fake.ts";
import { NodeClock } from "./node-clock.ts";
import { NodeRandom } from "./node-random.ts";
import type { S3World } from "./s3-client.ts";
import { FAKE_BUCKET, FAKE_CREDENTIALS, FakeS3, type FakeS3Options, type S3Fault } from "./s3-server.fake.ts";
import { openS3Store, type S3Store } from "./s3-store.ts";

const log = new FakeLog();
const world: S3World = { clock: new NodeClock(), random: new NodeRandom(), log, metrics: noMetrics, credentials: () => ({ kind: "credentials", credentials: FAKE_CREDENTIALS }) };
const octets = (text: string): Buffer => Buffer.from(text, "latin1");

interface Opened extends AsyncDisposable {
  readonly store: S3Store;
  readonly fakes: readonly FakeS3[];
  dispose(): Promise<void>;
}
/** A store over so many gateways that share their objects. */
async function open(options: FakeS3Options = {}, count = 1, parameters = "", own: Partial<S3World> = {}): Promise<Opened> {
  const objects = new Map<string, Buffer>();
  const fakes = await Promise.all(Array.from({ length: count }, () => FakeS3.start({ objects, ...options })));
  const stop = async (): Promise<void> => { await Promise.all(fakes.map((fake) => fake.stop())); };
  try {
    const store = await openS3Store(`s3:${FAKE_BUCKET}?endpoint=${fakes.map((fake) => fake.endpoint).join(",")}${parameters}`, { ...world, ...own });
    const dispose = async (): Promise<void> => { await store.close(); await stop(); };
    return { store, fakes, dispose, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await stop();
    throw error;
  }
}
/** Opens without faults, then has each of these befall one request, in order. */
async function faulty(run: (opened: Opened, faults: (S3Fault | null)[]) => Promise<void>, options: FakeS3Options = {}, count = 1): Promise<void> {
  const opened = await open(options, count);
  const faults: (S3Fault | null)[] = [];
  for (const fake of opened.fakes) {
    fake.configure({ fault: () => faults.shift() ?? null });
    fake.requests.length = 0;
  }
  try {
    await run(opened, faults);
  } finally {
    await opened.dispose();
  }
}
async function etagOf(store: ObjectStore, key: string): Promise<string> {
  const answer = await store.get(key);
  assert.ok(answer.kind === "found");
  return answer.etag;
}

objectStoreContract("S3 as Ceph 16.2 has it, two gateways, below a prefix", () => open({ quirks: { bareIfMatchOnly: true, pageMax: 40 } }, 2, "&prefix=site-1/"));

describe("a store that can do less", () => {
  test("ranges and unchanged values are cut out of what it sends, and a 404 for If-Match is a conflict", async () => {
    await using opened = await open({ quirks: { noRanges: true, no304: true, ifMatchAbsent404: true } });
    const { store } = opened;
    const answer = await store.put("k", octets("0123456789"), {});
    assert.ok(answer.kind === "done");
    for (const [start, end, expected] of [[0, 4, "0123"], [3, 7, "3456"], [8, 100, "89"], [5, 5, ""], [20, 30, ""]] as const) {
      assert.deepEqual(await store.get("k", { range: { start, end } }), { kind: "found", bytes: octets(expected), etag: answer.etag });
    }
    assert.deepEqual(await store.get("k", { ifNoneMatch: answer.etag }), { kind: "unchanged" });
    assert.deepEqual(await store.put("nothing", octets("x"), { ifMatch: answer.etag }), { kind: "conflict" });
  });
});

const LOST: readonly S3Fault[] = ["500-before", "500-after", "reset-before", "reset-after"];

describe("an outcome that is unknown", () => {
  for (const fault of LOST) {
    test(`${fault}: the write is done once, and known to be`, () => faulty(async ({ store, fakes: [fake] }, faults) => {
      faults.push(fault);
      assert.equal((await store.put("k", octets("mine"), { ifAbsent: true })).kind, "done");
      const etag = await etagOf(store, "k");
      faults.push(fault);
      const swapped = await store.put("k", octets("next"), { ifMatch: etag });
      assert.deepEqual(swapped, { kind: "done", etag: await etagOf(store, "k") });
      faults.push(fault);
      assert.equal((await store.put("plain", octets("mine"), {})).kind, "done");
      faults.push(fault);
      assert.deepEqual(await store.delete("k"), { kind: "done" });
      assert.deepEqual(await store.get("k"), { kind: "absent" });
      assert.equal(fake?.objects.get("plain")?.toString(), "mine");
    }));
    test(`${fault}: reads are tried again`, () => faulty(async ({ store }, faults) => {
      await store.put("k", octets("value"), {});
      faults.push(fault);
      assert.equal((await store.get("k")).kind, "found");
      faults.push(fault);
      assert.deepEqual(await store.list("", { limit: 10 }), { kind: "keys", keys: ["k"] });
    }));
  }
  test("a value that another wrote meanwhile does not tell: unknown", () => faulty(async ({ store, fakes: [fake] }, faults) => {
    faults.push("reset-after", null);
    const interfering = fake!.objects;
    fake!.configure({ fault: ({ method }) => {
      const next = faults.shift() ?? null;
      // Between our lost write and the look at it.
      if (method === "GET") interfering.set("k", octets("theirs"));
      return next;
    } });
    const answer = await store.put("k", octets("mine"), { ifAbsent: true });
    assert.deepEqual(answer.kind === "failure" && [answer.outcome, answer.retryable], ["unknown", true]);
  }));
  test("a conflict that was answered at once is one, and costs one request", () => faulty(async ({ store, fakes: [fake] }) => {
    await store.put("k", octets("theirs"), {});
    fake!.requests.length = 0;
    assert.deepEqual(await store.put("k", octets("mine"), { ifAbsent: true }), { kind: "conflict" });
    assert.deepEqual(fake!.requests, ["PUT k"]);
  }));
  test("a body that was cut off is read again, never given", () => faulty(async ({ store }, faults) => {
    const value = Buffer.alloc(100_000, "v");
    await store.put("k", value, {});
    faults.push("truncated", "truncated");
    const answer = await store.get("k");
    assert.ok(answer.kind === "found" && answer.bytes.equals(value));
  }));
  test("meeting another request, and being told to slow down, is tried again", () => faulty(async ({ store, fakes: [fake] }, faults) => {
    faults.push("409", "slow-down", "slow-down");
    assert.equal((await store.put("k", octets("mine"), { ifAbsent: true })).kind, "done");
    assert.deepEqual(fake!.requests, ["PUT k", "PUT k", "PUT k", "PUT k"]);
  }));
});

describe("what cannot be helped", () => {
  const cases = [
    ["507", { because: "full", outcome: "none", retryable: true }],
    ["denied", { because: "unavailable", outcome: "none", retryable: false }],
  ] as const;
  for (const [fault, expected] of cases) {
    test(`${fault} is told at once`, () => faulty(async ({ store, fakes: [fake] }, faults) => {
      faults.push(fault);
      const answer = await store.put("k", octets("x"), { ifAbsent: true });
      assert.ok(answer.kind === "failure");
      assert.deepEqual({ because: answer.because, outcome: answer.outcome, retryable: answer.retryable }, expected);
      assert.equal(fake!.requests.length, 1);
    }));
  }
  test("neither key nor secret nor what was signed is ever logged", () => faulty(async ({ store }, faults) => {
    faults.push("denied", "507", "denied", "denied");
    const answers = [await store.put("k", octets("x"), {}), await store.put("k", octets("x"), {}), await store.get("k"), await store.list("", { limit: 1 })];
    const said = JSON.stringify([answers, log.lines]);
    assert.match(said, /403 AccessDenied/);
    for (const secret of [FAKE_CREDENTIALS.id, FAKE_CREDENTIALS.secret, "AWS4-HMAC"]) assert.ok(!said.includes(secret), secret);
  }));
  test("a bucket that is gone is no absent key", () => faulty(async ({ store, fakes: [fake] }) => {
    const answer = await openS3Store(`s3:nowhere?endpoint=${fake!.endpoint}`, world).then(() => "opened", (error: Error) => error.message);
    assert.match(answer, /404 NoSuchBucket/);
    assert.deepEqual(await store.get("k"), { kind: "absent" });
  }));
});

describe("several gateways", () => {
  test("one that is gone costs nothing but its requests under way, and is used again when it is back", async () => {
    await using opened = await open({}, 2);
    const { store, fakes } = opened;
    const [first, second] = fakes;
    await first!.stop();
    for (let i = 0; i < 20; i++) assert.equal((await store.put(`k/${i}`, octets("x"), { ifAbsent: true })).kind, "done");
    second!.requests.length = 0;
    for (let i = 0; i < 20; i++) assert.equal((await store.get(`k/${i}`)).kind, "found");
    assert.equal(second!.requests.length, 20);
    await first!.listen();
    first!.requests.length = 0;
    const end = Date.now() + 10_000;
    while (!first!.requests.some((line) => line.startsWith("GET")) && Date.now() < end) await store.get("k/0");
    assert.ok(first!.requests.some((line) => line.startsWith("HEAD")), "it was asked whether it is back");
    assert.ok(first!.requests.some((line) => line.startsWith("GET")), "it is used again");
  });
  test("without any, writes fail without an effect after some seconds", async () => {
    const clock = new FastClock(20);
    await using opened = await open({}, 2, "", { clock });
    const { store, fakes } = opened;
    for (const fake of fakes) await fake.stop();
    // Connections that lie idle are seen to be closed first: what is sent on one that is closing may have arrived.
    await world.clock.sleep(50);
    const startedAt = clock.monotonic();
    const answer = await store.put("k", octets("x"), { ifAbsent: true });
    assert.deepEqual(answer.kind === "failure" && [answer.because, answer.outcome, answer.retryable], ["unavailable", "none", true]);
    assert.ok(clock.monotonic() - startedAt < 12_000);
  });
  test("one that hangs is left after some seconds, and what it did is found out over another", async () => {
    for (const fault of ["silent-before", "silent-after"] as const) {
      await using opened = await open({}, 2, "", { clock: new FastClock(50) });
      const { store, fakes } = opened;
      const hanging: string[] = [];
      for (const fake of fakes) fake.configure({ fault: ({ method, key }) => (hanging.push(`${method} ${key}`) === 1 ? fault : null) });
      assert.equal((await store.put("k", octets("mine"), { ifAbsent: true })).kind, "done");
      assert.deepEqual(await store.get("k"), { kind: "found", bytes: octets("mine"), etag: await etagOf(store, "k") });
      assert.equal(hanging.filter((line) => line === "PUT k").length, fault === "silent-after" ? 1 : 2);
    }
  });
  test("a store that hangs as a whole is an unknown outcome for writes, a failure for reads", async () => {
    await using opened = await open({}, 1, "", { clock: new FastClock(100) });
    const { store, fakes: [fake] } = opened;
    fake!.configure({ fault: () => "silent-after" });
    const [written, read] = await Promise.all([store.put("k", octets("x"), { ifAbsent: true }), store.get("j")]);
    assert.deepEqual(written.kind === "failure" && [written.because, written.outcome], ["timeout", "unknown"]);
    assert.deepEqual(read.kind === "failure" && [read.because, read.outcome], ["timeout", "none"]);
    fake!.configure({ fault: () => null });
  });
  test("credentials that were replaced are read again", async () => {
    let secret: string = FAKE_CREDENTIALS.secret;
    const clock = new FastClock(100);
    await using opened = await open({ secret: () => secret }, 1, "", { clock, credentials: () => ({ kind: "credentials", credentials: { ...FAKE_CREDENTIALS, secret } }) });
    const { store, fakes: [fake] } = opened;
    await clock.sleep(6_000);
    secret = "replaced";
    fake!.requests.length = 0;
    assert.equal((await store.put("k", octets("x"), {})).kind, "done");
    assert.deepEqual(fake!.requests, ["PUT k", "PUT k"]);
  });
  test("connections are kept, and there are no more than asked for", async () => {
    await using opened = await open({}, 1, "&connections=4");
    const { store, fakes: [fake] } = opened;
    const before = fake!.connections;
    await Promise.all(Array.from({ length: 100 }, (_, i) => store.put(`k/${i}`, octets("x"), {})));
    assert.ok(fake!.connections - before <= 4);
    assert.ok(fake!.connections <= 8, `${fake!.connections} connections`);
  });
});

describe("opening", () => {
  const refused = (options: FakeS3Options): Promise<string> => open(options).then(async ({ dispose }) => { await dispose(); return "opened"; }, (error: Error) => error.message);
  test("a store that ignores If-None-Match is refused", async () => assert.match(await refused({ quirks: { noConditions: "if-none-match" } }), /cannot be used: If-None-Match: \*: PUT answers 200 .* replaces it/));
  test("a store that ignores If-Match is refused", async () => assert.match(await refused({ quirks: { noConditions: "if-match" } }), /If-Match: PUT answers quoted 200, stale 200/));
  test("a store that is not atomic is refused", async () => assert.match(await refused({ quirks: { notAtomic: true } }), /races for an absent key: .* won/));
  test("a store that lets us not in is refused, without a word of why beyond its code", async () => assert.match(await refused({ secret: () => "another" }), /^the store cannot be used: the store answered 403 SignatureDoesNotMatch$/));
  test("a bucket that keeps versions is used, with a warning", async () => {
    log.lines.length = 0;
    assert.equal(await refused({ quirks: { versions: true } }), "opened");
    assert.ok(log.lines.some(({ event, fields }) => event === "store-probe" && String(fields["problem"]).includes("old versions")));
  });
  test("a clock that is off by hours is set right", async () => {
    for (const skewMs of [-7_200_000, 36_000_000]) {
      await using opened = await open({ quirks: { skewMs } });
      const { store, fakes: [fake] } = opened;
      assert.equal((await store.put("k", octets("x"), {})).kind, "done");
      assert.equal(fake!.requests.filter((line) => line === "PUT k").length, 1);
    }
  });
  test("nothing of the probe is left", async () => {
    await using opened = await open();
    const { fakes: [fake] } = opened;
    assert.deepEqual([...fake!.objects.keys()], []);
  });
});

describe("sizes", () => {
  test("values above a megabyte are sent with Content-MD5, and come back", async () => {
    await using opened = await open();
    const { store } = opened;
    const value = Buffer.alloc(9 << 20, "0123456789abcdef!");
    assert.equal((await store.put("k", value, { ifAbsent: true })).kind, "done");
    const answer = await store.get("k");
    assert.ok(answer.kind === "found" && answer.bytes.equals(value));
  });
  test("keys of others in the bucket are not listed", async () => {
    await using opened = await open({ quirks: { pageMax: 2 } });
    const { store, fakes: [fake] } = opened;
    for (const key of ["a", "b c", "日本", "é", "d%", "e"]) fake!.objects.set(key, octets("x"));
    assert.deepEqual(await store.list("", { limit: 10 }), { kind: "keys", keys: ["a", "e"] });
    assert.deepEqual(await store.list("", { limit: 1, after: "a" }), { kind: "keys", keys: ["e"] });
  });
});

after(() => assert.ok(log.lines.every(({ fields }) => !JSON.stringify(fields).includes(FAKE_CREDENTIALS.secret))));
