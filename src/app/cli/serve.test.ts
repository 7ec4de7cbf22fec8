import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { get } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { noMetrics } from "../../port/metrics.ts";
import { FakeResolver } from "../../port/resolver.fake.ts";
import { FakeIntake } from "../../smtp-server/intake.fake.ts";
import type { CliIo } from "./io.ts";
import { run } from "./program.ts";
import type { Assemble } from "./serve.ts";

const LISTEN = ["smtp", "submission", "submissions", "imap", "imaps", "http"].map((kind) => `${kind} = ["127.0.0.1:0"]\n`).join("");
const SETTINGS = `hostname = "mx.example.test"\n[store]\nurl = "sqlite:tayori.db"\n[log]\nlevel = "error"\n[listen]\n`;

const assemble: Assemble = async (open, queue) => ({
  open, queue, intake: new FakeIntake(), enqueueOrDeliver: async () => "accepted", resolver: new FakeResolver({}), metrics: noMetrics,
  exposition: async () => ({ contentType: "text/plain", text: "" }), families: async () => [], version: "0.0.0",
});

/** Runs a command that serves in a folder of its own; `whileReady` gets what it wrote first, then it is told to end. */
async function serving(argv: readonly string[], files: Readonly<Record<string, string>>, whileReady: (out: string, folder: string) => Promise<void>): Promise<{ code: number; err: string }> {
  const folder = mkdtempSync(join(tmpdir(), "tayori-serve-"));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(folder, name, ".."), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  let err = "";
  let tell = (): void => {};
  const told = new Promise<void>((resolve) => { tell = resolve; });
  let wrote = (_text: string): void => {};
  const ready = new Promise<string>((resolve) => { wrote = resolve; });
  const io: CliIo = { cwd: folder, out: (text) => wrote(text), err: (text) => { err += text; }, readAll: async () => "", askSecret: async () => null, told: () => told };
  try {
    const ended = run(argv, io, assemble);
    const first = await Promise.race([ready, ended.then(() => null)]);
    if (first !== null) await whileReady(first, folder);
    tell();
    return { code: await ended, err };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function status(url: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => get(url, { agent: false }, (response) => {
    response.resume();
    resolve(response.statusCode);
  }).on("error", reject));
}

describe("serve", () => {
  test("writes one line when it is ready, serves, and ends with 0 when it is told to", async () => {
    let place = "";
    const { code, err } = await serving(["serve"], { "tayori.toml": SETTINGS + LISTEN }, async (out) => {
      assert.equal(out.indexOf("\n"), out.length - 1);
      const line = JSON.parse(out) as { ready: boolean; listeners: Record<string, string[]> };
      assert.deepEqual([line.ready, Object.keys(line.listeners)], [true, ["smtp", "submission", "submissions", "imap", "imaps", "http"]]);
      place = line.listeners["http"]![0]!;
      assert.equal(await status(`http://${place}/readyz`), 200);
    });
    assert.deepEqual([code, err], [0, ""]);
    await assert.rejects(status(`http://${place}/readyz`));
  });
  test("refuses to serve nothing", async () => {
    const { code, err } = await serving(["serve"], { "tayori.toml": SETTINGS }, async () => assert.fail("it is ready"));
    assert.deepEqual([code, /No listener/.test(err)], [2, true]);
  });
});

describe("demo", () => {
  test("makes an account once and says in two languages what to type", async () => {
    let password = "";
    const { code, err } = await serving(["demo"], { ".tayori/tayori.toml": SETTINGS + LISTEN }, async (out, folder) => {
      password = readFileSync(join(folder, ".tayori/demo-password"), "utf8").trim();
      assert.match(password, /^[0-9a-z]{16}$/);
      assert.match(out, /動いています[\s\S]*Tayori is running/);
      assert.match(out, new RegExp(`curl -sS --cacert .tayori/tayori.db.cert.pem --ssl-reqd --user 'demo@example.test:${password}' .* smtp://127\\.0\\.0\\.1:[0-9]+\n`));
      assert.match(out, /'imap:\/\/127\.0\.0\.1:[0-9]+\/INBOX;MAILINDEX=1'/);
    });
    assert.deepEqual([code, err], [0, ""]);
  });
});
