import assert from "node:assert/strict";
import { createServer, type AddressInfo } from "node:net";
import { describe, test } from "node:test";
import { claimPlace } from "./place-claim.ts";

async function listening(reusePort: boolean): Promise<{ port: number; close: () => Promise<void> }> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen({ host: "127.0.0.1", port: 0, reusePort }, resolve));
  return { port: (server.address() as AddressInfo).port, close: () => new Promise((resolve) => server.close(() => resolve())) };
}

describe("a place to listen", () => {
  test("is chosen where it is left open, never twice while it is held, and free again afterwards", async () => {
    const claims = await Promise.all(Array.from({ length: 5 }, () => claimPlace("127.0.0.1", 0)));
    const ports = claims.map((claim) => (claim.kind === "claimed" ? claim.port : 0));
    assert.equal(new Set(ports).size, 5);
    assert.ok(ports.every((port) => port > 0));
    for (const claim of claims) if (claim.kind === "claimed") await claim.release();
    const again = await claimPlace("127.0.0.1", ports[0]!);
    assert(again.kind === "claimed" && again.port === ports[0]);
    await again.release();
  });
  test("is refused where another listens, also one that shares it", async () => {
    for (const reusePort of [false, true]) {
      const other = await listening(reusePort);
      assert.deepEqual(await claimPlace("127.0.0.1", other.port), { kind: "failed", detail: "EADDRINUSE" });
      await other.close();
    }
  });
  test("is refused where there is no such address", async () => {
    assert.equal((await claimPlace("192.0.2.1", 0)).kind, "failed");
  });
});
