import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer } from "node:net";
import { after, describe, test } from "node:test";
import dnsPacket from "dns-packet";
import type { Packet } from "dns-packet";
import type { Clock } from "../port/clock.ts";
import { AnswerCache } from "./answer-cache.ts";
import { NodeClock } from "./node-clock.ts";
import { NodeConnector } from "./node-connector.ts";
import { NodeRandom } from "./node-random.ts";
import { StubResolver } from "./stub-resolver.ts";
import type { StubResolverOptions } from "./stub-resolver.ts";

const clock = new NodeClock();
const keepAlive = setInterval(() => {}, 1000);
after(() => clearInterval(keepAlive));

const SERVFAIL = 2, NXDOMAIN = 3, REFUSED = 5, FORMERR = 1, AD = 0x20, TC = 0x200;
interface Asked {
  readonly name: string;
  readonly type: string;
  readonly edns: boolean;
  readonly checkingDisabled: boolean;
  readonly over: "udp" | "tcp";
  readonly id: number;
  readonly port: number;
}
/** Null is silence; octets are sent as they are; a packet gets the id and the question. */
type Script = (asked: Asked) => Packet | Buffer | readonly (Packet | Buffer)[] | null;

/** A server on a loopback port, over UDP and TCP, that answers by a script and keeps what it was asked. */
async function withServer(script: Script, run: (address: string, asked: Asked[]) => Promise<void>): Promise<void> {
  const log: Asked[] = [];
  const answersTo = (bytes: Buffer, over: "udp" | "tcp", port: number): Buffer[] => {
    const query = dnsPacket.decode(bytes);
    const question = query.questions?.[0];
    assert(question !== undefined);
    const asked = { name: question.name, type: question.type, edns: (query.additionals ?? []).length > 0, checkingDisabled: query.flag_cd, over, id: query.id ?? 0, port };
    log.push(asked);
    const answer = script(asked);
    const list = answer === null ? [] : Array.isArray(answer) ? answer : [answer];
    return list.map((one) => (Buffer.isBuffer(one) ? one : dnsPacket.encode({ type: "response", id: asked.id, questions: [question], ...one })));
  };
  const tcp = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", (bytes) => {
      for (const answer of answersTo(bytes.subarray(2), "tcp", 0)) {
        const framed = Buffer.concat([Buffer.from([answer.length >> 8, answer.length & 255]), answer]);
        socket.write(framed.subarray(0, 1));
        setTimeout(() => socket.write(framed.subarray(1)), 2);
      }
    });
  });
  tcp.listen(0, "127.0.0.1");
  await once(tcp, "listening");
  const bound = tcp.address();
  assert(bound !== null && typeof bound !== "string");
  const udp = createSocket("udp4", (bytes, from) => {
    for (const answer of answersTo(bytes, "udp", from.port)) udp.send(answer, from.port, from.address);
  });
  udp.bind(bound.port, "127.0.0.1");
  await once(udp, "listening");
  try {
    await run(`127.0.0.1:${bound.port}`, log);
  } finally {
    udp.close();
    tcp.close();
  }
}
function resolverOf(servers: readonly [string, ...string[]], options: Partial<StubResolverOptions> = {}): StubResolver {
  return new StubResolver({ servers, clock, random: new NodeRandom(), connector: new NodeConnector(clock), tryMs: 60, totalMs: 1000, ...options });
}
const a = (name: string, data: string, ttl = 300) => ({ name, type: "A", ttl, data });
const soa = { name: "test", type: "SOA", ttl: 600, data: { mname: "ns.test", rname: "root.test", serial: 1, refresh: 2, retry: 3, expire: 4, minimum: 300 } };

describe("answers", () => {
  test("records, with the AD bit of a loopback server; EDNS, and a new id and port each time", async () => {
    await withServer((asked) => ({ flags: asked.name.startsWith("signed") ? AD : 0, answers: [a(asked.name, "192.0.2.1")] }), async (server, asked) => {
      const resolver = resolverOf([server]);
      assert.deepEqual(await resolver.resolve("Signed.Example.TEST.", "A"), { kind: "records", records: ["192.0.2.1"], authentic: true, ttl: 300 });
      assert.deepEqual(await resolver.resolve("plain.example.test", "A"), { kind: "records", records: ["192.0.2.1"], authentic: false, ttl: 300 });
      for (let i = 0; i < 10; i++) await resolver.resolve(`n${i}.example.test`, "A");
      assert.ok(asked.every((one) => one.edns && !one.checkingDisabled && one.over === "udp"));
      assert.ok(new Set(asked.map((one) => one.id)).size > 8);
      assert.ok(new Set(asked.map((one) => one.port)).size > 8);
    });
  });
  test("NXDOMAIN and no data", async () => {
    await withServer((asked) => ({ flags: asked.name === "none.test" ? NXDOMAIN | AD : 0, authorities: [soa] }), async (server) => {
      const resolver = resolverOf([server]);
      assert.deepEqual(await resolver.resolve("none.test", "MX"), { kind: "void", because: "nxdomain", authentic: true, ttl: 300 });
      assert.deepEqual(await resolver.resolve("some.test", "MX"), { kind: "void", because: "nodata", authentic: false, ttl: 300 });
    });
  });
  test("an alias that the answer leaves open is asked about; authentic only if every step is; a loop ends", async () => {
    await withServer((asked) => {
      if (asked.name === "loop.test") return { answers: [{ name: "loop.test", type: "CNAME", ttl: 9, data: "loop2.test" }] };
      if (asked.name === "loop2.test") return { answers: [{ name: "loop2.test", type: "CNAME", ttl: 9, data: "loop.test" }] };
      return asked.name === "alias.test" ? { flags: AD, answers: [{ name: "alias.test", type: "CNAME", ttl: 40, data: "real.test" }] } : { answers: [a("real.test", "192.0.2.9")] };
    }, async (server, asked) => {
      const resolver = resolverOf([server]);
      assert.deepEqual(await resolver.resolve("alias.test", "A"), { kind: "records", records: ["192.0.2.9"], authentic: false, ttl: 40 });
      assert.deepEqual(await resolver.resolve("loop.test", "A"), { kind: "failure", because: "servfail" });
      assert.equal(asked.length, 2 + 9);
    });
  });
  test("a truncated response is asked for again over TCP", async () => {
    const texts = Array.from({ length: 100 }, (_, i) => ({ name: "long.test", type: "TXT", ttl: 5, data: [`${i}`.padEnd(100, "x")] }));
    await withServer((asked) => (asked.over === "udp" ? { flags: TC } : { answers: texts }), async (server, asked) => {
      const answer = await resolverOf([server]).resolve("long.test", "TXT");
      assert(answer.kind === "records");
      assert.equal(answer.records.length, 100);
      assert.deepEqual(asked.map((one) => one.over), ["udp", "tcp"]);
    });
  });
  test("a name that is none is malformed without asking", async () => {
    const resolver = resolverOf(["127.0.0.1:9"]);
    for (const name of ["a..test", `${"x".repeat(64)}.test`, "é.test"]) assert.deepEqual(await resolver.resolve(name, "A"), { kind: "failure", because: "malformed" });
  });
});

describe("failures", () => {
  test("SERVFAIL that becomes an answer with CD set is bogus; one that stays is servfail", async () => {
    await withServer((asked) => (asked.name === "bogus.test" && asked.checkingDisabled ? { answers: [a("bogus.test", "192.0.2.6")] } : { flags: SERVFAIL }), async (server, asked) => {
      const resolver = resolverOf([server]);
      assert.deepEqual(await resolver.resolve("bogus.test", "A"), { kind: "failure", because: "bogus" });
      assert.deepEqual(await resolver.resolve("lame.test", "A"), { kind: "failure", because: "servfail" });
      assert.equal(asked.length, 4);
    });
  });
  test("silence, or a closed port, goes to the next server, which is asked first from then on; silence everywhere is a timeout", async () => {
    await withServer(() => null, async (silent, silentAsked) => {
      await withServer((asked) => ({ answers: [a(asked.name, "192.0.2.1")] }), async (server) => {
        const resolver = resolverOf([silent, "127.0.0.1:9", server]);
        assert.equal((await resolver.resolve("a.test", "A")).kind, "records");
        assert.equal((await resolver.resolve("b.test", "A")).kind, "records");
        assert.equal(silentAsked.length, 1);
      });
      const start = clock.monotonic();
      assert.deepEqual(await resolverOf([silent], { totalMs: 150 }).resolve("c.test", "A"), { kind: "failure", because: "timeout" });
      const took = clock.monotonic() - start;
      assert.ok(took >= 145 && took < 1000, `${took}`);
    });
  });
  test("REFUSED goes to the next server, and is servfail when all refuse", async () => {
    await withServer(() => ({ flags: REFUSED }), async (refusing, asked) => {
      await withServer((one) => ({ answers: [a(one.name, "192.0.2.1")] }), async (server) => {
        assert.equal((await resolverOf([refusing, server]).resolve("a.test", "A")).kind, "records");
      });
      assert.deepEqual(await resolverOf([refusing]).resolve("a.test", "A"), { kind: "failure", because: "servfail" });
      assert.equal(asked.length, 2);
    });
  });
  test("a server without EDNS is asked without, now and later", async () => {
    await withServer((asked) => (asked.edns ? { flags: FORMERR } : { answers: [a(asked.name, "192.0.2.1")] }), async (server, asked) => {
      const resolver = resolverOf([server]);
      for (const name of ["a.test", "b.test"]) assert.equal((await resolver.resolve(name, "A")).kind, "records");
      assert.deepEqual(asked.map((one) => one.edns), [true, false, false]);
    });
  });
  test("responses to other questions are not believed; rubbish is malformed", async () => {
    await withServer((asked) => [
      { id: (asked.id + 1) & 0xffff, answers: [a(asked.name, "203.0.113.1")] },
      { questions: [{ name: "evil.test", type: "A" }], answers: [a(asked.name, "203.0.113.2")] },
      { type: "query", answers: [] },
      Buffer.from("rubbish"),
      { answers: [a(asked.name, "192.0.2.1")] },
    ], async (server) => {
      const answer = await resolverOf([server]).resolve("a.test", "A");
      assert.deepEqual(answer.kind === "records" && answer.records, ["192.0.2.1"]);
    });
    await withServer((asked) => {
      const message = dnsPacket.encode({ type: "response", id: asked.id, questions: [{ name: asked.name, type: "A" }] });
      message.writeUInt16BE(5, 6);
      return message;
    }, async (server) => {
      assert.deepEqual(await resolverOf([server]).resolve("a.test", "A"), { kind: "failure", because: "malformed" });
    });
  });
});

describe("what is kept", () => {
  /** Real timers, and a time that can be moved. */
  function movable(): { readonly clock: Clock; move(ms: number): void } {
    let moved = 0;
    return {
      clock: { now: () => clock.now() + moved, monotonic: () => clock.monotonic() + moved, timer: (ms, fn) => clock.timer(ms, fn), sleep: (ms) => clock.sleep(ms) },
      move: (ms) => { moved += ms; },
    };
  }
  test("answers and absence for their TTL, which runs down; failures for seconds; TTL 0 not at all", async () => {
    await withServer((asked) => {
      if (asked.name === "a.test") return { answers: [a("a.test", "192.0.2.1", 100)] };
      if (asked.name === "zero.test") return { answers: [a("zero.test", "192.0.2.1", 0)] };
      return asked.name === "none.test" ? { flags: NXDOMAIN, authorities: [soa] } : { flags: REFUSED };
    }, async (server, asked) => {
      const time = movable();
      const resolver = resolverOf([server], { clock: time.clock });
      const times = async (name: string): Promise<number> => {
        const answer = await resolver.resolve(name, "A");
        if (name === "a.test") assert(answer.kind === "records" && answer.ttl > 0 && answer.ttl <= 100);
        return asked.filter((one) => one.name === name).length;
      };
      for (const name of ["a.test", "zero.test", "none.test", "no.test"]) await times(name);
      assert.deepEqual([await times("a.test"), await times("zero.test"), await times("none.test"), await times("no.test")], [1, 2, 1, 1]);
      time.move(60_000);
      const answer = await resolver.resolve("a.test", "A");
      assert.ok(answer.kind === "records" && answer.ttl <= 40);
      assert.deepEqual([await times("none.test"), await times("no.test")], [1, 2]);
      time.move(41_000);
      assert.equal(await times("a.test"), 2);
    });
  });
  test("equal questions share one exchange, and only so many are on the wire at once", async () => {
    await withServer((asked) => ({ answers: [a(asked.name, "192.0.2.1")] }), async (server, asked) => {
      const resolver = resolverOf([server], { atOnce: 2, tryMs: 2000, totalMs: 10_000 });
      const answers = await Promise.all(Array.from({ length: 100 }, (_, i) => resolver.resolve(`n${i % 10}.test`, "A")));
      assert.ok(answers.every((answer) => answer.kind === "records"));
      assert.equal(asked.length, 10);
    });
  });
  test("the budget holds, in entries and in octets, and the least recently used leaves", () => {
    const byEntries = new AnswerCache<number>({ entries: 3, bytes: 1e6 });
    for (const key of ["a", "b", "c"]) byEntries.set(key, 1, { expires: 100, valueBytes: 1 });
    byEntries.get("a", 0);
    byEntries.set("d", 1, { expires: 100, valueBytes: 1 });
    assert.deepEqual(["a", "b", "c", "d"].map((key) => byEntries.get(key, 0) !== null), [true, false, true, true]);
    assert.equal(byEntries.get("a", 100), null);
    const byOctets = new AnswerCache<number>({ entries: 1000, bytes: 10_000 });
    for (let i = 0; i < 500; i++) byOctets.set(`k${i % 50}`, i, { expires: 100, valueBytes: 500 });
    assert.ok(byOctets.bytes <= 10_000 && byOctets.size >= 10, `${byOctets.bytes} ${byOctets.size}`);
    byOctets.set("huge", 1, { expires: 100, valueBytes: 1e9 });
    assert.deepEqual([byOctets.size, byOctets.bytes], [0, 0]);
  });
});

test("a wrong server address is an error at the start", () => {
  for (const text of ["localhost", "127.0.0.1:0", "127.0.0.1:99999", "[::1", "1.2.3"]) assert.throws(() => resolverOf([text]), /not the address/, text);
  for (const text of ["127.0.0.1", "127.0.0.1:5353", "::1", "[::1]", "[::1]:5353"]) resolverOf([text]);
});
