import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer } from "node:net";
import { test } from "node:test";
import dnsPacket from "dns-packet";
import { writeName } from "../dns/name.ts";
import { exchange } from "./dns-exchange.ts";
import { NodeClock } from "./node-clock.ts";
import { NodeConnector } from "./node-connector.ts";
import { NodeRandom } from "./node-random.ts";

const clock = new NodeClock();
const ports = { clock, random: new NodeRandom(), connector: new NodeConnector(clock) };
const text = "abcdefghijklmnopqrstuvwxyz.example.test";
const name = writeName(text) ?? Buffer.alloc(0);

/** Answers both ways; over UDP with the question's letters as `udpCase` makes them. */
async function withServer(udpCase: (name: string) => string, run: (port: number, seen: string[]) => Promise<void>): Promise<void> {
  const seen: string[] = [];
  const answer = (bytes: Buffer, over: string): Buffer => {
    const query = dnsPacket.decode(bytes);
    const asked = query.questions?.[0]?.name ?? "";
    seen.push(`${over} ${asked}`);
    return dnsPacket.encode({ type: "response", id: query.id ?? 0, questions: [{ name: over === "udp" ? udpCase(asked) : asked, type: "A" }], answers: [{ name: text, type: "A", ttl: 1, data: "192.0.2.1" }] });
  };
  const tcp = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", (bytes) => {
      const message = answer(bytes.subarray(2), "tcp");
      socket.end(Buffer.concat([Buffer.from([message.length >> 8, message.length & 255]), message]));
    });
  });
  tcp.listen(0, "127.0.0.1");
  await once(tcp, "listening");
  const bound = tcp.address();
  assert(bound !== null && typeof bound !== "string");
  const udp = createSocket("udp4", (bytes, from) => udp.send(answer(bytes, "udp"), from.port, from.address));
  udp.bind(bound.port, "127.0.0.1");
  await once(udp, "listening");
  try {
    await run(bound.port, seen);
  } finally {
    udp.close();
    tcp.close();
  }
}
const ask = (port: number) => exchange({ address: "127.0.0.1", port }, { name, type: 1, edns: true, checkingDisabled: false, mixCase: true }, 2000, ports);

test("the letters' case is random, and a response that repeats it is believed", async () => {
  await withServer((asked) => asked, async (port, seen) => {
    for (let i = 0; i < 3; i++) assert.equal((await ask(port)).kind, "response");
    assert.equal(new Set(seen).size, 3);
    assert.ok(seen.every((one) => one.toLowerCase() === `udp ${text}`));
  });
});

test("a response that lost the case is asked for again over TCP", async () => {
  await withServer((asked) => asked.toLowerCase(), async (port, seen) => {
    assert.equal((await ask(port)).kind, "response");
    assert.deepEqual(seen.map((one) => one.slice(0, 3)), ["udp", "tcp"]);
  });
});

test("a closed port is known at once", async () => {
  let closed = 0;
  await withServer((asked) => asked, async (port) => { closed = port; });
  const start = clock.monotonic();
  assert.equal((await ask(closed)).kind, "unreachable");
  assert.ok(clock.monotonic() - start < 1000);
});
