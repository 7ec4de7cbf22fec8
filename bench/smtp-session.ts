/**
 * What one SMTP session costs: 10 KB messages from a client over a connection in memory, to an intake that answers at once.
 * Run: node bench/smtp-session.ts [messages]. Prints microseconds of CPU per message, and the speed of reading and writing content.
 */
import type { Domain } from "../src/address/address.ts";
import type { Intake } from "../src/delivery/received.ts";
import { FakeConnection } from "../src/port/connection.fake.ts";
import { FakeRandom } from "../src/port/random.fake.ts";
import type { Clock } from "../src/port/clock.ts";
import { neverDrains } from "../src/port/drain.ts";
import type { Log } from "../src/port/log.ts";
import { noMetrics } from "../src/port/metrics.ts";
import { FakeAuthenticator } from "../src/sasl/authenticator.fake.ts";
import { DataReader, writeData } from "../src/smtp/data.ts";
import { MemoryBudget } from "../src/smtp-server/memory-budget.ts";
import { smtpServerDefaults } from "../src/smtp-server/settings.ts";
import { serveSmtp } from "../src/smtp-server/smtp-server.ts";

const noLog: Log = { debug() {}, info() {}, warn() {}, error() {}, with: () => noLog };
const clock: Clock = { now: () => Date.now(), monotonic: () => performance.now(), timer: () => () => {}, sleep: async () => {} };
const message = `Subject: bench\r\n\r\n${`${"words of a line ".repeat(5).slice(0, 74)}\r\n`.repeat(134)}`;

let delivered = 0;
const intake: Intake = {
  recipient: async () => ({ kind: "accepted" }),
  maySendAs: async () => true,
  deliver: async () => ({ kind: "accepted", queueId: String(++delivered) }),
};
const deps = {
  settings: { hostname: "mx.example.test" as Domain, ...smtpServerDefaults, messagesMax: 1_000_000_000 },
  intake, authenticator: new FakeAuthenticator({}), budget: new MemoryBudget(1e9), drain: neverDrains, clock, random: new FakeRandom(), log: noLog, metrics: noMetrics,
};

/** One message at a time over one session, the envelope pipelined, as a server sends to us. Says the CPU time in microseconds. */
async function session(messages: number): Promise<number> {
  const [server, client] = FakeConnection.pair();
  const done = serveSmtp(server, deps, "mx");
  const hear = async (count: number): Promise<void> => {
    for (let heard = 0; heard < count; ) {
      const read = await client.read();
      if (read.kind !== "bytes") throw new Error(read.kind);
      for (let at = read.bytes.indexOf(10); at >= 0; at = read.bytes.indexOf(10, at + 1)) heard++;
    }
  };
  await hear(1);
  client.write(Buffer.from("EHLO client.example\r\n"));
  await hear(11);
  const envelope = Buffer.from("MAIL FROM:<sender@client.example> SIZE=10200 BODY=8BITMIME\r\nRCPT TO:<alice@example.test>\r\nDATA\r\n");
  const content = Buffer.from(`${message}.\r\n`);
  const start = process.cpuUsage();
  for (let i = 0; i < messages; i++) {
    client.write(envelope);
    await hear(3);
    client.write(content);
    await hear(1);
  }
  const used = process.cpuUsage(start);
  client.end();
  await done;
  return (used.user + used.system) / messages;
}

function contentSpeed(): void {
  const content = Buffer.from(message.repeat(100));
  const dotted = Buffer.from("..\r\n".repeat(content.length / 4));
  for (const [name, octets] of [["text", content], ["dots", dotted]] as const) {
    const time = (run: () => void): number => {
      for (let i = 0; i < 5; i++) run();
      const start = process.cpuUsage();
      for (let i = 0; i < 40; i++) run();
      const used = process.cpuUsage(start);
      return Math.round((octets.length * 40) / (used.user + used.system));
    };
    const read = time(() => {
      const reader = new DataReader(1e9);
      for (let from = 0; from < octets.length; from += 65536) reader.feed(octets.subarray(from, from + 65536));
    });
    console.log(`${name}: read ${read} MB/s, write ${time(() => void writeData(octets))} MB/s`);
  }
}

const messages = Number(process.argv[2] ?? 20_000);
await session(2000);
for (let round = 0; round < 3; round++) console.log(`${message.length} octets: ${(await session(messages)).toFixed(1)} us CPU per message`);
contentSpeed();
