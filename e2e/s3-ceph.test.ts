/** The store in a bucket of a real Ceph cluster: its contract, races over both gateways, and two Tayori servers on it while parts of it die. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { NodeClock } from "../src/adapter/node-clock.ts";
import { NodeRandom } from "../src/adapter/node-random.ts";
import type { S3World } from "../src/adapter/s3-client.ts";
import { probeS3 } from "../src/adapter/s3-probe.ts";
import { openS3Client, openS3Store, type S3Store } from "../src/adapter/s3-store.ts";
import { FakeLog } from "../src/port/log.fake.ts";
import { noMetrics } from "../src/port/metrics.ts";
import { objectStoreContract } from "../src/port/object-store.contract.ts";
import { CEPH_CREDENTIALS, CephCluster } from "./ceph.ts";
import { ImapClient, sectionOf, uidOf } from "./imap-client.ts";
import { field, PASSWORD, TayoriServer } from "./server.ts";
import { sleep } from "./program.ts";
import { message, SmtpClient } from "./smtp-client.ts";

const world: S3World = {
  clock: new NodeClock(), random: new NodeRandom(), log: new FakeLog(), metrics: noMetrics, credentials: () => ({ kind: "credentials", credentials: { ...CEPH_CREDENTIALS, token: null } }),
};
process.env["TAYORI_S3_KEY"] = CEPH_CREDENTIALS.id;
process.env["TAYORI_S3_SECRET"] = CEPH_CREDENTIALS.secret;

let ceph: CephCluster;
let stores = 0;
before(async () => { ceph = await CephCluster.start(); }, { timeout: 600_000 });
after(() => ceph?.dispose(), { timeout: 60_000 });

/** Every store is empty, below a prefix of its own. */
async function make(): Promise<{ store: S3Store; dispose: () => Promise<void> }> {
  const store = await openS3Store(ceph.url({ prefix: `contract-${stores++}/` }), world);
  return { store, dispose: () => store.close() };
}
objectStoreContract("S3 on Ceph", make);

describe("races over two gateways", () => {
  test("the probe finds what was measured: bare etags, one winner in every race", async () => {
    const client = openS3Client(ceph.url(), world);
    const { forms, findings } = await probeS3(client, world, "full");
    client.close();
    assert.deepEqual(forms, { ifMatch: "bare", ifNoneMatch: "quoted" });
    assert.deepEqual(findings.filter(({ ok }) => !ok), []);
    for (const { name, found } of findings) console.log(`# ${name}: ${found}`);
  });
  test("of 200 swaps by 20 workers none is lost, and none is counted that was not told", async () => {
    const prefix = `swap-${stores++}/`;
    const opened = await Promise.all([0, 1].map((gateway) => openS3Store(ceph.url({ prefix }, gateway === 0 ? 0 : 1), world)));
    const [first] = opened;
    await first!.put("number", Buffer.from(JSON.stringify({ count: 0, by: [] })), { ifAbsent: true });
    let left = 200;
    const answers = { done: 0, conflict: 0, unknown: 0, other: 0 };
    await Promise.all(Array.from({ length: 20 }, async (_, worker) => {
      const store = opened[worker % 2]!;
      while (left > 0) {
        const there = await store.get("number");
        assert.ok(there.kind === "found");
        const value: unknown = JSON.parse(there.bytes.toString());
        const by = field(value, "by");
        assert.ok(Array.isArray(by));
        const id = world.random.bytes(6).toString("hex");
        const answer = await store.put("number", Buffer.from(JSON.stringify({ count: Number(field(value, "count")) + 1, by: [...by, id] })), { ifMatch: there.etag });
        if (answer.kind === "failure") answers[answer.outcome === "unknown" ? "unknown" : "other"]++;
        else answers[answer.kind]++;
        if (answer.kind === "done") left--;
      }
    }));
    const end = await first!.get("number");
    assert.ok(end.kind === "found");
    const value: unknown = JSON.parse(end.bytes.toString());
    const by = field(value, "by");
    assert.ok(Array.isArray(by));
    console.log(`# swaps: ${JSON.stringify(answers)}, the count is ${String(field(value, "count"))}`);
    assert.equal(new Set(by).size, field(value, "count"));
    assert.ok(by.length >= answers.done && by.length <= answers.done + answers.unknown, `${by.length} swaps are there, ${answers.done} were told`);
    assert.equal(answers.other, 0);
    for (const store of opened) await store.close();
  });
});

const ACCOUNTS = ["a", "b", "c"].map((name) => `${name}@tayori.test`);
/** Between two events; there are five such steps. */
const STEP_MS = Number(process.env["STEP_MS"] ?? 10_000);
const DELIVERERS = 4;

describe("two servers on one bucket", () => {
  const servers: TayoriServer[] = [];
  after(async () => { for (const server of servers) await server.dispose(); });

  test("nothing that was acknowledged is lost when a gateway and an OSD are killed, and each server sees at once what the other took", { timeout: 300_000 }, async () => {
    const one = await TayoriServer.prepare({ accounts: [], domains: [], cleartextLoopback: true });
    servers.push(one);
    const store = { url: ceph.url({ prefix: "tayori/" }), masterKey: join(one.directory, "shared.key") };
    one.configure({ cleartextLoopback: true, store });
    await one.mustCli(["domain", "add", "tayori.test"]);
    for (const account of ACCOUNTS) await one.addAccount(account);
    const two = await TayoriServer.prepare({ accounts: [], domains: [], cleartextLoopback: true });
    servers.push(two);
    two.configure({ cleartextLoopback: true, store });
    await Promise.all(servers.map((server) => server.start()));
    const load = new Load(servers);
    await load.run(hurt(load));
    console.log(`# ${load.summary()}`);
    assert.ok(load.acknowledged.size > 100, `only ${load.acknowledged.size} were acknowledged: the load was no load`);
    assert.ok(load.reads > 10, "hardly anything was read meanwhile");
    await one.kill();
    for (const account of ACCOUNTS) await load.look(two, account, true);
    await one.start();
    for (const account of ACCOUNTS) await load.look(one, account, true);
    await Promise.all(servers.map((server) => server.stop()));
    await one.mustCli(["store", "check"]);
  });
});

/** One gateway, then one OSD; each is back before the next. */
async function hurt(load: Load): Promise<void> {
  const doing = async (what: string, act: () => Promise<void>): Promise<void> => {
    load.event(what);
    await act();
    await sleep(STEP_MS);
  };
  await sleep(STEP_MS);
  await doing("kill -9 of a gateway", () => ceph.kill("client.rgw.a"));
  await doing("the gateway is back", () => ceph.up());
  await doing("kill -9 of an OSD", () => ceph.kill("osd.1"));
  await doing("the OSD is back", () => ceph.up());
}

/** Deliveries to both servers, and readers at both, who know what must be there. */
class Load {
  readonly acknowledged = new Map<string, string>();
  reads = 0;
  #servers: readonly TayoriServer[];
  #sent = new Set<string>();
  #uids = new Map<string, string>();
  #next = 0;
  #deferred = new Map<string, number>();
  #lastAt = Date.now();
  #since = "the start";
  #gaps = new Map<string, number>();
  #ended = false;

  constructor(servers: readonly TayoriServer[]) {
    this.#servers = servers;
  }
  event(what: string): void {
    this.#since = what;
  }
  /** Until `hurting` is over. */
  async run(hurting: Promise<void>): Promise<void> {
    const working = Promise.all(this.#servers.flatMap((server) => [...Array.from({ length: DELIVERERS }, () => this.#deliver(server)), this.#read(server)]));
    try {
      await Promise.race([hurting, working]);
    } finally {
      this.#ended = true;
    }
    await Promise.all([hurting, working]);
  }
  async #deliver(server: TayoriServer): Promise<void> {
    const smtp = await SmtpClient.open(server.port("smtp"));
    while (!this.#ended) {
      const id = `id${this.#next++}`;
      const account = ACCOUNTS[this.#next % ACCOUNTS.length]!;
      this.#sent.add(id);
      for (;;) {
        const reply = await smtp.send({ from: "load@peer.test", to: [account], content: `X-Id: ${id}\r\n${message({ subject: id, id: `${id}@peer.test` }, ...Array.from({ length: 40 }, (_, i) => `${id} ${i} some ordinary words of a letter`))}` });
        if (reply.code === 250) break;
        assert.ok(reply.code >= 400 && reply.code < 500, `${reply.code} ${reply.lines.join(" ")}`);
        const said = `${reply.code} ${reply.lines.join(" ")}`;
        this.#deferred.set(said, (this.#deferred.get(said) ?? 0) + 1);
        await smtp.command("RSET");
        await sleep(100);
      }
      this.acknowledged.set(id, account);
      const now = Date.now();
      this.#gaps.set(this.#since, Math.max(this.#gaps.get(this.#since) ?? 0, now - this.#lastAt));
      this.#lastAt = now;
    }
    smtp.stream.destroy();
  }
  async #read(server: TayoriServer): Promise<void> {
    for (let i = 0; !this.#ended; i++) {
      await this.look(server, ACCOUNTS[i % ACCOUNTS.length]!, false);
      await sleep(300);
    }
  }
  /** What was acknowledged before the look, by whichever server, is there; a UID means the same message everywhere. */
  async look(server: TayoriServer, account: string, content: boolean): Promise<void> {
    const expected = [...this.acknowledged].filter(([, owner]) => owner === account).map(([id]) => id);
    const imap = await ImapClient.open(server.port("imap"), [account, PASSWORD]);
    const { exists } = await imap.select("INBOX", "EXAMINE");
    const item = content ? "BODY[]" : "BODY[HEADER.FIELDS (X-ID)]";
    const fetched = exists === 0 ? [] : await imap.fetch("1:*", content ? "(UID BODY.PEEK[])" : "(UID BODY.PEEK[HEADER.FIELDS (X-Id)])");
    await imap.logout();
    const seen = new Set<string>();
    for (const one of fetched) {
      const text = sectionOf(one, item).toString();
      const id = /^X-Id: (\S+)/im.exec(text)?.[1] ?? "";
      assert.ok(this.#sent.has(id), `${account}: nobody sent ${id}`);
      if (content) assert.ok(text.includes(`${id} 39 some ordinary words of a letter`), `${id} is damaged`);
      const known = `${account} ${uidOf(one)}`;
      assert.equal(this.#uids.get(known) ?? id, id, `${known} is another message now`);
      this.#uids.set(known, id);
      seen.add(id);
    }
    const missing = expected.filter((id) => !seen.has(id));
    assert.deepEqual(missing, [], `${account}: acknowledged and not there`);
    this.reads++;
  }
  summary(): string {
    const gaps = [...this.#gaps].map(([what, ms]) => `${what} ${ms} ms`).join(", ");
    const copies = this.#uids.size;
    const deferred = [...this.#deferred].map(([said, count]) => `${count} × ${said}`).join(", ");
    return `${this.acknowledged.size} acknowledged, ${copies} copies seen meanwhile, deferred: ${deferred === "" ? "none" : deferred}, ${this.reads} reads; longest time without an acknowledgement after ${gaps}`;
  }
}
