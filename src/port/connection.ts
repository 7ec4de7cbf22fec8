/**
 * One byte stream to a peer, accepted or opened. The session owns what it has read; the connection owns sockets, TLS and back-pressure.
 */
export interface Connection {
  /** Unique in the process and time-ordered enough to grep for. */
  readonly id: string;
  /** The peer, after the PROXY protocol was read where a listener expects it. */
  readonly remote: Endpoint;
  readonly local: Endpoint;
  /** Null while in clear text. */
  readonly tls: TlsSession | null;
  /** The next octets, as they came. Only one read at a time. */
  read(timeoutMs: number): Promise<ReadAnswer>;
  /** Queues octets; they leave in order, those of one turn of the event loop together. The caller does not change them afterwards. Ignored after the end. */
  write(bytes: Uint8Array): void;
  /** Resolves when less than the high-water mark is waiting to leave, or the connection is closed. Await it in every loop that writes. */
  drained(): Promise<void>;
  /** Octets waiting to leave. */
  readonly pendingBytes: number;
  /**
   * Starts TLS on a clear connection. What the peer sent in clear and the connection still holds is thrown away
   * (RFC 3207 section 4.2; the session throws away its own buffer).
   */
  startTls(options: StartTlsOptions): Promise<StartTlsAnswer>;
  /** Sends what is queued, then closes. */
  end(): void;
  /** Closes at once. */
  destroy(): void;
  /** Resolves once, when the connection is closed for whatever reason. */
  readonly closed: Promise<void>;
}

export interface Endpoint {
  /** IPv4 dotted, or IPv6 in RFC 5952 form; IPv4-mapped addresses are given as IPv4. */
  readonly address: string;
  readonly port: number;
}
export interface TlsSession {
  /** "TLSv1.3", "TLSv1.2". */
  readonly protocol: string;
  /** The IANA name of the cipher suite. */
  readonly cipher: string;
  /** The name the client asked for (SNI), if any. */
  readonly serverName: string | null;
  /** For a client: whether the peer's certificate chain and name verified, and why not. Always true on the server's side without client certificates. */
  readonly verified: { readonly ok: true } | { readonly ok: false; readonly because: string };
  /** RFC 5705 keying material; RFC 9266 `tls-exporter` is label "EXPORTER-Channel-Binding", no context, 32 octets. */
  exportKeyingMaterial(bytes: number, label: string): Buffer;
}
export type ReadAnswer = { readonly kind: "bytes"; readonly bytes: Buffer } | { readonly kind: "end" } | { readonly kind: "timeout" } | { readonly kind: "error"; readonly detail: string };
export type StartTlsOptions =
  /** The listener's certificate is used. */
  | { readonly role: "server" }
  /** `serverName` is sent as SNI and checked; an unverified peer does not fail the call: look at `tls.verified`. */
  | { readonly role: "client"; readonly serverName: string; readonly timeoutMs: number };
export type StartTlsAnswer = { readonly kind: "started" } | { readonly kind: "failed"; readonly detail: string };

/** Opens connections. */
export interface Connector {
  connect(to: Endpoint, options: { readonly timeoutMs: number; readonly localAddress?: string }): Promise<ConnectAnswer>;
}
export type ConnectAnswer = { readonly kind: "connected"; readonly connection: Connection } | { readonly kind: "refused" | "timeout" | "unreachable"; readonly detail: string };
