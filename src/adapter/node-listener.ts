/** Accepts connections: limits, the PROXY protocol, TLS from the start, and an orderly end. */
import { BlockList, createServer, isIPv6 } from "node:net";
import type { Server, Socket } from "node:net";
import { assert } from "../base/assert.ts";
import { EMPTY } from "../base/bytes.ts";
import type { Clock } from "../port/clock.ts";
import type { Connection } from "../port/connection.ts";
import type { Log } from "../port/log.ts";
import type { Metrics } from "../port/metrics.ts";
import { KEEP_ALIVE_MS, PROXY_MS_MAX, REFUSALS_AT_ONCE_MAX, REFUSAL_MS_MAX, TLS_HANDSHAKE_MS_MAX } from "./limits.ts";
import { NodeConnection, detailOf, plainAddress } from "./node-connection.ts";
import { parseProxyHeader } from "./proxy-protocol.ts";
import type { ServerTls } from "./tls-context.ts";

export type Refused = "too-many-connections" | "too-many-from-address";
export interface ListenOptions {
  /** For logs and metrics: "mx", "submissions", "imaps". */
  readonly name: string;
  readonly host: string;
  /** 0: the operating system chooses. */
  readonly port: number;
  /** Other processes of this user listen there too, and the kernel gives each its part of the connections (SO_REUSEPORT). */
  readonly shared?: boolean;
  readonly tls: "none" | "starttls" | "implicit";
  /** Not null unless `tls` is "none". */
  readonly serverTls: ServerTls | null;
  /** Addresses and CIDR blocks whose connections begin with a PROXY header. From anywhere else a connection is what it seems. */
  readonly proxiesTrusted: readonly string[];
  readonly connectionsMax: number;
  /** IPv6 addresses count by their /64. */
  readonly connectionsPerAddressMax: number;
  /** What a refused peer is told, with its CRLF ("421 4.7.0 too many connections\r\n"); null closes without a word. Never sent where TLS comes first. */
  readonly refusal: (because: Refused) => string | null;
  /** Owns the connection. When it throws or rejects the connection is destroyed and the error logged. */
  readonly onConnection: (connection: Connection) => void | Promise<void>;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}
export interface Listener {
  readonly address: string;
  readonly port: number;
  readonly connections: number;
  /**
   * Accepts no more; resolves when the last connection is closed, destroying those still open after `graceMs`. Connections whose
   * PROXY header or TLS handshake is under way still get a session, which can say that the server is shutting down.
   */
  close(graceMs: number): Promise<void>;
}

/** Rejects when the address cannot be bound: a wrong setting, or another process. */
export async function listen(options: ListenOptions): Promise<Listener> {
  assert(options.tls === "none" || options.serverTls !== null, "TLS needs a certificate");
  const listener = new NodeListener(options);
  await listener.bind();
  return listener;
}

class NodeListener implements Listener {
  address = "";
  port = 0;
  readonly #options: ListenOptions;
  readonly #server: Server;
  readonly #trusted: BlockList;
  /** Every accepted connection. */
  readonly #open = new Set<NodeConnection>();
  readonly #perAddress = new Map<string, number>();
  #refusing = 0;
  #closing = false;
  #onEmpty: () => void = () => {};

  constructor(options: ListenOptions) {
    this.#options = options;
    this.#trusted = blockListOf(options.proxiesTrusted);
    const server = createServer({ allowHalfOpen: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS });
    this.#server = server;
    server.on("connection", (socket) => this.#accept(socket));
    server.on("error", (error) => options.log.error("listener-error", { listener: options.name, detail: detailOf(error) }));
  }
  get connections(): number {
    return this.#open.size;
  }
  bind(): Promise<void> {
    const { host, port, shared = false } = this.#options;
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen({ host, port, backlog: 1024, reusePort: shared }, () => {
        this.#server.off("error", reject);
        const bound = this.#server.address();
        assert(bound !== null && typeof bound !== "string", "a TCP server has an address");
        this.address = bound.address;
        this.port = bound.port;
        resolve();
      });
    });
  }

  #accept(socket: Socket): void {
    const { clock, serverTls, connectionsMax } = this.#options;
    // The peer may be gone already; then the socket knows no address.
    if (socket.remoteAddress === undefined) return void socket.destroy();
    const connection = new NodeConnection(socket, clock, serverTls);
    if (this.#closing) return connection.destroy();
    if (this.#open.size >= connectionsMax) return this.#refuse(connection, "too-many-connections");
    this.#open.add(connection);
    this.#gauge();
    void connection.closed.then(() => {
      this.#open.delete(connection);
      this.#gauge();
      if (this.#open.size === 0) this.#onEmpty();
    });
    this.#begin(connection, this.#isTrusted(socket.remoteAddress)).catch((error: unknown) => this.#failed(connection, error));
  }
  async #begin(connection: NodeConnection, proxied: boolean): Promise<void> {
    const { name, tls, log, metrics, onConnection } = this.#options;
    if (proxied) {
      const detail = await readProxyHeader(connection, this.#options.clock);
      if (detail !== null) {
        log.info("proxy-header-refused", { listener: name, peer: connection.remote.address, detail });
        this.#count("proxy-header-refused");
        return connection.destroy();
      }
    }
    if (!this.#admit(connection)) return this.#refuse(connection, "too-many-from-address");
    if (tls === "implicit") {
      const answer = await connection.startServerTls({ keepAhead: true, timeoutMs: TLS_HANDSHAKE_MS_MAX });
      if (answer.kind === "failed") {
        log.info("tls-handshake-failed", { listener: name, peer: connection.remote.address, detail: answer.detail });
        metrics.count("tayori_tls_handshake_failures_total", { listener: name });
        return;
      }
    }
    if (connection.isClosed) return;
    this.#count("accepted");
    await onConnection(connection);
  }
  #failed(connection: NodeConnection, error: unknown): void {
    this.#options.log.error("session-failed", { listener: this.#options.name, connection: connection.id, detail: error instanceof Error ? error.stack ?? error.message : "not an error" });
    connection.destroy();
  }

  #isTrusted(address: string): boolean {
    if (this.#options.proxiesTrusted.length === 0) return false;
    const plain = plainAddress(address);
    return this.#trusted.check(plain, isIPv6(plain) ? "ipv6" : "ipv4");
  }
  #admit(connection: NodeConnection): boolean {
    const key = addressKey(connection.remote.address);
    const held = this.#perAddress.get(key) ?? 0;
    if (held >= this.#options.connectionsPerAddressMax) return false;
    this.#perAddress.set(key, held + 1);
    void connection.closed.then(() => {
      const left = (this.#perAddress.get(key) ?? 1) - 1;
      if (left === 0) this.#perAddress.delete(key);
      else this.#perAddress.set(key, left);
    });
    return true;
  }
  #refuse(connection: NodeConnection, because: Refused): void {
    this.#count(because);
    const text = this.#options.tls === "implicit" || this.#refusing >= REFUSALS_AT_ONCE_MAX ? null : this.#options.refusal(because);
    if (text === null) return connection.destroy();
    this.#refusing++;
    connection.write(Buffer.from(text, "latin1"));
    connection.end();
    const cancel = this.#options.clock.timer(REFUSAL_MS_MAX, () => connection.destroy());
    void connection.closed.then(() => {
      this.#refusing--;
      cancel();
    });
  }
  #count(outcome: string): void {
    this.#options.metrics.count("tayori_connections_total", { listener: this.#options.name, outcome });
  }
  #gauge(): void {
    this.#options.metrics.gauge("tayori_connections", this.#open.size, { listener: this.#options.name });
  }

  async close(graceMs: number): Promise<void> {
    this.#closing = true;
    this.#server.close();
    if (this.#open.size === 0) return;
    const empty = new Promise<void>((resolve) => { this.#onEmpty = resolve; });
    const cancel = this.#options.clock.timer(graceMs, () => {
      for (const connection of this.#open) connection.destroy();
    });
    await empty;
    cancel();
  }
}

/** Null when the header was read; otherwise why not. */
async function readProxyHeader(connection: NodeConnection, clock: Clock): Promise<string | null> {
  const until = clock.monotonic() + PROXY_MS_MAX;
  let bytes: Buffer = EMPTY;
  for (;;) {
    const header = parseProxyHeader(bytes);
    if (header.kind === "malformed") return header.detail;
    if (header.kind === "header") {
      if (header.endpoints !== null) connection.proxied(header.endpoints.remote, header.endpoints.local);
      connection.unread(bytes.subarray(header.length));
      return null;
    }
    const answer = await connection.read(Math.max(1, until - clock.monotonic()));
    if (answer.kind !== "bytes") return answer.kind;
    // At most one header's length is kept while more is needed, so this does not grow.
    bytes = bytes.length === 0 ? answer.bytes : Buffer.concat([bytes, answer.bytes]);
  }
}

/** Who shares an IPv6 /64 is one customer, and can use 2^64 addresses. */
function addressKey(address: string): string {
  if (!address.includes(":")) return address;
  const [head = ""] = address.split("::");
  const groups = head === "" ? [] : head.split(":");
  return [...groups, "0", "0", "0", "0"].slice(0, 4).join(":");
}

function blockListOf(blocks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const block of blocks) {
    const [address = "", bits] = block.split("/");
    const family = isIPv6(address) ? "ipv6" : "ipv4";
    if (bits === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(bits), family);
  }
  return list;
}
