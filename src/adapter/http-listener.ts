/** The HTTP listener of node:http, reduced to what the pages for operators need: one function from a request to a response. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Log } from "../port/log.ts";

/** Whoever asks here is a probe or a scraper: short requests, one after the other. */
const HEADER_BYTES_MAX = 8 * 1024;
const REQUEST_MS_MAX = 10_000;
const CONNECTIONS_MAX = 100;

export interface HttpListenerOptions {
  readonly host: string;
  /** 0: one that the operating system chooses. */
  readonly port: number;
  /** Other processes of this user listen there too. */
  readonly shared?: boolean;
  readonly log: Log;
  /** Must not look at the body; bodies of requests are thrown away. */
  respond(request: { readonly method: string; readonly target: string }): Promise<{ readonly status: number; readonly headers: Readonly<Record<string, string>>; readonly body: string }>;
}
export type HttpListenAnswer =
  | { readonly kind: "listening"; readonly address: string; readonly port: number; close(): Promise<void> }
  | { readonly kind: "failed"; readonly detail: string };

export function listenHttp(options: HttpListenerOptions): Promise<HttpListenAnswer> {
  const limits = { maxHeaderSize: HEADER_BYTES_MAX, requestTimeout: REQUEST_MS_MAX, headersTimeout: REQUEST_MS_MAX, keepAliveTimeout: REQUEST_MS_MAX };
  const server = createServer(limits, (request, response) => void answer(options, request, response));
  server.maxConnections = CONNECTIONS_MAX;
  return new Promise((resolve) => {
    server.once("error", (error) => resolve({ kind: "failed", detail: error.message }));
    server.listen({ host: options.host, port: options.port, reusePort: options.shared === true }, () => {
      server.on("error", (error) => options.log.error("http-listener-error", { detail: error.message }));
      const { address, port } = server.address() as AddressInfo;
      resolve({ kind: "listening", address, port, close: () => closeServer(server) });
    });
  });
}

async function answer(options: HttpListenerOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  request.resume();
  try {
    const { status, headers, body } = await options.respond({ method: request.method ?? "", target: request.url ?? "" });
    response.writeHead(status, headers).end(body);
  } catch (error) {
    options.log.error("http-request-failed", { detail: error instanceof Error ? error.message : String(error) });
    if (response.headersSent) response.destroy();
    else response.writeHead(500, { "content-type": "text/plain" }).end("internal error\n");
  }
}

function closeServer(server: ReturnType<typeof createServer>): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
