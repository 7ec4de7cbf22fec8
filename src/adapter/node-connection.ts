/**
 * A Connection over a node socket.
 *
 * Reading: the socket flows; what arrives answers the read that waits, or is kept. Only when READ_AHEAD_BYTES_MAX is kept does the
 * socket pause, so the usual exchange of command and reply never pauses it. One timer serves all reads of a connection.
 * Writing: what is written within one turn of the event loop leaves in one system call and one TLS record.
 * An error is an answer of the next read and the end of the connection, never an event nobody listens to.
 */
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { assert } from "../base/assert.ts";
import { asBuffer } from "../base/bytes.ts";
import type { Clock } from "../port/clock.ts";
import type { Connection, Endpoint, ReadAnswer, StartTlsAnswer, StartTlsOptions, TlsSession } from "../port/connection.ts";
import { LINGER_MS, READ_AHEAD_BYTES_MAX, TLS_HANDSHAKE_MS_MAX, WRITE_COLLECT_BYTES_MAX, WRITE_HIGH_WATER_BYTES, WRITE_STALL_MS_MAX } from "./limits.ts";
import { wrapClient, wrapServer } from "./tls-context.ts";
import type { ServerTls } from "./tls-context.ts";
import { NodeTlsSession } from "./tls-session.ts";

const RESOLVED = Promise.resolve();
const END: ReadAnswer = { kind: "end" };
const TIMEOUT: ReadAnswer = { kind: "timeout" };
let count = 0;

export class NodeConnection implements Connection {
  readonly id: string;
  readonly closed: Promise<void>;
  readonly #clock: Clock;
  readonly #serverTls: ServerTls | null;
  #remote: Endpoint;
  #local: Endpoint;
  #tls: TlsSession | null = null;
  #socket: Socket;
  #detach: () => void;

  #ahead: Buffer[] = [];
  #aheadBytes = 0;
  #paused = false;
  #peerEnded = false;
  #error: string | null = null;
  #reader: ((answer: ReadAnswer) => void) | null = null;
  #deadline = 0;
  #timerAt = Infinity;
  #cancelTimer: () => void = () => {};

  #outgoing: Buffer[] = [];
  #outgoingBytes = 0;
  #flushing = false;
  #ended = false;
  #isClosed = false;
  #drainWaiters: (() => void)[] = [];
  #resolveClosed: () => void = () => {};
  readonly #flushLater = (): void => this.#flush();

  /** Takes over a connected socket, made with `allowHalfOpen`. `serverTls` is what `startTls({ role: "server" })` shows. */
  constructor(socket: Socket, clock: Clock, serverTls: ServerTls | null = null) {
    this.id = `${clock.now().toString(36)}-${process.pid.toString(36)}-${(++count).toString(36)}`;
    this.#clock = clock;
    this.#serverTls = serverTls;
    this.#socket = socket;
    this.#remote = { address: plainAddress(socket.remoteAddress), port: socket.remotePort ?? 0 };
    this.#local = { address: plainAddress(socket.localAddress), port: socket.localPort ?? 0 };
    this.closed = new Promise((resolve) => { this.#resolveClosed = resolve; });
    // For the socket's whole life, also below TLS: an error event without a listener would stop the process.
    socket.on("error", (error) => { this.#error ??= detailOf(error); });
    this.#detach = this.#attach(socket);
  }
  get remote(): Endpoint {
    return this.#remote;
  }
  get local(): Endpoint {
    return this.#local;
  }
  get tls(): TlsSession | null {
    return this.#tls;
  }
  get pendingBytes(): number {
    return this.#outgoingBytes + this.#socket.writableLength;
  }
  /** Whether reads and writes can still do something. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  #attach(socket: Socket): () => void {
    const listeners = {
      data: (bytes: Buffer): void => this.#onData(bytes),
      end: (): void => this.#onEnd(),
      close: (): void => this.#onClose(),
      drain: (): void => this.#onDrain(),
      timeout: (): void => this.#fail("the peer takes nothing"),
    } as const;
    for (const [event, listener] of Object.entries(listeners)) socket.on(event, listener);
    return () => {
      for (const [event, listener] of Object.entries(listeners)) socket.off(event, listener);
    };
  }

  read(timeoutMs: number): Promise<ReadAnswer> {
    assert(this.#reader === null, "one read at a time");
    if (this.#ahead.length > 0) return Promise.resolve({ kind: "bytes", bytes: this.#takeAhead() });
    if (this.#error !== null) return Promise.resolve({ kind: "error", detail: this.#error });
    if (this.#peerEnded || this.#ended || this.#isClosed) return Promise.resolve(END);
    this.#deadline = this.#clock.monotonic() + timeoutMs;
    if (this.#timerAt > this.#deadline) this.#armTimer(timeoutMs);
    return new Promise((resolve) => { this.#reader = resolve; });
  }
  #takeAhead(): Buffer {
    const first = this.#ahead[0];
    const bytes = this.#ahead.length === 1 && first !== undefined ? first : Buffer.concat(this.#ahead, this.#aheadBytes);
    this.#ahead = [];
    this.#aheadBytes = 0;
    if (this.#paused) {
      this.#paused = false;
      this.#socket.resume();
    }
    return bytes;
  }
  #answer(answer: ReadAnswer): void {
    const reader = this.#reader;
    this.#reader = null;
    reader?.(answer);
  }
  #onData(bytes: Buffer): void {
    if (this.#ended) return;
    const reader = this.#reader;
    if (reader !== null) {
      this.#reader = null;
      reader({ kind: "bytes", bytes });
      return;
    }
    this.#ahead.push(bytes);
    this.#aheadBytes += bytes.length;
    if (this.#aheadBytes < READ_AHEAD_BYTES_MAX) return;
    this.#paused = true;
    this.#socket.pause();
  }
  #onEnd(): void {
    this.#peerEnded = true;
    this.#answer(END);
  }
  /** A read that is answered leaves the timer running; the next one usually needs the same or a later moment. */
  #armTimer(ms: number): void {
    this.#cancelTimer();
    this.#timerAt = this.#clock.monotonic() + ms;
    this.#cancelTimer = this.#clock.timer(Math.ceil(ms), () => {
      this.#timerAt = Infinity;
      if (this.#reader === null) return;
      const left = this.#deadline - this.#clock.monotonic();
      if (left > 0) this.#armTimer(left);
      else this.#answer(TIMEOUT);
    });
  }

  write(bytes: Uint8Array): void {
    if (this.#ended || this.#isClosed || bytes.byteLength === 0) return;
    this.#outgoing.push(asBuffer(bytes));
    this.#outgoingBytes += bytes.byteLength;
    if (this.#outgoingBytes >= WRITE_COLLECT_BYTES_MAX) return this.#flush();
    if (this.#flushing) return;
    this.#flushing = true;
    setImmediate(this.#flushLater);
  }
  #flush(): void {
    this.#flushing = false;
    const chunks = this.#outgoing;
    const [first] = chunks;
    if (first === undefined) return;
    const total = this.#outgoingBytes;
    this.#outgoing = [];
    this.#outgoingBytes = 0;
    const socket = this.#socket;
    if (!socket.writable) return;
    if (chunks.length === 1) socket.write(first);
    else if (total <= WRITE_COLLECT_BYTES_MAX) socket.write(Buffer.concat(chunks, total));
    else {
      socket.cork();
      for (const chunk of chunks) socket.write(chunk);
      socket.uncork();
    }
  }
  drained(): Promise<void> {
    if (this.pendingBytes < WRITE_HIGH_WATER_BYTES || this.#isClosed) return RESOLVED;
    this.#flush();
    if (this.#socket.destroyed || this.pendingBytes < WRITE_HIGH_WATER_BYTES) return RESOLVED;
    // Counts from the last octet the peer took: node looks at the write queue before it emits "timeout".
    if (this.#drainWaiters.length === 0) this.#socket.setTimeout(WRITE_STALL_MS_MAX);
    return new Promise((resolve) => this.#drainWaiters.push(resolve));
  }
  #onDrain(): void {
    if (this.#drainWaiters.length === 0) return;
    if (!this.#ended) this.#socket.setTimeout(0);
    const waiters = this.#drainWaiters;
    this.#drainWaiters = [];
    for (const resolve of waiters) resolve();
  }

  /**
   * A server writes its go-ahead and calls this in the same turn: everything read before is thrown away, so a go-ahead that left
   * earlier could lose the peer's ClientHello. After `failed` the connection is closed.
   */
  async startTls(options: StartTlsOptions): Promise<StartTlsAnswer> {
    if (options.role === "server") return this.startServerTls({ keepAhead: false, timeoutMs: TLS_HANDSHAKE_MS_MAX });
    if (!this.#prepareTls({ keepAhead: false })) return { kind: "failed", detail: this.#error ?? "closed" };
    return this.#handshake(() => wrapClient(this.#socket, options.serverName), { ...options, event: "secureConnect" });
  }
  /** `keepAhead`: what was read belongs to TLS, as when a PROXY header came before the ClientHello. */
  async startServerTls(options: { readonly keepAhead: boolean; readonly timeoutMs: number }): Promise<StartTlsAnswer> {
    const serverTls = this.#serverTls;
    assert(serverTls !== null, "startTls needs the listener's certificate");
    if (!this.#prepareTls(options)) return { kind: "failed", detail: this.#error ?? "closed" };
    return this.#handshake(() => wrapServer(this.#socket, serverTls), { role: "server", serverName: null, timeoutMs: options.timeoutMs, event: "secure" });
  }
  /** Leaves the clear socket without listeners and with what it holds thrown away (RFC 3207 section 4.2) or put back. */
  #prepareTls(options: { readonly keepAhead: boolean }): boolean {
    assert(this.#reader === null && this.#tls === null, "TLS starts on a clear connection that nobody reads");
    this.#flush();
    const socket = this.#socket;
    if (socket.destroyed || this.#ended || !socket.writable) return false;
    this.#detach();
    socket.pause();
    const ahead = this.#ahead;
    this.#ahead = [];
    this.#aheadBytes = 0;
    this.#paused = false;
    if (options.keepAhead) for (const bytes of ahead.reverse()) socket.unshift(bytes);
    else while (socket.read() !== null);
    return true;
  }
  async #handshake(wrap: () => TLSSocket, options: { role: "server" | "client"; serverName: string | null; timeoutMs: number; event: "secure" | "secureConnect" }): Promise<StartTlsAnswer> {
    let socket: TLSSocket;
    try {
      socket = wrap();
    } catch (error) {
      // OpenSSL refuses some server names and broken contexts by an exception.
      this.#socket.once("close", () => this.#onClose());
      this.#fail(detailOf(error));
      return { kind: "failed", detail: detailOf(error) };
    }
    const fail = (error: unknown): void => {
      this.#error ??= detailOf(error);
      socket.destroy();
    };
    socket.on("error", fail);
    // A TLS socket outside a tls.Server reports errors of the record layer only here.
    socket.on("_tlsError", fail);
    this.#socket = socket;
    const secured = await new Promise<boolean>((resolve) => {
      const cancel = this.#clock.timer(options.timeoutMs, () => fail(new Error("TLS handshake timeout")));
      const settle = (ok: boolean) => (): void => { cancel(); resolve(ok); };
      socket.once(options.event, settle(true));
      socket.once("close", settle(false));
    });
    this.#detach = this.#attach(socket);
    if (!secured || socket.destroyed) {
      if (socket.closed) this.#onClose();
      return { kind: "failed", detail: this.#error ?? "the peer closed during the TLS handshake" };
    }
    this.#tls = new NodeTlsSession(socket, options.role, options.serverName);
    return { kind: "started" };
  }

  end(): void {
    if (this.#ended || this.#isClosed) return;
    this.#flush();
    this.#ended = true;
    this.#ahead = [];
    this.#answer(END);
    const socket = this.#socket;
    // Nothing is read until all has left, so that only the peer's reading, not its writing, keeps the connection up.
    socket.pause();
    socket.setTimeout(LINGER_MS);
    socket.once("finish", () => {
      socket.setTimeout(0);
      // The rest of what the peer sends is taken and dropped: closing over unread octets would reset the connection and lose the last reply.
      socket.resume();
      const cancel = this.#clock.timer(LINGER_MS, () => socket.destroy());
      void this.closed.then(cancel);
    });
    socket.end();
  }
  destroy(): void {
    this.#socket.destroy();
    this.#onClose();
  }
  #fail(detail: string): void {
    this.#error ??= detail;
    this.#socket.destroy();
  }
  #onClose(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#cancelTimer();
    this.#outgoing = [];
    this.#outgoingBytes = 0;
    this.#answer(this.#error === null ? END : { kind: "error", detail: this.#error });
    this.#onDrain();
    this.#resolveClosed();
  }

  /** For the listener: gives back what was read past a header. The next read answers it first. */
  unread(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#ahead.unshift(bytes);
    this.#aheadBytes += bytes.length;
  }
  /** For the listener: the endpoints a PROXY header names. */
  proxied(remote: Endpoint, local: Endpoint): void {
    this.#remote = remote;
    this.#local = local;
  }
}

/** IPv4-mapped addresses as IPv4, without the zone of a link-local one. */
export function plainAddress(address: string | undefined): string {
  if (address === undefined) return "0.0.0.0";
  const lower = address.toLowerCase();
  if (lower.startsWith("::ffff:") && lower.includes(".")) return lower.slice(7);
  const zone = lower.indexOf("%");
  return zone < 0 ? lower : lower.slice(0, zone);
}

export function detailOf(error: unknown): string {
  if (!(error instanceof Error)) return "unknown error";
  return "code" in error && typeof error.code === "string" ? error.code : error.message;
}
