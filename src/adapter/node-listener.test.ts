import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { connect as connectTls } from "node:tls";
import type { Connection } from "../port/connection.ts";
import { FakeLog } from "../port/log.fake.ts";
import { noMetrics } from "../port/metrics.ts";
import { NodeClock } from "./node-clock.ts";
import { NodeConnector } from "./node-connector.ts";
import { listen } from "./node-listener.ts";
import type { ListenOptions, Listener } from "./node-listener.ts";
import { ensureSelfSigned } from "./self-signed.ts";
import { ServerTls } from "./tls-context.ts";

const clock = new NodeClock();
const keepAlive = setInterval(() => {}, 1000);
const dir = mkdtempSync(join(tmpdir(), "tayori-listener-"));
const files = (name: string): { certFile: string; keyFile: string } => ({ certFile: join(dir, `${name}.pem`), keyFile: join(dir, `${name}.key`) });
let serverTls: ServerTls;
before(async () => {
  await ensureSelfSigned(files("mx"), ["mx.example.test"], clock);
  await ensureSelfSigned(files("imap"), ["imap.example.test", "*.wild.example.test"], clock);
  serverTls = ServerTls.load([files("mx"), files("imap")]);
});
after(() => {
  clearInterval(keepAlive);
  rmSync(dir, { recursive: true });
});

const log = new FakeLog();
async function withServer(options: Partial<ListenOptions>, run: (listener: Listener) => Promise<void>): Promise<void> {
  const listener = await listen({
    name: "test", host: "127.0.0.1", port: 0, tls: "none", serverTls, proxiesTrusted: [], connectionsMax: 100, connectionsPerAddressMax: 100,
    refusal: (because) => `421 4.7.0 ${because}\r\n`, onConnection: () => {}, clock, log, metrics: noMetrics, ...options,
  });
  try {
    await run(listener);
  } finally {
    await listener.close(0);
  }
}
async function rawSocket(listener: Listener): Promise<Socket> {
  const socket = connect({ host: "127.0.0.1", port: listener.port, allowHalfOpen: true });
  socket.on("error", () => {});
  await once(socket, "connect");
  return socket;
}
async function textOf(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  socket.on("data", (bytes: Buffer) => chunks.push(bytes));
  await Promise.race([once(socket, "end"), once(socket, "close")]);
  socket.destroy();
  return Buffer.concat(chunks).toString("latin1");
}
async function open(listener: Listener): Promise<Connection> {
  const answer = await new NodeConnector(clock).connect({ address: "127.0.0.1", port: listener.port }, { timeoutMs: 2000 });
  assert(answer.kind === "connected");
  return answer.connection;
}
async function readText(connection: Connection): Promise<string> {
  const answer = await connection.read(3000);
  return answer.kind === "bytes" ? answer.bytes.toString("latin1") : answer.kind;
}
/** Says which TLS it has and what it read after STARTTLS. */
async function startTlsSession(connection: Connection): Promise<void> {
  if (!(await readText(connection)).startsWith("STARTTLS\r\n")) return connection.destroy();
  connection.write(Buffer.from("220 2.0.0 go ahead\r\n"));
  const answer = await connection.startTls({ role: "server" });
  if (answer.kind === "failed") return;
  const key = connection.tls?.exportKeyingMaterial(32, "EXPORTER-Channel-Binding").toString("hex");
  connection.write(Buffer.from(`${connection.tls?.protocol} ${connection.tls?.serverName} ${key} ${await readText(connection)}`));
  connection.end();
}
const run = (command: string, args: readonly string[]): Promise<string> =>
  new Promise((resolve) => execFile(command, args, { timeout: 10_000 }, (_error, out, err) => resolve(out + err)).stdin?.end());

describe("STARTTLS", () => {
  test("both sides agree on the session; the certificate's fault is reported, not fatal", async () => {
    await withServer({ tls: "starttls", onConnection: startTlsSession }, async (listener) => {
      const connection = await open(listener);
      connection.write(Buffer.from("STARTTLS\r\n"));
      assert.equal(await readText(connection), "220 2.0.0 go ahead\r\n");
      assert.deepEqual(await connection.startTls({ role: "client", serverName: "imap.example.test", timeoutMs: 3000 }), { kind: "started" });
      assert.deepEqual(connection.tls?.verified, { ok: false, because: "DEPTH_ZERO_SELF_SIGNED_CERT" });
      assert.equal(connection.tls?.serverName, "imap.example.test");
      connection.write(Buffer.from("EHLO"));
      const key = connection.tls?.exportKeyingMaterial(32, "EXPORTER-Channel-Binding").toString("hex");
      assert.equal(await readText(connection), `TLSv1.3 imap.example.test ${key} EHLO`);
      assert.match(connection.tls?.cipher ?? "", /^TLS_[A-Z0-9_]+$/);
      connection.end();
      await connection.closed;
    });
  });

  test("what was pipelined in clear after STARTTLS is thrown away (RFC 3207 section 4.2), read by the session or not", async () => {
    const slowSession = async (connection: Connection): Promise<void> => {
      await readText(connection);
      // The injected command arrives meanwhile and waits in the connection.
      await clock.sleep(60);
      connection.write(Buffer.from("220 2.0.0 go ahead\r\n"));
      if ((await connection.startTls({ role: "server" })).kind === "failed") return;
      connection.write(Buffer.from(`got ${await readText(connection)}`));
    };
    for (const session of [startTlsSession, slowSession]) {
      await withServer({ tls: "starttls", onConnection: session }, async (listener) => {
        const socket = await rawSocket(listener);
        const parts = session === slowSession ? ["STARTTLS\r\n", "MAIL FROM:<injected@example.test>\r\n"] : ["STARTTLS\r\nMAIL FROM:<injected@example.test>\r\n"];
        for (const part of parts) {
          socket.write(part);
          await clock.sleep(10);
        }
        if (session === slowSession) await once(socket, "data");
        else assert.match(String(socket.read() ?? (await once(socket, "data"))[0]), /^220/);
        const tls = connectTls({ socket, servername: "mx.example.test", rejectUnauthorized: false });
        await once(tls, "secureConnect");
        tls.write("NOOP");
        const [reply] = await once(tls, "data");
        assert.match(String(reply), / NOOP$/);
        tls.destroy();
      });
    }
  });

  test("octets that are no TLS end the handshake and the connection, on both sides", async () => {
    const answers: unknown[] = [];
    await withServer({ tls: "starttls", onConnection: async (connection) => {
      await readText(connection);
      connection.write(Buffer.from("220\r\n"));
      answers.push(await connection.startTls({ role: "server" }));
      await connection.closed;
    } }, async (listener) => {
      const socket = await rawSocket(listener);
      socket.write("STARTTLS\r\n");
      await once(socket, "data");
      socket.write("this is not a ClientHello\r\n");
      await textOf(socket);
      const gone = await rawSocket(listener);
      gone.write("STARTTLS\r\n");
      await once(gone, "data");
      gone.resetAndDestroy();
      while (answers.length < 2) await clock.sleep(5);
      for (const answer of answers) assert.equal(Reflect.get(Object(answer), "kind"), "failed");
    });
    await withServer({ onConnection: async (connection) => { await readText(connection); connection.write(Buffer.from("HTTP/1.0 400 no\r\n\r\n")); } }, async (listener) => {
      const connection = await open(listener);
      assert.equal((await connection.startTls({ role: "client", serverName: "x.example.test", timeoutMs: 3000 })).kind, "failed");
      await connection.closed;
      assert.notEqual((await connection.read(10)).kind, "bytes");
    });
    await withServer({}, async (listener) => {
      const connection = await open(listener);
      const answer = await connection.startTls({ role: "client", serverName: "x.example.test", timeoutMs: 30 });
      assert.deepEqual(answer, { kind: "failed", detail: "TLS handshake timeout" });
    });
  });
});

describe("TLS from the start", () => {
  const hello: ListenOptions["onConnection"] = async (connection) => {
    connection.write(Buffer.from(`* OK ${connection.remote.address} ${connection.tls?.protocol}\r\n`));
    connection.end();
    await connection.closed;
  };
  test("the certificate follows the name asked for, exact, by wildcard, or the first", async () => {
    await withServer({ tls: "implicit", onConnection: hello }, async (listener) => {
      for (const [servername, expected] of [["imap.example.test", "imap"], ["a.wild.example.test", "imap"], ["a.b.wild.example.test", "mx"], ["mx.example.test", "mx"], ["", "mx"]] as const) {
        const tls = connectTls({ host: "127.0.0.1", port: listener.port, servername, rejectUnauthorized: false });
        await once(tls, "secureConnect");
        assert.equal(tls.getPeerCertificate().subject.CN, `${expected}.example.test`, servername);
        assert.equal(tls.isSessionReused(), false);
        assert.match(String((await once(tls, "data"))[0]), /^\* OK 127\.0\.0\.1 TLSv1\.3/);
        tls.destroy();
      }
    });
  });

  test("static RSA, CBC and TLS 1.1 are refused; a session cannot be resumed; the post-quantum group is taken", async () => {
    await withServer({ tls: "implicit", onConnection: hello }, async (listener) => {
      const s_client = (...args: string[]): Promise<string> => run("openssl", ["s_client", "-connect", `127.0.0.1:${listener.port}`, ...args]);
      assert.match(await s_client("-tls1_2"), /Cipher is ECDHE-ECDSA-/);
      assert.match(await s_client("-tls1_3"), /TLSv1\.3, Cipher is TLS_AES/);
      for (const refused of [["-tls1_2", "-cipher", "AES128-GCM-SHA256:AES256-SHA256:AES128-SHA@SECLEVEL=0"], ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA"], ["-tls1_1", "-cipher", "ALL@SECLEVEL=0"]]) {
        assert.match(await s_client(...refused), /Cipher is \(NONE\)/, refused.join(" "));
      }
      const first = connectTls({ host: "127.0.0.1", port: listener.port, rejectUnauthorized: false, ecdhCurve: "X25519MLKEM768" });
      let session: Buffer | undefined;
      first.on("session", (ticket) => { session = ticket; });
      await once(first, "secureConnect");
      await once(first, "data");
      first.destroy();
      const again = connectTls({ host: "127.0.0.1", port: listener.port, rejectUnauthorized: false, ...(session === undefined ? {} : { session }) });
      await once(again, "secureConnect");
      assert.equal(again.isSessionReused(), false);
      again.destroy();
    });
  });

  test("certificates are read again on change, and wrong files keep the old ones", async () => {
    const tls = ServerTls.load([files("mx")]);
    const old = tls.fallback;
    const good = readFileSync(files("mx").certFile);
    writeFileSync(files("mx").certFile, "nonsense");
    assert.equal(tls.reload().kind, "failed");
    assert.equal(tls.fallback, old);
    const seen: string[] = [];
    const stop = tls.watch(clock, 5, (answer) => seen.push(answer.kind));
    writeFileSync(files("mx").certFile, good);
    for (let i = 0; i < 200 && tls.fallback === old; i++) await clock.sleep(5);
    stop();
    assert.notEqual(tls.fallback, old);
    assert.equal(seen.at(-1), "loaded");
  });

  test("a PROXY header comes before the ClientHello, in one segment or octet by octet", async () => {
    await withServer({ tls: "implicit", proxiesTrusted: ["127.0.0.0/8"], onConnection: hello }, async (listener) => {
      const header = "PROXY TCP4 198.51.100.7 192.0.2.1 40000 993\r\n";
      for (const slow of [false, true]) {
        const socket = await rawSocket(listener);
        if (slow) for (const octet of header) { socket.write(octet); await clock.sleep(1); }
        else { socket.cork(); socket.write(header); setImmediate(() => socket.uncork()); }
        const tls = connectTls({ socket, rejectUnauthorized: false });
        await once(tls, "secureConnect");
        assert.match(String((await once(tls, "data"))[0]), /^\* OK 198\.51\.100\.7 /);
        tls.destroy();
      }
    });
  });
});

describe("limits", () => {
  const stay = async (connection: Connection): Promise<void> => {
    connection.write(Buffer.from("220 hello\r\n"));
    while ((await connection.read(60_000)).kind === "bytes");
    connection.end();
  };
  test("over the total a peer is told and closed; when one leaves another may come", async () => {
    await withServer({ connectionsMax: 2, onConnection: stay }, async (listener) => {
      const first = await open(listener);
      const second = await open(listener);
      assert.equal(await readText(first) + await readText(second), "220 hello\r\n220 hello\r\n");
      assert.equal(await textOf(await rawSocket(listener)), "421 4.7.0 too-many-connections\r\n");
      first.end();
      while (listener.connections > 1) await clock.sleep(2);
      const third = await open(listener);
      assert.equal(await readText(third), "220 hello\r\n");
      for (const connection of [second, third]) connection.destroy();
    });
  });
  test("over the share of one address, as the PROXY header names it", async () => {
    await withServer({ connectionsPerAddressMax: 1, proxiesTrusted: ["127.0.0.1"], onConnection: stay }, async (listener) => {
      const from = async (address: string): Promise<Socket> => {
        const socket = await rawSocket(listener);
        socket.write(`PROXY TCP6 ${address} ::1 1 2\r\n`);
        return socket;
      };
      const first = await from("2001:db8:1:2::1");
      assert.equal(String((await once(first, "data"))[0]), "220 hello\r\n");
      assert.equal(await textOf(await from("2001:db8:1:2:ffff::9")), "421 4.7.0 too-many-from-address\r\n");
      const other = await from("2001:db8:1:3::1");
      assert.equal(String((await once(other, "data"))[0]), "220 hello\r\n");
      for (const socket of [first, other]) socket.destroy();
    });
  });
  test("a malformed PROXY header, or none, is closed without a word; from elsewhere none is expected", async () => {
    await withServer({ proxiesTrusted: ["127.0.0.1"], onConnection: stay }, async (listener) => {
      const socket = await rawSocket(listener);
      socket.write("EHLO example.test\r\n");
      assert.equal(await textOf(socket), "");
    });
    await withServer({ proxiesTrusted: ["198.51.100.0/24"], onConnection: stay }, async (listener) => {
      const connection = await open(listener);
      assert.equal(await readText(connection), "220 hello\r\n");
      connection.destroy();
    });
  });
  test("a session that throws loses its connection and nothing else", async () => {
    await withServer({ onConnection: () => { throw new Error("broken on purpose"); } }, async (listener) => {
      for (let i = 0; i < 2; i++) assert.equal(await textOf(await rawSocket(listener)), "");
      assert.ok(log.lines.some((line) => line.event === "session-failed"));
    });
  });
  test("close() waits for sessions, then does not", async () => {
    await withServer({ onConnection: stay }, async (listener) => {
      const quick = await open(listener);
      await readText(quick);
      const closing = listener.close(5000);
      quick.end();
      await closing;
    });
    await withServer({ onConnection: stay }, async (listener) => {
      const slow = await open(listener);
      await readText(slow);
      const start = clock.monotonic();
      await listener.close(50);
      assert.ok(clock.monotonic() - start >= 45);
      assert.notEqual((await slow.read(1000)).kind, "bytes");
    });
  });
  test("an address in use is an error at the start", async () => {
    await withServer({}, async (listener) => {
      await assert.rejects(withServer({ port: listener.port }, async () => {}), /EADDRINUSE/);
    });
  });
});
