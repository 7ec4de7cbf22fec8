/** Two servers over one store, which know of each other only by hints over NATS: while it is there, killed, and back. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { NodeClock } from "../src/adapter/node-clock.ts";
import { NodeRandom } from "../src/adapter/node-random.ts";
import { NatsHints } from "../src/adapter/nats-hints.ts";
import { hintsContract } from "../src/port/hints.contract.ts";
import { FakeLog } from "../src/port/log.fake.ts";
import { noMetrics } from "../src/port/metrics.ts";
import type { ImapClient } from "./imap-client.ts";
import { open } from "./mailbox.ts";
import { NatsServer } from "./nats.ts";
import { eventually, sleep } from "./program.ts";
import { TayoriServer } from "./server.ts";
import { message, SmtpClient } from "./smtp-client.ts";

const HINTED_MS_MAX = 200;
/** An idle session looks by itself every two seconds; the rest is for a busy machine. */
const RECHECKED_MS_MAX = 2_000 + 1_500;
const ROUNDS = 20;

let nats: NatsServer;
before(async () => { nats = await NatsServer.reserve(); });
after(async () => { await nats.kill(); });

/** A client that idles, and when it heard how many messages there are. */
class Watcher {
  readonly heardAt = new Map<number, number>();
  static async start(server: TayoriServer): Promise<{ watcher: Watcher; client: ImapClient }> {
    const [watcher, client] = [new Watcher(), await open(server)];
    await client.select("INBOX");
    await client.idle((line) => {
      const count = /^\* (\d+) EXISTS/.exec(line)?.[1];
      if (count !== undefined) watcher.heardAt.set(Number(count), performance.now());
    });
    return { watcher, client };
  }
}

describe("two servers and NATS", () => {
  let reading: TayoriServer;
  let receiving: TayoriServer;
  let smtp: SmtpClient;
  let watcher: Watcher;
  let count = 0;
  before(async () => {
    const settings = `[hints]\nurl = ["${nats.url}"]`;
    reading = await TayoriServer.start({ settings });
    receiving = await TayoriServer.start({ settings, storeDirectory: reading.directory, domains: [], accounts: [] });
    smtp = await SmtpClient.open(receiving.port("smtp"));
    ({ watcher } = await Watcher.start(reading));
  });
  after(async () => {
    await receiving?.dispose();
    await reading?.dispose();
  });

  /** Delivers one message to the one server; how long after its 250 the other's client heard of it, in milliseconds. */
  async function delay(withinMs: number): Promise<number> {
    const reply = await smtp.send({ from: "a@peer.test", to: ["user@tayori.test"], content: message({ subject: `hint ${count}` }) });
    if (reply.code !== 250) throw new Error(`${reply.code} ${reply.lines.join(" ")}\n${receiving.log}`);
    const answeredAt = performance.now();
    const expected = ++count;
    const heardAt = await eventually(`message ${expected} is told of within ${withinMs} ms`, () => watcher.heardAt.get(expected), withinMs);
    return Math.max(0, heardAt - answeredAt);
  }
  async function delays(rounds: number): Promise<number[]> {
    const found: number[] = [];
    for (let round = 0; round < rounds; round++) {
      found.push(await delay(RECHECKED_MS_MAX));
      await sleep(20);
    }
    return found.sort((a, b) => a - b);
  }
  const connected = (): Promise<true> => eventually("both servers are connected to NATS", async () => ((await reading.metric("tayori_hints_connected")) === 1 && (await receiving.metric("tayori_hints_connected")) === 1 ? true : undefined));
  /** On a machine that others use a single one may be late; nine of ten are not. */
  function assertHinted(what: string, found: readonly number[]): void {
    const [middle, most] = [found[Math.floor(found.length / 2)] ?? Number.NaN, found[Math.floor(found.length * 0.9)] ?? Number.NaN];
    console.log(`# ${what}: ${middle.toFixed(1)} ms in the middle, ${most.toFixed(1)} ms for nine of ten`);
    assert.ok(most < HINTED_MS_MAX, `${what}: ${found.map((ms) => ms.toFixed(0)).join(" ")}`);
  }

  test("start, take mail and tell of it while NATS was never there", { timeout: 60_000 }, async () => {
    const found = await delays(2);
    console.log(`# without NATS: ${found.map((ms) => ms.toFixed(0)).join(" and ")} ms`);
    assert.ok(reading.log.includes("hints-unavailable"));
  });
  test(`an idle client hears of mail that another server took within ${HINTED_MS_MAX} ms`, { timeout: 60_000 }, async () => {
    await nats.start();
    await connected();
    // A subscription and the connection are two things: the first one may be missed.
    await delay(RECHECKED_MS_MAX);
    assertHinted("with NATS", await delays(ROUNDS));
  });
  test("after NATS was killed it hears by the timer, and nobody who sends waits", { timeout: 60_000 }, async () => {
    await nats.kill();
    const startedAt = performance.now();
    const found = await delays(3);
    assert.ok(performance.now() - startedAt < 3 * RECHECKED_MS_MAX);
    console.log(`# with NATS killed: ${found.map((ms) => ms.toFixed(0)).join(", ")} ms`);
  });
  test("after NATS is back hints work again, without a restart of anything else", { timeout: 60_000 }, async () => {
    await nats.start();
    await connected();
    await delay(RECHECKED_MS_MAX);
    assertHinted("with NATS back", await delays(ROUNDS));
  });
  test("both end in order while NATS is away", { timeout: 60_000 }, async () => {
    await nats.kill();
    await Promise.all([reading.stop(), receiving.stop()]);
  });
});

describe("the adapter", () => {
  const make = (log = new FakeLog()): NatsHints => NatsHints.open({ to: { servers: [`127.0.0.1:${nats.port}`], tls: false, user: null, password: "" }, name: "test", clock: new NodeClock(), random: new NodeRandom(), log, metrics: noMetrics });
  before(() => nats.start());

  hintsContract("NATS", async () => {
    const [one, other] = [make(), make()];
    return { one, other, dispose: async () => void (await Promise.all([one.close(), other.close()])) };
  });

  test("publishing while NATS is away neither throws nor grows, and goes on when it is back", { timeout: 60_000 }, async (t) => {
    const [one, other] = [make(), make()];
    t.after(() => Promise.all([one.close(), other.close()]));
    let highest = 0;
    other.subscribe("a/1", (seq) => { highest = Math.max(highest, seq); });
    await eventually("both are connected", () => (one.connected && other.connected ? true : undefined));
    await nats.kill();
    await eventually("both noticed", () => (!one.connected && !other.connected ? true : undefined));
    const before = process.memoryUsage().heapUsed;
    for (let seq = 0; seq < 300_000; seq++) one.publish(`a/${seq % 30_000}`, seq);
    const grown = process.memoryUsage().heapUsed - before;
    assert.ok(grown < 64 << 20, `${grown} octets`);
    await nats.start();
    await eventually("both are connected again", () => (one.connected && other.connected ? true : undefined));
    await eventually("hints come", async () => {
      one.publish("a/1", 1_000_000);
      await sleep(20);
      return highest === 1_000_000 ? true : undefined;
    });
  });
});
