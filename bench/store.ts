/**
 * Durable writes and reads per second of the SQLite store: `npx node bench/store.ts [directory] [name=value …]`, where a name is one of the store's settings.
 * Keys are time-ordered under 100 prefixes, as journals are. Each round writes to a store of its own.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openSqliteStore, type SqliteStore } from "../src/adapter/sqlite-store.ts";

const PREFIXES = 100;
const SECONDS = 2;
const [directory = tmpdir(), ...settings] = process.argv.slice(2);
const options = Object.fromEntries(settings.map((s) => s.split("=")).map(([name, value]) => [name, Number(value)]));

const keyOf = (serial: number): string => `a/${serial % PREFIXES}/j/${String(Math.floor(serial / PREFIXES)).padStart(12, "0")}`;

async function writes(store: SqliteStore, size: number, writers: number): Promise<{ perSecond: number; p50: number; p99: number; count: number }> {
  const bytes = Buffer.alloc(size, "x");
  const times: number[] = [];
  let serial = 0;
  const start = performance.now();
  const end = start + SECONDS * 1000;
  await Promise.all(Array.from({ length: writers }, async () => {
    for (let now = performance.now(); now < end;) {
      const answer = await store.put(keyOf(serial++), bytes, { ifAbsent: true });
      if (answer.kind !== "done") throw new Error(answer.kind === "failure" ? answer.detail : answer.kind);
      const done = performance.now();
      times.push(done - now);
      now = done;
    }
  }));
  const seconds = (performance.now() - start) / 1000;
  times.sort((a, b) => a - b);
  return { perSecond: times.length / seconds, p50: times[times.length >> 1] ?? 0, p99: times[Math.floor(times.length * 0.99)] ?? 0, count: times.length };
}

async function reads(store: SqliteStore, count: number): Promise<number> {
  const start = performance.now();
  let done = 0;
  for (; performance.now() - start < SECONDS * 500; done++) {
    const answer = await store.get(keyOf((done * 7919) % count));
    if (answer.kind !== "found") throw new Error(answer.kind);
  }
  return done / ((performance.now() - start) / 1000);
}

for (const size of [1 << 10, 10 << 10, 256 << 10]) {
  for (const writers of [1, 20, 200]) {
    const place = mkdtempSync(join(directory, "store-bench-"));
    const store = await openSqliteStore(join(place, "store.db"), options);
    const cpu = process.cpuUsage();
    const { perSecond, p50, p99, count } = await writes(store, size, writers);
    const used = process.cpuUsage(cpu);
    const perGet = await reads(store, count);
    console.log(`${size >> 10} KiB, ${writers} writers: ${perSecond.toFixed(0)} writes/s, p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms, ${((used.user + used.system) / count).toFixed(0)} us CPU each; ${perGet.toFixed(0)} gets/s`);
    await store.close();
    rmSync(place, { recursive: true });
  }
}
