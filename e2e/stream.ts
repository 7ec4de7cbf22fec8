/** A TCP or TLS stream of lines and counted octets, for the protocol clients of the tests. */
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";

const TIMEOUT_MS = 30_000;

export class StreamEnded extends Error {}

export interface StreamOptions {
  readonly tls?: boolean;
  readonly host?: string;
  readonly localAddress?: string;
  /** Octets before everything else, such as a PROXY header. */
  readonly preface?: Uint8Array;
}

export class LineStream {
  #socket: Socket;
  #chunks: Buffer[] = [];
  #bytes = 0;
  #ended = false;
  #wake: (() => void) | null = null;
  timeoutMs = TIMEOUT_MS;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#listen();
  }
  static async connect(port: number, options: StreamOptions = {}): Promise<LineStream> {
    const host = options.host ?? "127.0.0.1";
    const socket = connectTcp({ port, host, noDelay: true, ...(options.localAddress === undefined ? {} : { localAddress: options.localAddress }) });
    await new Promise<void>((resolve, reject) => { socket.once("connect", resolve); socket.once("error", reject); });
    if (options.preface !== undefined) socket.write(options.preface);
    const stream = new LineStream(socket);
    if (options.tls === true) await stream.startTls();
    return stream;
  }
  #listen(): void {
    this.#socket.on("data", (chunk: Buffer) => { this.#chunks.push(chunk); this.#bytes += chunk.length; this.#wake?.(); });
    const end = (): void => { this.#ended = true; this.#wake?.(); };
    this.#socket.on("end", end);
    this.#socket.on("close", end);
    this.#socket.on("error", end);
  }
  /** Wraps the connection in TLS. The server's certificate is self-signed, so it is not checked here; foreign clients check it. */
  async startTls(): Promise<void> {
    const clear = this.#socket;
    for (const event of ["data", "end", "close", "error"]) clear.removeAllListeners(event);
    this.#chunks = [];
    this.#bytes = 0;
    const secure = connectTls({ socket: clear, rejectUnauthorized: false });
    await new Promise<void>((resolve, reject) => {
      secure.once("secureConnect", resolve);
      secure.once("error", reject);
      secure.once("close", () => reject(new StreamEnded("closed during the TLS handshake")));
    });
    secure.removeAllListeners("error");
    secure.removeAllListeners("close");
    this.#socket = secure;
    this.#listen();
  }
  write(bytes: Uint8Array | string): void {
    this.#socket.write(bytes);
  }
  /** Resolves when the octets were handed to the kernel. */
  written(bytes: Uint8Array | string): Promise<void> {
    return new Promise((resolve) => { this.#socket.write(bytes, () => resolve()); });
  }
  /** Something happened, or the time is over. */
  #change(timeoutMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => { this.#wake = null; resolve(false); }, timeoutMs);
      this.#wake = () => { this.#wake = null; clearTimeout(timer); resolve(true); };
    });
  }
  #joined(): Buffer {
    if (this.#chunks.length > 1) this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0] ?? Buffer.alloc(0);
  }
  #take(count: number): Buffer {
    const all = this.#joined();
    this.#chunks = all.length > count ? [all.subarray(count)] : [];
    this.#bytes = all.length - count;
    return all.subarray(0, count);
  }
  /** The next line without its CRLF. */
  async line(): Promise<Buffer> {
    for (let from = 0; ;) {
      const all = this.#joined();
      const at = all.indexOf("\r\n", from, "latin1");
      if (at >= 0) return this.#take(at + 2).subarray(0, at);
      from = Math.max(0, all.length - 1);
      await this.#more();
    }
  }
  async octets(count: number): Promise<Buffer> {
    while (this.#bytes < count) await this.#more();
    return this.#take(count);
  }
  async #more(): Promise<void> {
    if (this.#ended) throw new StreamEnded(`the server closed the connection after ${JSON.stringify(this.#joined().subarray(-200).toString("latin1"))}`);
    if (!(await this.#change(this.timeoutMs))) throw new Error(`nothing came for ${this.timeoutMs} ms after ${JSON.stringify(this.#joined().subarray(-200).toString("latin1"))}`);
  }
  /** What comes within `ms`, or until the server closes: for looking at what must not come. */
  async everything(ms: number): Promise<Buffer> {
    const end = Date.now() + ms;
    while (!this.#ended && Date.now() < end) await this.#change(end - Date.now());
    return this.#take(this.#bytes);
  }
  get ended(): boolean {
    return this.#ended;
  }
  destroy(): void {
    this.#socket.destroy();
  }
}
