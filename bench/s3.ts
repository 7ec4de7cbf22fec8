/**
 * The S3 store: CPU of this process per operation against a trivial server in another process, or operations per second
 * and p50 against a real one: `node bench/s3.ts [s3:URL]`, credentials in the environment.
 */
import { fork } from "node:child_process";
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import { NodeClock } from "../src/adapter/node-clock.ts";
import { NodeRandom } from "../src/adapter/node-random.ts";
import { JsonLog } from "../src/adapter/json-log.ts";
import { S3Client, type S3World } from "../src/adapter/s3-client.ts";
import { readS3Credentials } from "../src/adapter/s3-credentials.ts";
import { openS3Store, S3Store } from "../src/adapter/s3-store.ts";
import { parseS3Url } from "../src/adapter/s3-url.ts";
import { noMetrics } from "../src/port/metrics.ts";
import type { ObjectStore } from "../src/port/object-store.ts";

const SIZE = 10_000;
const clock = new NodeClock();
const random = new NodeRandom();
const world: S3World = { clock, random, log: JsonLog.open({ level: "warn", clock, to: 2 }), metrics: noMetrics, credentials: () => readS3Credentials(null, process.env) };

/** Answers everything at once: what is left is the client's own cost. */
function trivial(): void {
  const value = Buffer.alloc(SIZE, "v");
  const etag = `"${createHash("md5").update(value).digest("hex")}"`;
  const server = createServer((request, response) => {
    request.resume();
    request.on("end", () => {
      response.writeHead(200, { etag, "content-length": request.method === "GET" ? value.length : 0 });
      response.end(request.method === "GET" ? value : undefined);
    });
  });
  server.listen(0, "127.0.0.1", () => {
    const address = server.address();
    if (address !== null && typeof address === "object") process.send?.(address.port);
  });
}

async function measure(name: string, clients: number, count: number, act: (i: number) => Promise<{ readonly kind: string }>): Promise<void> {
  const times: number[] = [];
  let next = 0;
  const cpu = process.cpuUsage();
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: clients }, async () => {
    while (next < count) {
      const at = performance.now();
      const { kind } = await act(next++);
      if (kind !== "done" && kind !== "found") throw new Error(`${name}: ${kind}`);
      times.push(performance.now() - at);
    }
  }));
  const ms = performance.now() - startedAt;
  const { user, system } = process.cpuUsage(cpu);
  times.sort((a, b) => a - b);
  const p = (part: number): string => (times[Math.floor(times.length * part)] ?? 0).toFixed(1);
  console.log(`${name} ${SIZE} octets, ${clients} clients: ${Math.round((count / ms) * 1000)}/s, p50 ${p(0.5)} ms, p99 ${p(0.99)} ms, ${Math.round((user + system) / count)} us CPU each`);
}

async function measureAll(store: ObjectStore, counts: readonly (readonly [clients: number, count: number])[]): Promise<void> {
  const run = random.bytes(4).toString("hex");
  const value = random.bytes(SIZE);
  for (const [clients, count] of counts) {
    await measure("PUT", clients, count, (i) => store.put(`bench/${run}/${clients}/${i}`, value, { ifAbsent: true }));
    await measure("GET", clients, count, (i) => store.get(`bench/${run}/${clients}/${i}`));
  }
  await store.close();
}

const [url] = process.argv.slice(2);
if (url === "trivial") trivial();
else if (url !== undefined) await measureAll(await openS3Store(url, world), [[1, 300], [8, 1500], [64, 3000]]);
else {
  const child = fork(import.meta.filename, ["trivial"], { execArgv: ["--disable-warning=ExperimentalWarning"] });
  const port = await new Promise<unknown>((resolve) => child.once("message", resolve));
  const parsed = parseS3Url(`s3:bench?endpoint=http://127.0.0.1:${String(port)}`);
  if (parsed.kind === "refused") throw new Error(parsed.because);
  const client = new S3Client(parsed.place, world, { id: "benchmark", secret: "benchmark", token: null });
  // A trivial server would not pass the probe.
  await measureAll(new S3Store(client, world, { ifMatch: "quoted", ifNoneMatch: "quoted" }), [[1, 2000], [20, 20_000]]);
  child.kill();
}
