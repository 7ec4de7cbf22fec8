/** An S3 store over HTTP in this process, in memory, with the faults and the quirks that real ones have. For tests. */
import { createHash, createHmac } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";

export const FAKE_CREDENTIALS = { id: "FAKEKEY", secret: "fakesecret", token: null } as const;
export const FAKE_BUCKET = "mail";

export type S3Fault =
  /** 500, without the effect or with it. */
  | "500-before" | "500-after"
  /** The connection breaks, without the effect or with it. */
  | "reset-before" | "reset-after"
  /** Half of the answer's body, then the connection breaks. */
  | "truncated"
  /** No answer ever, without the effect or with it. */
  | "silent-before" | "silent-after"
  | "slow-down" | "409" | "507" | "denied";
export interface FakeS3Options {
  /** Asked for each request; null is none. */
  readonly fault?: (request: { readonly method: string; readonly key: string }) => S3Fault | null;
  readonly quirks?: {
    /** As Ceph 16.2: 412 for every quoted If-Match. */
    readonly bareIfMatchOnly?: boolean;
    /** The conditions are not looked at. */
    readonly noConditions?: "if-match" | "if-none-match";
    /** Conditions are looked at, then time passes, then the value is written. */
    readonly notAtomic?: boolean;
    /** The whole value whatever range was asked for. */
    readonly noRanges?: boolean;
    readonly no304?: boolean;
    /** 404 where If-Match meets nothing, as AWS. */
    readonly ifMatchAbsent404?: boolean;
    readonly versions?: boolean;
    /** At most so many keys in a page. */
    readonly pageMax?: number;
    /** Its clock minus ours. */
    readonly skewMs?: number;
  };
  /** Shared by several, as by the gateways of one store. */
  readonly objects?: Map<string, Buffer>;
  readonly secret?: () => string;
}

export class FakeS3 {
  readonly objects: Map<string, Buffer>;
  readonly requests: string[] = [];
  /** Connections that were opened. */
  connections = 0;
  #options: FakeS3Options;
  #server: Server | null = null;
  #sockets = new Set<Socket>();
  #port = 0;

  constructor(options: FakeS3Options = {}) {
    this.#options = options;
    this.objects = options.objects ?? new Map();
  }
  static async start(options: FakeS3Options = {}): Promise<FakeS3> {
    const fake = new FakeS3(options);
    await fake.listen();
    return fake;
  }
  get endpoint(): string {
    return `http://127.0.0.1:${this.#port}`;
  }
  configure(options: FakeS3Options): void {
    this.#options = { ...this.#options, ...options };
  }
  /** On the same port again after `stop`. */
  async listen(): Promise<void> {
    const server = createServer((request, response) => { void this.#serve(request, response); });
    server.on("connection", (socket) => {
      this.connections += 1;
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
    await new Promise<void>((resolve, reject) => server.once("error", reject).listen(this.#port, "127.0.0.1", resolve));
    const address = server.address();
    if (address !== null && typeof address === "object") this.#port = address.port;
    this.#server = server;
  }
  async stop(): Promise<void> {
    const server = this.#server;
    if (server === null) return;
    this.#server = null;
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of request) if (Buffer.isBuffer(chunk)) chunks.push(chunk);
    } catch {
      return;
    }
    const body = Buffer.concat(chunks);
    const method = request.method ?? "";
    const url = new URL(request.url ?? "/", "http://fake");
    const [, bucket = "", key = ""] = /^\/([^/]*)\/?(.*)$/.exec(decodeURIComponent(url.pathname)) ?? [];
    this.requests.push(`${method} ${key}`);
    const wrong = this.#refusal(request, body, bucket);
    if (wrong !== null) return this.#error(response, ...wrong);
    const fault = this.#options.fault?.({ method, key }) ?? null;
    if (fault === "slow-down") return this.#error(response, 503, "SlowDown");
    if (fault === "409") return this.#error(response, 409, "ConditionalRequestConflict");
    if (fault === "507") return this.#error(response, 507, "InsufficientStorage");
    if (fault === "denied") return this.#error(response, 403, "AccessDenied");
    if (fault === "500-before") return this.#error(response, 500, "InternalError");
    if (fault === "reset-before") return void request.socket.destroy();
    if (fault === "silent-before") return;
    const answer = await this.#answer(method, key, url.searchParams, request, body);
    if (fault === "500-after") return this.#error(response, 500, "InternalError");
    if (fault === "reset-after") return void request.socket.destroy();
    if (fault === "silent-after") return;
    response.writeHead(answer.status, { "content-length": answer.length ?? answer.body.length, date: this.#date(), ...answer.headers });
    if (fault !== "truncated") return void response.end(method === "HEAD" ? undefined : answer.body);
    response.write(answer.body.subarray(0, answer.body.length >> 1), () => request.socket.destroy());
  }

  async #answer(method: string, key: string, query: URLSearchParams, { headers }: IncomingMessage, body: Buffer): Promise<Answered> {
    if (key === "") return method === "GET" ? this.#list(query) : { status: 200, headers: {}, body: EMPTY };
    const there = this.objects.get(key);
    const etag = there === undefined ? "" : etagFor(there);
    switch (method) {
      case "PUT":
        return this.#put(key, headers, body);
      case "DELETE":
        this.objects.delete(key);
        return { status: 204, headers: {}, body: EMPTY };
      case "GET": case "HEAD":
        if (there === undefined) return method === "HEAD" ? { status: 404, headers: {}, body: EMPTY } : errorOf(404, "NoSuchKey");
        if (headers["if-none-match"] === etag && this.#options.quirks?.no304 !== true) return { status: 304, headers: { etag }, body: EMPTY };
        if (method === "HEAD") return { status: 200, headers: { etag }, body: EMPTY, length: there.length };
        return this.#range(there, etag, headers.range);
      default:
        return errorOf(405, "MethodNotAllowed");
    }
  }

  async #put(key: string, headers: IncomingMessage["headers"], body: Buffer): Promise<Answered> {
    const { quirks } = this.#options;
    const there = this.objects.get(key);
    const match = quirks?.noConditions === "if-match" ? undefined : headers["if-match"];
    if (headers["if-none-match"] === "*" && there !== undefined && quirks?.noConditions !== "if-none-match") return errorOf(412, "PreconditionFailed");
    if (match !== undefined) {
      if (there === undefined) return quirks?.ifMatchAbsent404 ? errorOf(404, "NoSuchKey") : errorOf(412, "PreconditionFailed");
      const wanted = etagFor(there);
      if (match !== wanted.replaceAll('"', "") && (quirks?.bareIfMatchOnly === true || match !== wanted)) return errorOf(412, "PreconditionFailed");
    }
    if (quirks?.notAtomic === true) await new Promise((resolve) => setTimeout(resolve, 5));
    this.objects.set(key, body);
    return { status: 200, headers: { etag: etagFor(body), ...(quirks?.versions ? { "x-amz-version-id": "v1" } : {}) }, body: EMPTY };
  }

  #range(there: Buffer, etag: string, range: string | undefined): Answered {
    const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(range ?? "") ?? [];
    if (first === undefined || this.#options.quirks?.noRanges === true) return { status: 200, headers: { etag }, body: there };
    if (Number(first) >= there.length) return errorOf(416, "InvalidRange");
    return { status: 206, headers: { etag }, body: there.subarray(Number(first), Number(last) + 1) };
  }

  #list(query: URLSearchParams): Answered {
    const limit = Math.min(Number(query.get("max-keys")), this.#options.quirks?.pageMax ?? 1000);
    const after = query.get("start-after") ?? "";
    const keys = [...this.objects.keys()].filter((key) => key.startsWith(query.get("prefix") ?? "") && key > after).sort();
    const contents = keys.slice(0, limit).map((key) => `<Contents><Key>${key}</Key><LastModified>2026-11-24T00:00:00.000Z</LastModified><ETag>&quot;x&quot;</ETag><Size>1</Size></Contents>`);
    const page = `<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>mail</Name><Prefix/><IsTruncated>${keys.length > limit}</IsTruncated>${contents.join("")}</ListBucketResult>`;
    return { status: 200, headers: {}, body: Buffer.from(page) };
  }

  /** What is wrong with who asks, when, and how. Computed from what arrived, apart from how the client does it. */
  #refusal({ method = "", url = "", headers }: IncomingMessage, body: Buffer, bucket: string): [status: number, code: string] | null {
    const header = (name: string): string => String(headers[name] ?? "");
    const [, id, scope = "", names = "", signature] = /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\S+), SignedHeaders=(\S+), Signature=([0-9a-f]{64})$/.exec(header("authorization")) ?? [];
    if (id !== FAKE_CREDENTIALS.id) return [403, "InvalidAccessKeyId"];
    const date = header("x-amz-date");
    const at = Date.parse(date.replace(/^(....)(..)(..T..)(..)(..)Z$/, "$1-$2-$3:$4:$5Z"));
    if (Math.abs(at - (Date.now() + (this.#options.quirks?.skewMs ?? 0))) > 900_000) return [403, "RequestTimeTooSkewed"];
    const [path = "", query = ""] = url.split("?");
    const payload = header("x-amz-content-sha256");
    const canonical = [method, path, query.split("&").sort().join("&"), ...names.split(";").map((name) => `${name}:${header(name)}`), "", names, payload].join("\n");
    const [day = "", region = ""] = scope.split("/");
    const key = [day, region, "s3", "aws4_request"].reduce<string | Buffer>((last, part) => createHmac("sha256", last).update(part).digest(), `AWS4${this.#options.secret?.() ?? FAKE_CREDENTIALS.secret}`);
    const expected = createHmac("sha256", key).update(`AWS4-HMAC-SHA256\n${date}\n${scope}\n${createHash("sha256").update(canonical).digest("hex")}`).digest("hex");
    if (signature !== expected) return [403, "SignatureDoesNotMatch"];
    for (const name of Object.keys(headers)) if (/^if-|^range$|^content-md5$/.test(name) && !names.split(";").includes(name)) return [403, "HeadersNotSigned"];
    if (payload !== "UNSIGNED-PAYLOAD" && payload !== createHash("sha256").update(body).digest("hex")) return [400, "XAmzContentSHA256Mismatch"];
    if (headers["content-md5"] !== undefined && headers["content-md5"] !== createHash("md5").update(body).digest("base64")) return [400, "BadDigest"];
    return bucket === FAKE_BUCKET ? null : [404, "NoSuchBucket"];
  }
  #date(): string {
    return new Date(Date.now() + (this.#options.quirks?.skewMs ?? 0)).toUTCString();
  }
  /** Some stores put what was signed, and by whom, into their errors; so does this one. */
  #error(response: ServerResponse, status: number, code: string): void {
    const { headers, body } = errorOf(status, code);
    response.writeHead(status, { ...headers, date: this.#date(), "content-length": body.length });
    response.end(body);
  }
}

interface Answered {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** Content-Length, where it is not that of the body. */
  readonly length?: number;
}
const EMPTY = Buffer.alloc(0);

function errorOf(status: number, code: string): Answered {
  const body = `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>told to</Message><AWSAccessKeyId>${FAKE_CREDENTIALS.id}</AWSAccessKeyId><StringToSign>${FAKE_CREDENTIALS.secret}</StringToSign></Error>`;
  return { status, headers: { "content-type": "application/xml" }, body: Buffer.from(body) };
}

function etagFor(bytes: Buffer): string {
  return `"${createHash("md5").update(bytes).digest("hex")}"`;
}
