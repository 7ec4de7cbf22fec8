/**
 * The near side of the writing thread: gathers writes into batches, keeps one batch under way, and answers each write.
 *
 * What arrives while a batch is being committed goes into the next one, so the batches grow with the load (group commit).
 * If the thread dies, the writes of the batch under way have an unknown outcome; the others wait for a new thread.
 */
import { randomBytes } from "node:crypto";
import { Worker } from "node:worker_threads";
import { assert, unreachable } from "../base/assert.ts";
import type { PutAnswer, StoreFailure } from "../port/object-store.ts";
import { etagOf, told, type FromWriter, type ToWriter, type WriterStart } from "./sqlite-batch.ts";
import type { SqliteSettings } from "./sqlite-connection.ts";

/** Values are copied one after the other into chunks of this size, which go to the thread and come back without being copied again. */
const CHUNK_BYTES = 1 << 20;
const CHUNKS_KEPT = 16;
/** A larger batch would hold the write lock, and the writes that wait, for too long. */
const BATCH_WRITES_MAX = 4096;
const BATCH_BYTES_MAX = 16 << 20;

const FAILED = { kind: "failure", retryable: true, outcome: "none" } as const;
const CLOSED: StoreFailure = { kind: "failure", because: "closed", outcome: "none", retryable: false, detail: "the store is closed" };
const CONFLICT: PutAnswer = { kind: "conflict" };

/** Writes that go to the thread together. */
class Batch {
  readonly asks: number[] = [];
  readonly keys: string[] = [];
  readonly matches: string[] = [];
  readonly spans: number[] = [];
  readonly chunks: ArrayBuffer[] = [];
  readonly settle: ((answer: PutAnswer) => void)[] = [];
  bytes = 0;
  /** Octets used of the last chunk. */
  used = 0;
  serial = 0;

  get isFull(): boolean {
    return this.asks.length >= BATCH_WRITES_MAX || this.bytes >= BATCH_BYTES_MAX;
  }
}

export function launchWriter(start: WriterStart): Worker {
  return new Worker(new URL("./sqlite-store.worker.ts", import.meta.url), { workerData: start, execArgv: ["--disable-warning=ExperimentalWarning"] });
}

type Thread = { readonly kind: "none" } | { readonly kind: "starting" } | { readonly kind: "ready"; readonly worker: Worker };

export class SqliteWriter {
  readonly #start: WriterStart;
  readonly #launchWorker: (start: WriterStart) => Worker;
  #thread: Thread = { kind: "none" };
  #queue: Batch[] = [];
  #underWay: Batch | null = null;
  #shrinking: ((pages: number) => void)[] = [];
  #scheduled = false;
  #waitingBytes = 0;
  #spare: ArrayBuffer[] = [];
  #serial = 0;
  #closing: Promise<void> | null = null;
  #idle: (() => void)[] = [];

  /** `launch` starts the thread; tests give their own to see it end. */
  constructor(path: string, settings: SqliteSettings, launch: (start: WriterStart) => Worker = launchWriter) {
    this.#launchWorker = launch;
    this.#start = { path, settings, instance: randomBytes(9).toString("base64url") };
  }

  /** Starts the thread, which creates and checks the file. Null, or why it is refused. */
  async open(): Promise<string | null> {
    const refusal = await this.#launch();
    if (refusal === null) this.#settleThread();
    return refusal;
  }

  /** `bytes` may be changed by the caller as soon as this returns. For `delete` the answer's etag means nothing. */
  submit(kind: number, key: string, match: string, bytes: Uint8Array | null): Promise<PutAnswer> {
    if (this.#closing !== null) return Promise.resolve(CLOSED);
    const size = bytes?.byteLength ?? 0;
    if (this.#waitingBytes > 0 && this.#waitingBytes + size > this.#start.settings.waitingBytesMax) {
      return Promise.resolve({ ...FAILED, because: "throttled", detail: `${this.#waitingBytes} octets wait to be written` });
    }
    let batch = this.#queue.at(-1);
    if (batch === undefined || batch.isFull) this.#queue.push(batch = new Batch());
    batch.asks.push(kind);
    batch.keys.push(key);
    batch.matches.push(match);
    if (bytes === null) batch.spans.push(0, 0, 0);
    else this.#place(batch, bytes);
    batch.bytes += size;
    this.#waitingBytes += size;
    this.#schedule();
    return new Promise((resolve) => batch.settle.push(resolve));
  }

  #place(batch: Batch, bytes: Uint8Array): void {
    const size = bytes.byteLength;
    let last = batch.chunks.at(-1);
    if (last === undefined || batch.used + size > last.byteLength) {
      last = size > CHUNK_BYTES ? new ArrayBuffer(size) : this.#spare.pop() ?? new ArrayBuffer(CHUNK_BYTES);
      batch.chunks.push(last);
      batch.used = 0;
    }
    new Uint8Array(last, batch.used, size).set(bytes);
    batch.spans.push(batch.chunks.length - 1, batch.used, size);
    batch.used += size;
  }

  /** Writes of one turn of the event loop leave together. */
  #schedule(): void {
    if (this.#scheduled || this.#underWay !== null) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#pump();
    });
  }

  #pump(): void {
    if (this.#underWay !== null || this.#thread.kind === "starting") return;
    const batch = this.#queue[0];
    if (batch === undefined) return this.#settleThread();
    if (this.#thread.kind === "none") {
      void this.#launch().then((refusal) => {
        if (refusal !== null) this.#refuse(refusal);
        this.#pump();
      });
      return;
    }
    this.#queue.shift();
    this.#underWay = batch;
    batch.serial = this.#serial;
    this.#serial += batch.asks.length;
    const { asks, keys, matches, spans, chunks, serial } = batch;
    const worker = this.#thread.worker;
    worker.ref();
    const message: ToWriter = { kind: "batch", batch: { asks, keys, matches, spans, chunks, serial } };
    worker.postMessage(message, chunks);
  }

  /** Nothing is under way: the thread does not keep the process alive, and who waits for that goes on. */
  #settleThread(): void {
    if (this.#closing === null && this.#shrinking.length === 0 && this.#thread.kind === "ready") this.#thread.worker.unref();
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  #launch(): Promise<string | null> {
    assert(this.#thread.kind === "none", "one writing thread");
    this.#thread = { kind: "starting" };
    const worker = this.#launchWorker(this.#start);
    return new Promise((resolve) => {
      let why = "the writing thread ended";
      worker.on("error", (error) => { why = error instanceof Error ? error.message : String(error); });
      worker.on("exit", () => {
        const wasReady = this.#thread.kind === "ready";
        this.#thread = { kind: "none" };
        if (wasReady) this.#lost(why);
        else resolve(why);
      });
      worker.on("message", (message: FromWriter) => {
        if (message.kind === "ready") {
          this.#thread = { kind: "ready", worker };
          resolve(null);
        } else if (message.kind === "refused") why = message.detail;
        else if (message.kind === "shrunk") this.#shrunk(message.pages);
        else if (message.kind === "batch") this.#finish(message);
        else unreachable(message);
      });
    });
  }

  #finish(answer: Extract<FromWriter, { kind: "batch" }>): void {
    const batch = this.#underWay;
    assert(batch !== null && batch.settle.length === answer.told.length, "an answer for each write");
    this.#underWay = null;
    this.#waitingBytes -= batch.bytes;
    for (const chunk of answer.chunks) if (chunk.byteLength === CHUNK_BYTES && this.#spare.length < CHUNKS_KEPT) this.#spare.push(chunk);
    let failed = 0;
    for (const [i, settle] of batch.settle.entries()) {
      const result = answer.told[i];
      if (result === told.done) settle({ kind: "done", etag: etagOf(this.#start.instance, batch.serial + i) });
      else if (result === told.conflict) settle(CONFLICT);
      else {
        const failure = answer.failures[failed++];
        assert(failure !== undefined, "a failure for each failed write");
        settle(failure);
      }
    }
    this.#schedule();
  }

  /** The thread is gone. Nobody knows what became of the batch under way. */
  #lost(why: string): void {
    const batch = this.#underWay;
    this.#underWay = null;
    for (const resolve of this.#shrinking.splice(0)) resolve(0);
    if (batch !== null) this.#fail(batch, { ...FAILED, because: "unavailable", outcome: "unknown", detail: why });
    this.#pump();
  }

  /** The file cannot be opened now: what waits had no effect. The next write tries again. */
  #refuse(why: string): void {
    for (const batch of this.#queue.splice(0)) this.#fail(batch, { ...FAILED, because: "unavailable", detail: why });
  }

  #fail(batch: Batch, failure: StoreFailure): void {
    this.#waitingBytes -= batch.bytes;
    for (const settle of batch.settle) settle(failure);
  }

  /** Gives some free pages back. How many; 0 when there are no more. */
  shrink(): Promise<number> {
    if (this.#closing !== null || this.#thread.kind !== "ready") return Promise.resolve(0);
    const { worker } = this.#thread;
    worker.ref();
    worker.postMessage({ kind: "shrink" } satisfies ToWriter);
    return new Promise((resolve) => this.#shrinking.push(resolve));
  }

  #shrunk(pages: number): void {
    this.#shrinking.shift()?.(pages);
    if (this.#underWay === null) this.#schedule();
  }

  /** Writes what waits, then ends the thread. */
  close(): Promise<void> {
    return (this.#closing ??= this.#drain());
  }

  async #drain(): Promise<void> {
    while (this.#underWay !== null || this.#queue.length > 0 || this.#thread.kind === "starting" || this.#shrinking.length > 0) {
      await new Promise<void>((resolve) => {
        this.#idle.push(resolve);
        this.#schedule();
      });
    }
    if (this.#thread.kind !== "ready") return;
    const { worker } = this.#thread;
    worker.ref();
    const ended = new Promise<void>((resolve) => worker.once("exit", () => resolve()));
    worker.postMessage({ kind: "close" } satisfies ToWriter);
    await ended;
  }
}
