import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { get } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { FakeLog } from "../port/log.fake.ts";
import { noMetrics } from "../port/metrics.ts";
import { FakeResolver } from "../port/resolver.fake.ts";
import { FakeIntake } from "../smtp-server/intake.fake.ts";
import { startServer, writeReadyLine, type RunningServer, type ServerParts } from "./server.ts";
import { parseSettings } from "./settings.ts";
import { parseHostPort } from "./units.ts";
import { openDirectory, openQueue } from "./wire.ts";

async function partsIn(folder: string, listen: string): Promise<ServerParts> {
  const parsed = parseSettings(`hostname = "mx.example.test"\n[store]\nurl = "sqlite:tayori.db"\n[listen]\n${listen}`, join(folder, "tayori.toml"));
  assert(parsed.kind === "settings", JSON.stringify(parsed));
  const opened = await openDirectory(parsed.settings, new FakeLog());
  assert(opened.kind === "open");
  const queue = await openQueue(opened.open);
  assert(queue.kind === "open");
  return {
    open: opened.open, queue: queue.queue, intake: new FakeIntake(), enqueueOrDeliver: async () => "accepted", resolver: new FakeResolver({}), metrics: noMetrics,
    exposition: async () => ({ contentType: "text/plain", text: "tayori_test 1\n" }), families: async () => [], version: "0.0.0",
  };
}

/** The first line a listener says. */
function greeting(place: string | undefined): Promise<string> {
  const { host, port } = parseHostPort(place ?? "")!;
  return new Promise((resolve, reject) => {
    const socket = connect(port, host);
    socket.once("data", (bytes) => { socket.destroy(); resolve(bytes.toString().split("\r\n")[0]!); }).on("error", reject);
  });
}
function page(place: string | undefined, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    get(`http://${place}${path}`, { agent: false }, (response) => {
      let body = "";
      response.on("data", (bytes: Buffer) => { body += bytes.toString(); }).on("end", () => resolve(`${response.statusCode} ${body}`));
    }).on("error", reject);
  });
}

describe("a server", () => {
  test("says where it listens, greets on every listener, and stops", async (t) => {
    const folder = mkdtempSync(join(tmpdir(), "tayori-server-"));
    const parts = await partsIn(folder, ["smtp", "submission", "submissions", "imap", "imaps", "http"].map((kind) => `${kind} = ["127.0.0.1:0"]\n`).join(""));
    t.after(async () => {
      await parts.open.close();
      rmSync(folder, { recursive: true });
    });
    const server = await startServer(parts);
    assert(server.kind === "running", JSON.stringify(server));
    const { places } = server;
    const line = writeReadyLine(places);
    assert.match(line, /^\{"ready":true,"listeners":\{"smtp":\["127\.0\.0\.1:[0-9]+"\],"submission":.*\}\}\n$/);
    assert.match(await greeting(places.smtp?.[0]), /^220 mx\.example\.test ESMTP/);
    assert.match(await greeting(places.submission?.[0]), /^220 mx\.example\.test ESMTP/);
    assert.match(await greeting(places.imap?.[0]), /^\* OK /);
    assert.equal(await page(places.http?.[0], "/readyz"), "200 ok\n");
    assert.equal(await page(places.http?.[0], "/metrics"), "200 tayori_test 1\n");
    await parts.open.store.close();
    assert.match(await page(places.http?.[0], "/readyz"), /^503 the store cannot be read/);
    await server.stop(0);
    await assert.rejects(greeting(places.smtp?.[0]));
  });

  test("that cannot have one of its places opens none", async (t) => {
    const folder = mkdtempSync(join(tmpdir(), "tayori-server-"));
    const first = await partsIn(folder, 'http = ["127.0.0.1:0"]\n');
    t.after(async () => {
      await first.open.close();
      rmSync(folder, { recursive: true });
    });
    const running = await startServer(first) as RunningServer;
    assert.equal(running.kind, "running");
    const second = await partsIn(folder, `smtp = ["127.0.0.1:0"]\nimap = ["${running.places.http?.[0]}"]\n`);
    const failed = await startServer(second);
    assert(failed.kind === "failed");
    assert.match(failed.detail, /^imap cannot listen on 127\.0\.0\.1:[0-9]+: .*EADDRINUSE/);
    await second.open.close();
    await running.stop(0);
  });
});
