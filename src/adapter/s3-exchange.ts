/** One request to one endpoint of an S3 store, and what became of it. */
import { Agent as HttpAgent, request as httpRequest, type ClientRequest, type IncomingHttpHeaders, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import type { Clock } from "../port/clock.ts";
import { S3_CONNECT_MS_MAX, S3_IDLE_MS, S3_SILENCE_MS_MAX, S3_UPLOAD_BYTES_PER_MS_MIN, S3_XML_BYTES_MAX } from "./limits.ts";
import type { S3Endpoint, S3Target } from "./s3-url.ts";

export interface S3Response {
  readonly kind: "response";
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}
export type S3Answer =
  | S3Response
  /** It never left: nothing can have happened. */
  | { readonly kind: "unsent"; readonly detail: string }
  /** It left, or part of it, and no whole answer came back. */
  | { readonly kind: "lost"; readonly because: "timeout" | "unavailable"; readonly detail: string };

export interface ToExchange {
  readonly method: string;
  readonly endpoint: S3Endpoint;
  readonly target: S3Target;
  readonly query: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | null;
  /** Octets of a body in answer to GET that are taken; errors have a limit of their own. */
  readonly bodyBytesMax: number;
}

export class S3Exchange {
  readonly #clock: Clock;
  readonly #http: HttpAgent;
  readonly #https: HttpsAgent;

  constructor(clock: Clock, connections: number) {
    this.#clock = clock;
    // `timeout` closes idle sockets only: nothing listens to it while a request is under way.
    const options = { keepAlive: true, maxFreeSockets: connections, timeout: S3_IDLE_MS, scheduling: "lifo" as const };
    this.#http = new HttpAgent(options);
    this.#https = new HttpsAgent(options);
  }

  close(): void {
    this.#http.destroy();
    this.#https.destroy();
  }

  run(exchange: ToExchange): Promise<S3Answer> {
    const { method, endpoint: { tls }, target, query, headers, body } = exchange;
    return new Promise((resolve) => {
      const request = (tls ? httpsRequest : httpRequest)({
        method, host: target.host, port: target.port, path: query === "" ? target.path : `${target.path}?${query}`, headers, agent: tls ? this.#https : this.#http, setDefaultHeaders: false,
      });
      const watch = new Watch(request, this.#clock, tls, body?.length ?? 0, resolve);
      request.once("response", (response) => collect(response, exchange, watch));
      if (body === null) request.end();
      else request.end(body);
    });
  }
}

/** Follows one request until it is settled, once. */
class Watch {
  readonly #request: ClientRequest;
  readonly #clock: Clock;
  readonly #resolve: (answer: S3Answer) => void;
  #connected = false;
  #settled = false;
  #cancel: () => void;
  #heardAt: number;

  constructor(request: ClientRequest, clock: Clock, tls: boolean, bodyBytes: number, resolve: (answer: S3Answer) => void) {
    this.#request = request;
    this.#clock = clock;
    this.#resolve = resolve;
    this.#heardAt = clock.monotonic();
    const silenceMs = S3_SILENCE_MS_MAX + bodyBytes / S3_UPLOAD_BYTES_PER_MS_MIN;
    const connected = (): void => {
      if (this.#settled) return;
      this.#connected = true;
      this.#cancel();
      this.heard();
      this.#cancel = this.#limit(silenceMs);
    };
    this.#cancel = clock.timer(S3_CONNECT_MS_MAX, () => this.fail("timeout", `no connection in ${S3_CONNECT_MS_MAX} ms`));
    request.once("socket", (socket) => {
      if (request.reusedSocket) connected();
      else socket.once(tls ? "secureConnect" : "connect", connected);
    });
    request.on("error", (error) => this.fail("unavailable", codeOf(error)));
  }
  heard(): void {
    this.#heardAt = this.#clock.monotonic();
  }
  /** One timer for the whole request, set again when it was heard of meanwhile. */
  #limit(ms: number): () => void {
    return this.#clock.timer(ms, () => {
      const silentMs = this.#clock.monotonic() - this.#heardAt;
      if (silentMs >= S3_SILENCE_MS_MAX) this.fail("timeout", `no answer in ${Math.round(silentMs)} ms`);
      else this.#cancel = this.#limit(S3_SILENCE_MS_MAX - silentMs);
    });
  }
  fail(because: "timeout" | "unavailable", detail: string): void {
    this.settle(this.#connected ? { kind: "lost", because, detail } : { kind: "unsent", detail });
    this.#request.destroy();
  }
  settle(answer: S3Answer): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#cancel();
    this.#resolve(answer);
  }
}

function collect(response: IncomingMessage, { method, bodyBytesMax }: ToExchange, watch: Watch): void {
  const status = response.statusCode ?? 0;
  const bytesMax = method === "GET" && status < 300 ? bodyBytesMax : S3_XML_BYTES_MAX;
  const chunks: Buffer[] = [];
  let bytes = 0;
  watch.heard();
  response.on("data", (chunk: Buffer) => {
    watch.heard();
    bytes += chunk.length;
    if (bytes > bytesMax) watch.fail("unavailable", `the answer is longer than ${bytesMax} octets`);
    else chunks.push(chunk);
  });
  response.once("end", () => {
    // A body that was cut off where its length says more follows ends in an error, or not complete.
    if (!response.complete) watch.fail("unavailable", "the answer was cut off");
    else watch.settle({ kind: "response", status, headers: response.headers, body: chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, bytes) });
  });
  response.once("error", (error) => watch.fail("unavailable", codeOf(error)));
  response.once("close", () => watch.fail("unavailable", "the answer was cut off"));
}

/** Never the message: it may name more than the log should. */
function codeOf(error: Error): string {
  return "code" in error && typeof error.code === "string" ? error.code : error.name;
}
