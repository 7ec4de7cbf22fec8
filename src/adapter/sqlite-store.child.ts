/** A process of its own on a store that others write to as well, for the store's test: `sqlite-store.child.ts <file> <what> <name>`. */
import { openSqliteStore } from "./sqlite-store.ts";

const [file = "", what = "", name = ""] = process.argv.slice(2);
const store = await openSqliteStore(file);
const say = (line: string): unknown => process.stdout.write(`${line}\n`);
/** Then it waits to be killed. */
const WRITES_MAX = 1000;

/** Tries to be the first to write each of 300 keys; says those that it was. */
async function race(): Promise<void> {
  const keys = Array.from({ length: 300 }, (_, i) => `race/${i}`);
  for (let i = 0; i < keys.length; i += 10) {
    await Promise.all(keys.slice(i, i + 10).map(async (key) => {
      const answer = await store.put(key, Buffer.from(name), { ifAbsent: true });
      say(answer.kind === "done" ? key : answer.kind);
    }));
  }
}

/** Adds one to the same number 100 times. */
async function count(): Promise<void> {
  for (let added = 0; added < 100;) {
    const there = await store.get("number");
    if (there.kind !== "found") throw new Error(there.kind);
    const answer = await store.put("number", Buffer.from(String(Number(there.bytes.toString()) + 1)), { ifMatch: there.etag });
    if (answer.kind === "done") added++;
    else if (answer.kind === "failure") throw new Error(answer.detail);
  }
}

/** Writes until it is killed, and says each key that was confirmed. */
async function write(): Promise<void> {
  let serial = 0;
  await Promise.all(Array.from({ length: 20 }, async () => {
    while (serial < WRITES_MAX) {
      const key = `w/${name}/${serial++}`;
      const answer = await store.put(key, Buffer.alloc(2000, key), { ifAbsent: true });
      if (answer.kind !== "done") throw new Error(answer.kind);
      say(key);
    }
  }));
}

say("open");
if (what === "write") {
  await write();
  await new Promise((resolve) => process.once("message", resolve));
} else {
  await new Promise((resolve) => process.once("message", resolve));
  await (what === "race" ? race() : count());
  await store.close();
  process.disconnect();
}
