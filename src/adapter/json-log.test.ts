import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeClock } from "../port/clock.fake.ts";
import { FIELD_CHARACTERS_MAX, JsonLog } from "./json-log.ts";

function lines(level: "debug" | "info" | "silent", write: (log: JsonLog) => void): Record<string, unknown>[] {
  const out: string[] = [];
  write(JsonLog.open({ level, clock: new FakeClock(1234), to: { write: (line) => void out.push(line) } }));
  return out.map((line) => JSON.parse(line));
}

test("a line carries level, time, event and fields, and nothing else", () => {
  assert.deepEqual(lines("info", (log) => log.info("connected", { peer: "192.0.2.1", port: 25, tls: null, absent: undefined })), [
    { level: "info", time: 1234, event: "connected", peer: "192.0.2.1", port: 25, tls: null },
  ]);
});

test("fields of `with` are on every line, inherited", () => {
  const [line] = lines("debug", (log) => log.with({ session: "s1" }).with({ login: "a" }).debug("step", { n: 1 }));
  assert.deepEqual(line, { level: "debug", time: 1234, event: "step", session: "s1", login: "a", n: 1 });
});

test("levels below the set one are silent", () => {
  assert.deepEqual(lines("info", (log) => log.debug("x")), []);
  assert.deepEqual(lines("silent", (log) => log.error("x")), []);
});

test("a peer's text cannot break the line, grow it without bound, or pass for the line's own fields", () => {
  const [line] = lines("info", (log) => log.warn("refused", { helo: "a\nb\u0000\"}", long: "x".repeat(5000), level: "debug", time: 1 }));
  assert.equal(line?.["helo"], "a\nb\u0000\"}");
  assert.equal(String(line?.["long"]).length, FIELD_CHARACTERS_MAX + 1);
  assert.equal(line?.["level"], "warn");
  assert.equal(line?.["time"], 1234);
  assert.equal(line?.["level_"], "debug");
});
