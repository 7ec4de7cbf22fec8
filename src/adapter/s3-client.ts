/**
 * Signed requests to an S3 store: one try each, on an endpoint that answers, so many at once and no more.
 * What a try means for the object, and whether there is another one, is decided above (s3-store.ts).
 */
import { createHash, hash } from "node:crypto";
import type { Clock } from "../port/clock.ts";
import type { Log } from "../port/log.ts";
import type { Metrics } from "../port/metrics.ts";
import type { Random } from "../port/random.ts";
import { S3_CREDENTIALS_AGAIN_MS, S3_SIGNED_BODY_BYTES_MAX, S3_WAITING_BYTES_MAX, S3_WAITING_MAX } from "./limits.ts";
import type { S3Credentials, S3CredentialsAnswer } from "./s3-credentials.ts";
import { S3Endpoints } from "./s3-endpoints.ts";
import { S3Exchange, type S3Answer, type S3Response } from "./s3-exchange.ts";
import { EMPTY_SHA256, S3Signer, UNSIGNED_PAYLOAD } from "./s3-signature.ts";
import { type S3Endpoint, type S3Place, targetOf } from "./s3-url.ts";
import { parseErrorCode } from "./s3-xml.ts";

export interface S3World {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly credentials: () => S3CredentialsAnswer;
}
export interface S3Request {
  readonly method: "GET" | "HEAD" | "PUT" | "DELETE";
  /** Null: the bucket itself. */
  readonly key: string | null;
  /** Encoded and sorted by name. */
  readonly query?: string;
  /** Lower-case names. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: S3Body;
  /** Octets of an answer to GET. */
  readonly bodyBytesMax?: number;
}
/** The octets to PUT with what is computed from them, once for all tries. */
export interface S3Body {
  readonly bytes: Buffer;
  readonly sha256: string;
  /** Base64; only where `sha256` is not signed. */
  readonly md5: string | null;
}
/** `code` is that of the error, "" for none. */
export type S3Result = (S3Response & { readonly code: string }) | Exclude<S3Answer, S3Response>;

/** As much is hashed without letting others have a turn. */
const HASH_STEP_BYTES = 2 * 1024 * 1024;
const SKEW_CODES = new Set(["RequestTimeTooSkewed", "RequestExpired"]);
const CREDENTIALS_CODES = new Set(["ExpiredToken", "InvalidAccessKeyId", "InvalidToken", "SignatureDoesNotMatch", "TokenRefreshRequired"]);
const BACK_STATUS_MAX = 499;

export class S3Client {
  readonly place: S3Place;
  readonly #world: S3World;
  readonly #exchange: S3Exchange;
  readonly #endpoints: S3Endpoints;
  #credentials: S3Credentials;
  #signer: S3Signer;
  #credentialsReadAt: number;
  /** The store's clock minus ours. */
  #skewMs = 0;
  #free: number;
  readonly #waiting: (() => void)[] = [];
  #waitingBytes = 0;
  /** Neither the clock's timers nor idle connections keep the process alive; an open store does, since somebody may wait for it. */
  readonly #open = setInterval(() => {}, 2 ** 30);

  constructor(place: S3Place, world: S3World, credentials: S3Credentials) {
    this.place = place;
    this.#world = world;
    this.#free = place.connections;
    this.#credentials = credentials;
    this.#credentialsReadAt = world.clock.monotonic();
    this.#signer = new S3Signer(credentials, place.region);
    this.#exchange = new S3Exchange(world.clock, place.connections);
    // Not counted as one of `connections`: those may all be waiting for an endpoint that hangs.
    this.#endpoints = new S3Endpoints(place.endpoints, world, async (endpoint) => {
      const answer = await this.#signedOnce({ method: "HEAD", key: null }, endpoint);
      return answer.kind === "response" && answer.status <= BACK_STATUS_MAX;
    });
  }

  /** Whether a request with so many octets would wait behind too much. */
  crowded(bytes: number): boolean {
    return this.#waiting.length >= S3_WAITING_MAX || this.#waitingBytes + bytes > S3_WAITING_BYTES_MAX;
  }

  pick(not: S3Endpoint | null): S3Endpoint {
    return this.#endpoints.pick(not);
  }

  /** One try. A clock that is off and credentials that were changed do not count as one. */
  async once(request: S3Request, endpoint: S3Endpoint): Promise<S3Result> {
    await this.#acquire(request.body?.bytes.length ?? 0);
    try {
      const answer = await this.#heeding(request, endpoint);
      if (answer.kind !== "response" || answer.status !== 403) return answer;
      return this.#correct(answer) ? await this.#heeding(request, endpoint) : answer;
    } finally {
      this.#release();
    }
  }

  close(): void {
    this.#endpoints.close();
    this.#exchange.close();
    clearInterval(this.#open);
  }

  /** One exchange, and what it says about the endpoint. */
  async #heeding(request: S3Request, endpoint: S3Endpoint): Promise<S3Result> {
    const startedAt = this.#world.clock.monotonic();
    const answer = await this.#signedOnce(request, endpoint);
    if (answer.kind === "response") this.#endpoints.answered(endpoint);
    else this.#endpoints.failed(endpoint, startedAt, answer.detail);
    this.#world.metrics.observe("tayori_store_request_seconds", (this.#world.clock.monotonic() - startedAt) / 1000, { method: request.method, answer: answer.kind === "response" ? `${Math.floor(answer.status / 100)}xx` : answer.kind });
    return answer;
  }

  async #signedOnce({ method, key, query = "", headers = {}, body, bodyBytesMax = 0 }: S3Request, endpoint: S3Endpoint): Promise<S3Result> {
    const target = targetOf(this.place, endpoint, key);
    const toSign: Record<string, string> = { ...headers, host: target.hostHeader };
    if (body !== undefined && body.md5 !== null) toSign["content-md5"] = body.md5;
    const signed = this.#signer.sign({ method, path: target.path, query, headers: toSign }, body?.sha256 ?? EMPTY_SHA256, this.#world.clock.now() + this.#skewMs);
    if (body !== undefined) signed["content-length"] = String(body.bytes.length);
    signed["connection"] = "keep-alive";
    const answer = await this.#exchange.run({ method, endpoint, target, query, headers: signed, body: body?.bytes ?? null, bodyBytesMax });
    if (answer.kind !== "response") return answer;
    return { ...answer, code: answer.status >= 300 && answer.body.length > 0 ? parseErrorCode(answer.body) : "" };
  }

  /** Whether something was set right and the request is worth repeating at once. */
  #correct({ code, headers }: S3Response & { readonly code: string }): boolean {
    if (SKEW_CODES.has(code)) {
      const there = Date.parse(headers.date ?? "");
      if (!Number.isFinite(there)) return false;
      this.#skewMs = there - this.#world.clock.now();
      this.#world.log.warn("store-clock-skew", { seconds: Math.round(this.#skewMs / 1000) });
      return true;
    }
    const now = this.#world.clock.monotonic();
    if (!CREDENTIALS_CODES.has(code) || now - this.#credentialsReadAt < S3_CREDENTIALS_AGAIN_MS) return false;
    this.#credentialsReadAt = now;
    const read = this.#world.credentials();
    const { id, secret, token } = this.#credentials;
    if (read.kind === "refused" || (read.credentials.id === id && read.credentials.secret === secret && read.credentials.token === token)) return false;
    this.#credentials = read.credentials;
    this.#signer = new S3Signer(read.credentials, this.place.region);
    this.#world.log.info("store-credentials-read-again");
    return true;
  }

  async #acquire(bytes: number): Promise<void> {
    if (this.#free > 0) {
      this.#free -= 1;
      return;
    }
    this.#waitingBytes += bytes;
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#waitingBytes -= bytes;
  }
  /** The place goes to whoever has waited longest. */
  #release(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free += 1;
    else next();
  }
}

/** A small body is signed whole; a large one is covered by Content-MD5, and others have their turn while it is hashed. */
export async function bodyOf(bytes: Buffer, clock: Clock): Promise<S3Body> {
  if (bytes.length <= S3_SIGNED_BODY_BYTES_MAX) return { bytes, sha256: bytes.length === 0 ? EMPTY_SHA256 : hash("sha256", bytes, "hex"), md5: null };
  const digest = createHash("md5");
  for (let at = 0; at < bytes.length; at += HASH_STEP_BYTES) {
    if (at > 0) await clock.sleep(0);
    digest.update(bytes.subarray(at, at + HASH_STEP_BYTES));
  }
  return { bytes, sha256: UNSIGNED_PAYLOAD, md5: digest.digest("base64") };
}
