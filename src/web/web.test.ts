import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { respondTo, type Probes } from "./web.ts";

const ready: Probes = { notReady: async () => [], metrics: async () => ({ contentType: "text/plain; version=0.0.4", text: "tayori_up 1\n" }) };
const ask = (target: string, method = "GET", probes = ready) => respondTo({ method, target }, probes);

describe("the operator's pages", () => {
  test("health says that the process answers", async () => {
    const { status, body } = await ask("/healthz");
    assert.deepEqual([status, body], [200, "ok\n"]);
  });
  test("readiness gives every reason against it", async () => {
    assert.equal((await ask("/readyz")).status, 200);
    const { status, body } = await ask("/readyz", "GET", { ...ready, notReady: async () => ["the store cannot be read", "imap is not listening"] });
    assert.deepEqual([status, body], [503, "the store cannot be read\nimap is not listening\n"]);
  });
  test("metrics keep their own media type and a right length", async () => {
    const { status, body, headers } = await ask("/metrics?name=x");
    assert.deepEqual([status, body, headers["content-type"], headers["content-length"]], [200, "tayori_up 1\n", "text/plain; version=0.0.4", "12"]);
  });
  test("HEAD has the headers and no body", async () => {
    const { status, body, headers } = await ask("/healthz", "HEAD");
    assert.deepEqual([status, body, headers["content-length"]], [200, "", "3"]);
  });
  test("other methods and other pages are refused", async () => {
    const post = await ask("/metrics", "POST");
    assert.deepEqual([post.status, post.headers.allow], [405, "GET, HEAD"]);
    assert.equal((await ask("/")).status, 404);
    assert.equal((await ask("/healthz/")).status, 404);
  });
});
