/**
 * The object store in a bucket of an S3-compatible store, over one or more endpoints of it. See docs/stores.md.
 *
 * What was tried and got no answer, or 5xx, may have been done: it is tried again elsewhere with the same octets, which is
 * harmless with a condition, and a conflict after it is settled by reading back. Only where that does not tell is the
 * outcome `unknown`. Writes of one process to one key happen in order.
 *
 * What a caller must handle: `unknown` as the port says. `full` and what is not retryable is for the operator.
 */
import { assert } from "../base/assert.ts";
import { equal } from "../base/bytes.ts";
import { assertGetOptions, assertKey, assertListOptions, assertPrefix } from "../port/object-key.ts";
import type { DeleteAnswer, GetAnswer, GetOptions, ListAnswer, ListOptions, ObjectStore, PutAnswer, PutCondition, StoreFailure } from "../port/object-store.ts";
import { S3_LIST_PAGES_MAX, S3_UPLOAD_BYTES_PER_MS_MIN, S3_XML_BYTES_MAX } from "./limits.ts";
import { bodyOf, S3Client, type S3Request, type S3World } from "./s3-client.ts";
import { etagOf, written } from "./s3-etag.ts";
import type { S3Response } from "./s3-exchange.ts";
import { probeS3, type S3Forms, writeProblems } from "./s3-probe.ts";
import { Tries, troubleOf } from "./s3-trouble.ts";
import { encodeRfc3986, parseS3Url, type S3Endpoint } from "./s3-url.ts";
import { parseList, type S3Page } from "./s3-xml.ts";

/** Far below what S3 takes in one PUT (5 GB): above, a value should have been several. */
export const S3_VALUE_BYTES_MAX = 256 << 20;

const OURS = /^[A-Za-z0-9/\-_.!=@+]+$/;
const CLOSED: StoreFailure = { kind: "failure", because: "closed", outcome: "none", retryable: false, detail: "the store is closed" };
const LOG_EVERY_MS = 60_000;

/** Opens the store and tries whether it keeps to what is needed. Throws an Error when it cannot be reached, or does not. */
export async function openS3Store(url: string, world: S3World): Promise<S3Store> {
  const client = openS3Client(url, world);
  try {
    const { forms, findings } = await probeS3(client, world, "short");
    const problems = writeProblems(findings);
    if (forms === null || problems.essential.length > 0) throw new Error(`the store cannot be used: ${problems.essential.join("; ")}`);
    for (const problem of problems.others) world.log.warn("store-probe", { problem });
    return new S3Store(client, world, forms);
  } catch (error) {
    client.close();
    throw error;
  }
}

/** Throws an Error when the URL is none or there are no credentials. */
export function openS3Client(url: string, world: S3World): S3Client {
  const parsed = parseS3Url(url);
  if (parsed.kind === "refused") throw new Error(`the store's URL cannot be used: ${parsed.because}`);
  const read = world.credentials();
  if (read.kind === "refused") throw new Error(`the store cannot be opened: ${read.because}`);
  return new S3Client(parsed.place, world, read.credentials);
}

export class S3Store implements ObjectStore {
  readonly #client: S3Client;
  readonly #world: S3World;
  readonly #forms: S3Forms;
  /** The last write of each key that is being written. */
  readonly #writes = new Map<string, Promise<unknown>>();
  readonly #loggedAt = new Map<string, number>();
  #pending = 0;
  #closed = false;
  #idle: () => void = () => {};

  constructor(client: S3Client, world: S3World, forms: S3Forms) {
    this.#client = client;
    this.#world = world;
    this.#forms = forms;
  }

  async get(key: string, options: GetOptions = {}): Promise<GetAnswer> {
    assertKey(key);
    assertGetOptions(options);
    return this.#counted(0, () => this.#get(key, options));
  }

  async put(key: string, bytes: Uint8Array, condition: PutCondition): Promise<PutAnswer> {
    assertKey(key);
    assert(bytes.byteLength <= S3_VALUE_BYTES_MAX, "object value: too long");
    return this.#counted(bytes.byteLength, () => {
      const own = Buffer.from(bytes);
      return this.#inOrder(key, () => this.#put(key, own, condition));
    });
  }

  async delete(key: string): Promise<DeleteAnswer> {
    assertKey(key);
    return this.#counted(0, () => this.#inOrder(key, () => this.#tried<DeleteAnswer>({ method: "DELETE", key }, ({ status, code }) =>
      status === 204 || status === 200 || code === "NoSuchKey" ? { kind: "done" } : null)));
  }

  async list(prefix: string, options: ListOptions): Promise<ListAnswer> {
    assertPrefix(prefix);
    assertListOptions(options);
    return this.#counted(0, () => this.#list(prefix, options));
  }

  /** Finishes what was asked before. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#pending > 0) await new Promise<void>((resolve) => { this.#idle = resolve; });
    this.#client.close();
  }

  async #get(key: string, { range, ifNoneMatch }: GetOptions, tries = new Tries(this.#world)): Promise<GetAnswer> {
    const headers: Record<string, string> = {};
    if (range !== undefined) headers["range"] = `bytes=${range.start}-${Math.max(range.start, range.end - 1)}`;
    if (ifNoneMatch !== undefined && this.#forms.ifNoneMatch !== null) headers["if-none-match"] = written(ifNoneMatch, this.#forms.ifNoneMatch);
    const cut = ({ body, status, headers: answered }: S3Response): GetAnswer => {
      const etag = etagOf(answered.etag);
      if (etag !== "" && etag === ifNoneMatch) return { kind: "unchanged" };
      // A store may answer with the whole value, and always has at least one octet where we want none.
      const from = status === 200 ? range?.start ?? 0 : 0;
      return { kind: "found", bytes: range === undefined ? body : body.subarray(from, from + range.end - range.start), etag };
    };
    return this.#tried<GetAnswer>({ method: "GET", key, headers, bodyBytesMax: S3_VALUE_BYTES_MAX }, async (response) => {
      const { status, code } = response;
      if (status === 200 || status === 206) return cut(response);
      if (status === 304 && ifNoneMatch !== undefined) return { kind: "unchanged" };
      if (status === 404 && code === "NoSuchKey") return { kind: "absent" };
      if (status !== 416 || range === undefined) return null;
      // Past the end of the value: nothing of it, but its etag is wanted.
      const head = await this.#client.once({ method: "HEAD", key }, this.#client.pick(null));
      return head.kind === "response" && head.status === 200 && Number(head.headers["content-length"]) <= range.start ? cut({ ...head, body: Buffer.alloc(0) }) : "again";
    }, tries);
  }

  async #put(key: string, bytes: Buffer, condition: PutCondition): Promise<PutAnswer> {
    const headers: Record<string, string> = {};
    const match = "ifAbsent" in condition ? undefined : condition["ifMatch"];
    if ("ifAbsent" in condition) headers["if-none-match"] = "*";
    if (match !== undefined) headers["if-match"] = written(match, this.#forms.ifMatch);
    const conditional = "ifAbsent" in condition || match !== undefined;
    const request: S3Request = { method: "PUT", key, headers, body: await bodyOf(bytes, this.#world.clock) };
    const tries = new Tries(this.#world, bytes.length / S3_UPLOAD_BYTES_PER_MS_MIN);
    let unsure: StoreFailure | null = null;
    let endpoint: S3Endpoint | null = null;
    for (;;) {
      endpoint = this.#client.pick(endpoint);
      const result = await this.#client.once(request, endpoint);
      const status = result.kind === "response" ? result.status : 0;
      if (result.kind === "response" && status === 200 && etagOf(result.headers.etag) !== "") return { kind: "done", etag: etagOf(result.headers.etag) };
      const conflict = conditional && result.kind === "response" && (status === 412 || (status === 404 && result.code === "NoSuchKey" && match !== undefined));
      if (conflict && unsure === null) return { kind: "conflict" };
      // A success that does not say which etag it made is as good as none.
      const { again, failure } = status === 200 ? { again: true, failure: { kind: "failure", because: "unavailable", outcome: "unknown", retryable: true, detail: "the store gave no etag" } as const } : troubleOf(result);
      if (!conflict && failure.outcome === "unknown") unsure = failure;
      if (unsure !== null && conditional) {
        const there = await this.#readBack(key, bytes, match, tries);
        if (there.kind === "done") return there;
        if (there.kind === "other") return unsure;
      } else if (!again) return this.#told("PUT", unsure === null ? failure : { ...failure, outcome: "unknown" });
      this.#world.metrics.count("tayori_store_retries_total", { method: "PUT", because: conflict ? "conflict" : failure.because });
      if (!(await tries.again(unsure === null ? "none" : "unknown", !conflict && failure.because !== "throttled"))) return this.#told("PUT", unsure ?? failure);
    }
  }

  /** After a try whose outcome is unknown: `before` is as it was before the write, so that another try is harmless. */
  async #readBack(key: string, bytes: Buffer, match: string | undefined, tries: Tries): Promise<{ readonly kind: "done"; readonly etag: string } | { readonly kind: "before" | "other" | "unknown" }> {
    const there = await this.#get(key, {}, tries);
    switch (there.kind) {
      case "found":
        if (equal(there.bytes, bytes)) return { kind: "done", etag: there.etag };
        return { kind: there.etag === match ? "before" : "other" };
      case "absent":
        return { kind: match === undefined ? "before" : "other" };
      default:
        return { kind: "unknown" };
    }
  }

  async #list(prefix: string, { after, limit }: ListOptions): Promise<ListAnswer> {
    const own = this.#client.place.prefix;
    const keys: string[] = [];
    let last = after === undefined || after === "" ? "" : own + after;
    let token: string | null = null;
    for (let pages = 0; pages < S3_LIST_PAGES_MAX; pages++) {
      const query: string = `${token === null ? "" : `continuation-token=${encodeRfc3986(token)}&`}list-type=2&max-keys=${limit - keys.length}&prefix=${encodeRfc3986(own + prefix)}${token !== null || last === "" ? "" : `&start-after=${encodeRfc3986(last)}`}`;
      const page = await this.#tried<{ readonly kind: "page"; readonly page: S3Page | null }>({ method: "GET", key: null, query, bodyBytesMax: S3_XML_BYTES_MAX }, ({ status, body }) => (status === 200 ? { kind: "page", page: parseList(body) } : null));
      if (page.kind === "failure") return page;
      if (page.page === null) return this.#told("LIST", corrupt("the list is no ListBucketResult"));
      for (const key of page.page.keys) {
        // What others put into the bucket is not ours, and their keys may have another order.
        const ours = OURS.test(key) && key.length > own.length;
        if (ours && OURS.test(last) && key <= last) return this.#told("LIST", corrupt("the list is not in the order of its keys"));
        if (!key.startsWith(own + prefix)) return this.#told("LIST", corrupt("the list has keys with another prefix"));
        last = key;
        if (ours) keys.push(key.slice(own.length));
      }
      if (!page.page.truncated || keys.length >= limit) return { kind: "keys", keys: keys.slice(0, limit) };
      // A page may be empty and not the last; then only its token leads on.
      token = page.page.keys.length === 0 ? page.page.next : null;
      if (page.page.keys.length === 0 && token === null) break;
    }
    return this.#told("LIST", corrupt("the list has no end"));
  }

  /** Tries until `judge` knows what a response means, or no other try can help. `judge` answers null where it does not. */
  async #tried<A>(request: S3Request, judge: (response: S3Response & { readonly code: string }) => A | null | "again" | Promise<A | null | "again">, tries = new Tries(this.#world)): Promise<A | StoreFailure> {
    let unsure: StoreFailure | null = null;
    let endpoint: S3Endpoint | null = null;
    for (;;) {
      endpoint = this.#client.pick(endpoint);
      const result = await this.#client.once(request, endpoint);
      const judged = result.kind === "response" ? await judge(result) : null;
      if (judged !== null && judged !== "again") return judged;
      const { again, failure } = judged === "again" ? { again: true, failure: CHANGING } : troubleOf(result);
      if (failure.outcome === "unknown") unsure = failure;
      // Reading has no effect, whatever became of it.
      const told: StoreFailure = request.method === "DELETE" ? (unsure === null ? failure : { ...failure, outcome: "unknown" }) : { ...failure, outcome: "none" };
      if (!again) return this.#told(request.method, told);
      this.#world.metrics.count("tayori_store_retries_total", { method: request.method, because: failure.because });
      if (!(await tries.again(unsure === null ? "none" : "unknown", failure.because !== "throttled"))) return this.#told(request.method, told);
    }
  }

  /** What is for the operator is logged, but not for every request. */
  #told(method: string, failure: StoreFailure): StoreFailure {
    const now = this.#world.clock.monotonic();
    this.#world.metrics.count("tayori_store_failures_total", { method, because: failure.because });
    const id = `${method} ${failure.because} ${failure.detail.replace(/[0-9]+ ms/, "")}`;
    if (now - (this.#loggedAt.get(id) ?? -Infinity) < LOG_EVERY_MS) return failure;
    if (this.#loggedAt.size > 100) this.#loggedAt.clear();
    this.#loggedAt.set(id, now);
    this.#world.log.error("store-failure", { method, because: failure.because, outcome: failure.outcome, detail: failure.detail });
    return failure;
  }

  async #counted<A>(bytes: number, work: () => Promise<A>): Promise<A | StoreFailure> {
    if (this.#closed) return CLOSED;
    if (this.#client.crowded(bytes)) return { kind: "failure", because: "throttled", outcome: "none", retryable: true, detail: "too many requests wait for the store" };
    this.#pending += 1;
    try {
      return await work();
    } finally {
      if (--this.#pending === 0) this.#idle();
    }
  }

  #inOrder<A>(key: string, work: () => Promise<A>): Promise<A> {
    const before = this.#writes.get(key);
    const result = before === undefined ? work() : before.then(work, work);
    this.#writes.set(key, result);
    return result.finally(() => {
      if (this.#writes.get(key) === result) this.#writes.delete(key);
    });
  }
}

const CHANGING: StoreFailure = { kind: "failure", because: "throttled", outcome: "none", retryable: true, detail: "the value changes while it is read" };

function corrupt(detail: string): StoreFailure {
  return { kind: "failure", because: "corrupt", outcome: "none", retryable: false, detail };
}
