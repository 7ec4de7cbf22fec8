import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { after, describe, test } from "node:test";
import { FakeClock } from "../port/clock.fake.ts";
import type { Connection, ReadAnswer } from "../port/connection.ts";
import { FakeLog } from "../port/log.fake.ts";
import { noMetrics } from "../port/metrics.ts";
import { READ_AHEAD_BYTES_MAX, WRITE_HIGH_WATER_BYTES } from "./limits.ts";
import { NodeClock } from "./node-clock.ts";
import { NodeConnector } from "./node-connector.ts";
import { listen } from "./node-listener.ts";
import type { ListenOptions, Listener } from "./node-listener.ts";

const clock = new NodeClock();
const connector = new NodeConnector(clock);
const keepAlive = setInterval(() => {}, 1000);
after(() => clearInterval(keepAlive));

async function withServer(onConnection: ListenOptions["onConnection"], run: (listener: Listener) => Promise<void>): Promise<void> {
  const listener = await listen({
    name: "test", host: "127.0.0.1", port: 0, tls: "none", serverTls: null, proxiesTrusted: [], connectionsMax: 5000, connectionsPerAddressMax: 5000,
    refusal: () => null, onConnection, clock, log: new FakeLog(), metrics: noMetrics,
  });
  try {
    await run(listener);
  } finally {
    await listener.close(0);
  }
}
async function open(listener: Listener): Promise<Connection> {
  const answer = await connector.connect({ address: "127.0.0.1", port: listener.port }, { timeoutMs: 2000 });
  assert.equal(answer.kind, "connected");
  assert(answer.kind === "connected");
  return answer.connection;
}
async function rawSocket(listener: Listener): Promise<Socket> {
  const socket = connect({ host: "127.0.0.1", port: listener.port, allowHalfOpen: true });
  socket.on("error", () => {});
  await once(socket, "connect");
  return socket;
}
/** Everything until the end, or the answer that is neither. */
async function readAll(connection: Connection): Promise<{ bytes: Buffer; last: ReadAnswer }> {
  const chunks: Buffer[] = [];
  for (;;) {
    const answer = await connection.read(5000);
    if (answer.kind !== "bytes") return { bytes: Buffer.concat(chunks), last: answer };
    chunks.push(answer.bytes);
  }
}
async function echo(connection: Connection): Promise<void> {
  for (;;) {
    const answer = await connection.read(5000);
    if (answer.kind !== "bytes") break;
    connection.write(answer.bytes);
    await connection.drained();
  }
  connection.end();
}

describe("reading and writing", () => {
  test("what is written arrives in order, and the last replies leave after the peer's end", async () => {
    await withServer(echo, async (listener) => {
      const socket = await rawSocket(listener);
      const sent = Buffer.from(Array.from({ length: 300_000 }, (_, i) => i % 251));
      socket.end(sent);
      const got: Buffer[] = [];
      for await (const chunk of socket) got.push(chunk);
      assert.ok(Buffer.concat(got).equals(sent));
    });
  });

  test("small writes of one turn leave together", async () => {
    await withServer(async (connection) => {
      for (let i = 0; i < 10; i++) {
        connection.write(Buffer.from(`${i}`));
        await Promise.resolve();
      }
      assert.equal(connection.pendingBytes, 10);
      await connection.closed;
    }, async (listener) => {
      const connection = await open(listener);
      const answer = await connection.read(2000);
      assert(answer.kind === "bytes");
      assert.equal(answer.bytes.toString(), "0123456789");
      connection.destroy();
    });
  });

  test("a read times out, the next one reads on, and shorter timeouts after longer ones hold", async () => {
    await withServer(async (connection) => {
      assert.equal((await connection.read(5000)).kind, "bytes");
      const start = clock.monotonic();
      assert.equal((await connection.read(20)).kind, "timeout");
      assert.ok(clock.monotonic() - start < 1000);
      connection.write(Buffer.from("late\r\n"));
      const answer = await connection.read(2000);
      assert(answer.kind === "bytes");
      connection.write(answer.bytes);
      connection.end();
    }, async (listener) => {
      const connection = await open(listener);
      connection.write(Buffer.from("first"));
      const late = await connection.read(2000);
      assert(late.kind === "bytes" && late.bytes.toString() === "late\r\n");
      connection.write(Buffer.from("second"));
      assert.equal((await readAll(connection)).bytes.toString(), "second");
      connection.end();
      await connection.closed;
    });
  });

  test("a peer that sends faster than the session reads is held back, and loses nothing", async () => {
    const size = 8 * 1024 * 1024;
    let ahead = 0;
    await withServer(async (connection) => {
      await clock.sleep(150);
      ahead = Number(Reflect.get(connection, "pendingBytes"));
      const { bytes, last } = await readAll(connection);
      assert.equal(last.kind, "end");
      connection.write(Buffer.from(String(bytes.length)));
      connection.end();
    }, async (listener) => {
      const socket = await rawSocket(listener);
      socket.end(Buffer.alloc(size));
      await clock.sleep(100);
      assert.ok(socket.writableLength > 0, "the kernel's buffers and the read-ahead took everything");
      assert.ok(READ_AHEAD_BYTES_MAX < size);
      const [reply] = await once(socket, "data");
      assert.equal(String(reply), String(size));
      socket.destroy();
    });
    assert.equal(ahead, 0);
  });

  test("drained() holds a writer whose peer does not read, and lets it go on when it does", async () => {
    const chunk = Buffer.alloc(64 * 1024);
    let written = 0;
    await withServer(async (connection) => {
      for (; written < 32 * 1024 * 1024; written += chunk.length) {
        connection.write(chunk);
        assert.ok(connection.pendingBytes <= WRITE_HIGH_WATER_BYTES + chunk.length);
        await connection.drained();
      }
      connection.end();
    }, async (listener) => {
      const socket = await rawSocket(listener);
      socket.pause();
      await clock.sleep(200);
      const held = written;
      assert.ok(held < 32 * 1024 * 1024);
      let got = 0;
      socket.on("data", (bytes: Buffer) => { got += bytes.length; });
      socket.resume();
      await once(socket, "end");
      assert.equal(got, 32 * 1024 * 1024);
      socket.destroy();
    });
  });
});

describe("the end", () => {
  test("a reset peer is an error or an end, never an exception, also for a waiting writer", async () => {
    let done = 0;
    await withServer(async (connection) => {
      const first = await connection.read(2000);
      for (let i = 0; i < 50 && first.kind === "bytes"; i++) {
        connection.write(Buffer.alloc(100_000));
        await connection.drained();
        if (Reflect.get(connection, "isClosed") === true) break;
      }
      await connection.closed;
      const last = await connection.read(1000);
      assert.ok(last.kind === "error" || last.kind === "end", last.kind);
      connection.write(Buffer.from("ignored"));
      await connection.drained();
      connection.end();
      connection.destroy();
      done++;
    }, async (listener) => {
      for (let i = 0; i < 20; i++) {
        const socket = await rawSocket(listener);
        socket.write("x");
        socket.pause();
        await clock.sleep(5);
        socket.resetAndDestroy();
      }
      await clock.sleep(100);
      assert.equal(done, 20);
    });
  });

  test("end() delivers what is queued although the peer still sends", async () => {
    await withServer(async (connection) => {
      await connection.read(2000);
      connection.write(Buffer.from("421 4.7.0 bye\r\n"));
      connection.end();
    }, async (listener) => {
      const socket = await rawSocket(listener);
      socket.write(Buffer.alloc(500_000));
      const got: Buffer[] = [];
      for await (const bytes of socket) got.push(bytes);
      assert.equal(Buffer.concat(got).toString(), "421 4.7.0 bye\r\n");
    });
  });

  test("end() and destroy() answer the read that waits", async () => {
    await withServer((connection) => connection.closed, async (listener) => {
      for (const close of ["end", "destroy"] as const) {
        const connection = await open(listener);
        const read = connection.read(5000);
        connection[close]();
        assert.deepEqual(await read, { kind: "end" });
        connection.destroy();
        await connection.closed;
      }
    });
  });

  test("1,000 connections at once", async () => {
    await withServer(echo, async (listener) => {
      const connections = await Promise.all(Array.from({ length: 1000 }, () => open(listener)));
      assert.equal(new Set(connections.map((connection) => connection.id)).size, 1000);
      await Promise.all(connections.map(async (connection, i) => {
        connection.write(Buffer.from(`hello ${i}`));
        const answer = await connection.read(10_000);
        assert(answer.kind === "bytes");
        assert.equal(answer.bytes.toString(), `hello ${i}`);
        connection.end();
        await connection.closed;
      }));
    });
  });
});

describe("connecting", () => {
  test("a closed port is refused, a name is unreachable, and silence times out", async () => {
    let port = 0;
    await withServer(() => {}, async (listener) => { port = listener.port; });
    assert.equal((await connector.connect({ address: "127.0.0.1", port }, { timeoutMs: 1000 })).kind, "refused");
    assert.equal((await connector.connect({ address: "localhost", port }, { timeoutMs: 1000 })).kind, "unreachable");
    assert.equal((await connector.connect({ address: "127.0.0.1", port }, { timeoutMs: 1000, localAddress: "::1" })).kind, "unreachable");
    await withServer(() => {}, async (listener) => {
      // The fake clock runs out before the event loop can hear of the connection.
      const fake = new FakeClock();
      const answer = new NodeConnector(fake).connect({ address: "127.0.0.1", port: listener.port }, { timeoutMs: 50 });
      await fake.advance(50);
      assert.equal((await answer).kind, "timeout");
    });
  });

  test("the local address is used", async () => {
    await withServer((connection) => { connection.write(Buffer.from(connection.remote.address)); connection.end(); }, async (listener) => {
      const answer = await connector.connect({ address: "127.0.0.1", port: listener.port }, { timeoutMs: 1000, localAddress: "127.0.0.9" });
      assert(answer.kind === "connected");
      assert.equal((await readAll(answer.connection)).bytes.toString(), "127.0.0.9");
      answer.connection.end();
    });
  });
});
