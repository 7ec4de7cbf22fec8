import type { Connection, Endpoint, ReadAnswer, StartTlsAnswer, StartTlsOptions, TlsSession } from "./connection.ts";

const fakeTls: TlsSession = {
  protocol: "TLSv1.3", cipher: "TLS_AES_256_GCM_SHA384", serverName: null, verified: { ok: true },
  exportKeyingMaterial: (bytes) => Buffer.alloc(bytes, 7),
};
let count = 0;

/** One end of a pair in memory. `tlsFails` makes the next startTls fail. A read timeout fires only through `expire`. */
export class FakeConnection implements Connection {
  readonly id = `fake-${++count}`;
  readonly remote: Endpoint;
  readonly local: Endpoint;
  readonly closed: Promise<void>;
  tls: TlsSession | null = null;
  tlsFails = false;
  pendingBytes = 0;
  #peer: FakeConnection | null = null;
  #waiting: Buffer[] = [];
  #ended = false;
  #reader: ((answer: ReadAnswer) => void) | null = null;
  #close: () => void = () => {};

  constructor(remote: Endpoint = { address: "192.0.2.7", port: 40000 }, local: Endpoint = { address: "192.0.2.1", port: 25 }) {
    this.remote = remote;
    this.local = local;
    this.closed = new Promise((resolve) => { this.#close = resolve; });
  }
  /** A pair: what one writes the other reads. */
  static pair(options: { tls?: boolean; remote?: Endpoint; local?: Endpoint } = {}): [server: FakeConnection, client: FakeConnection] {
    const server = new FakeConnection(options.remote, options.local);
    const client = new FakeConnection(server.local, server.remote);
    server.#peer = client;
    client.#peer = server;
    if (options.tls) server.tls = client.tls = fakeTls;
    return [server, client];
  }
  read(): Promise<ReadAnswer> {
    const bytes = this.#waiting.shift();
    if (bytes !== undefined) return Promise.resolve({ kind: "bytes", bytes });
    if (this.#ended) return Promise.resolve({ kind: "end" });
    return new Promise((resolve) => { this.#reader = resolve; });
  }
  /** Makes the read that is waiting answer `timeout`. */
  expire(): void {
    this.#answer({ kind: "timeout" });
  }
  #answer(answer: ReadAnswer): boolean {
    const reader = this.#reader;
    this.#reader = null;
    reader?.(answer);
    return reader !== null;
  }
  write(bytes: Uint8Array): void {
    if (this.#ended || bytes.byteLength === 0) return;
    this.#peer?.receive(Buffer.from(bytes));
  }
  receive(bytes: Buffer): void {
    if (!this.#answer({ kind: "bytes", bytes })) this.#waiting.push(bytes);
  }
  drained(): Promise<void> {
    return Promise.resolve();
  }
  async startTls(_options: StartTlsOptions): Promise<StartTlsAnswer> {
    if (this.tlsFails) return { kind: "failed", detail: "told to fail" };
    this.#waiting = [];
    this.tls = fakeTls;
    return { kind: "started" };
  }
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#answer({ kind: "end" });
    this.#close();
    this.#peer?.end();
  }
  destroy(): void {
    this.end();
  }
}
