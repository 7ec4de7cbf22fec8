import assert from "node:assert/strict";
import { get } from "node:http";
import { describe, test } from "node:test";
import { FakeLog } from "../port/log.fake.ts";
import { listenHttp } from "./http-listener.ts";

function fetchText(port: number, path: string): Promise<{ status: number | undefined; body: string }> {
  return new Promise((resolve, reject) => {
    get({ host: "127.0.0.1", port, path, agent: false }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (text: string) => { body += text; }).on("end", () => resolve({ status: response.statusCode, body }));
    }).on("error", reject);
  });
}

describe("the HTTP listener", () => {
  test("gives the request to the function and its response to the peer", async () => {
    const listener = await listenHttp({ host: "127.0.0.1", port: 0, log: new FakeLog(), respond: async ({ method, target }) => ({ status: 203, headers: {}, body: `${method} ${target}` }) });
    assert(listener.kind === "listening");
    assert.deepEqual(await fetchText(listener.port, "/a?b"), { status: 203, body: "GET /a?b" });
    await listener.close();
    await assert.rejects(fetchText(listener.port, "/"));
  });
  test("a function that throws is a 500 and a line in the log", async () => {
    const log = new FakeLog();
    const listener = await listenHttp({ host: "127.0.0.1", port: 0, log, respond: async () => { throw new Error("broken"); } });
    assert(listener.kind === "listening");
    assert.equal((await fetchText(listener.port, "/")).status, 500);
    assert.deepEqual(log.lines.map((line) => line.event), ["http-request-failed"]);
    await listener.close();
  });
  test("a port that is taken is an answer", async () => {
    const respond = async () => ({ status: 200, headers: {}, body: "" });
    const first = await listenHttp({ host: "127.0.0.1", port: 0, log: new FakeLog(), respond });
    assert(first.kind === "listening");
    const second = await listenHttp({ host: "127.0.0.1", port: first.port, log: new FakeLog(), respond });
    assert.equal(second.kind, "failed");
    await first.close();
  });
});
