import type { TLSSocket } from "node:tls";
import type { TlsSession } from "../port/connection.ts";

/** What an established TLS socket says about itself. */
export class NodeTlsSession implements TlsSession {
  readonly protocol: string;
  readonly cipher: string;
  readonly serverName: string | null;
  readonly verified: TlsSession["verified"];
  readonly #socket: TLSSocket;

  constructor(socket: TLSSocket, role: "server" | "client", serverName: string | null) {
    this.#socket = socket;
    this.protocol = socket.getProtocol() ?? "unknown";
    this.cipher = socket.getCipher().standardName;
    // Node's types leave out that a server's socket has the client's SNI here, or false.
    const asked: unknown = Reflect.get(socket, "servername");
    this.serverName = role === "client" ? serverName : typeof asked === "string" && asked !== "" ? asked.toLowerCase() : null;
    this.verified = role === "server" || socket.authorized ? { ok: true } : { ok: false, because: describe(socket.authorizationError) };
  }
  exportKeyingMaterial(bytes: number, label: string): Buffer {
    // Without a context, which TLS 1.3 makes equal to an empty one (RFC 8446 section 7.5). Node's types insist on one.
    const exporter: (length: number, label: string) => Buffer = this.#socket.exportKeyingMaterial.bind(this.#socket) as never;
    return exporter(bytes, label);
  }
}

function describe(error: unknown): string {
  if (error instanceof Error) return "code" in error && typeof error.code === "string" ? error.code : error.message;
  return typeof error === "string" && error !== "" ? error : "unverified";
}
