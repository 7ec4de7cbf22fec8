/**
 * The writing thread of the SQLite store: each message is a batch of writes, committed in one transaction, answered with one message.
 *
 * A write that fails undoes the transaction, and the batch is then tried in halves, so that it fails alone.
 */
import { statSync } from "node:fs";
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { parentPort, workerData, type MessagePort } from "node:worker_threads";
import { assert } from "../base/assert.ts";
import type { StoreFailure } from "../port/object-store.ts";
import { ask, etagOf, told, type FromWriter, type ToWriter, type WriteBatch, type WriterStart } from "./sqlite-batch.ts";
import { failureOf, isBusy, openForWriting, pragma } from "./sqlite-connection.ts";

/** Waiting between tries for the write lock. SQLite's own waiting goes up to 100 ms, which starves one of two busy processes. */
const BUSY_WAIT_MS_MIN = 0.1;
const BUSY_WAIT_MS_MAX = 2;
/** How long a checkpoint that empties the log waits for readers and writers. */
const CHECKPOINT_WAIT_MS = 100;
/** When readers never let the log start again it grows; from this size on the writer waits for them. */
const WAL_BYTES_MAX = 256 << 20;
/** The size of the log is looked at once in so many transactions. */
const WAL_LOOK_EVERY = 64;
/** Pages given back in one transaction, so that writes are not held up for long. */
const SHRINK_PAGES = 256;

interface Statements {
  readonly insert: StatementSync;
  readonly match: StatementSync;
  readonly replace: StatementSync;
  readonly delete: StatementSync;
}

class Writer {
  readonly #start: WriterStart;
  #db: DatabaseSync | null = null;
  #statements: Statements | null = null;
  #commits = 0;

  constructor(start: WriterStart) {
    this.#start = start;
    this.#open();
  }

  /** The connection is opened anew after an error that left it in doubt. */
  #open(): { db: DatabaseSync; statements: Statements } {
    if (this.#db !== null && this.#statements !== null) return { db: this.#db, statements: this.#statements };
    const db = this.#untilFree(() => openForWriting(this.#start.path, this.#start.settings));
    const statements = {
      insert: db.prepare("INSERT INTO object(key, etag, bytes) VALUES(?1, ?2, ?3) ON CONFLICT(key) DO NOTHING"),
      match: db.prepare("UPDATE object SET etag = ?2, bytes = ?3 WHERE key = ?1 AND etag = ?4"),
      replace: db.prepare("INSERT INTO object(key, etag, bytes) VALUES(?1, ?2, ?3) ON CONFLICT(key) DO UPDATE SET etag = excluded.etag, bytes = excluded.bytes"),
      delete: db.prepare("DELETE FROM object WHERE key = ?1"),
    };
    this.#db = db;
    this.#statements = statements;
    return { db, statements };
  }

  write(batch: WriteBatch): { told: Uint8Array; failures: StoreFailure[] } {
    const results = new Uint8Array(batch.asks.length);
    const failures: StoreFailure[] = [];
    let trouble = this.#commit(batch, 0, batch.asks.length, results);
    if (trouble?.because === "full") {
      // What lies in the log and in the file can be used again once the log was copied.
      this.#checkpoint();
      trouble = this.#commit(batch, 0, batch.asks.length, results);
    }
    if (trouble !== null) this.#divide(batch, 0, batch.asks.length, results, failures, trouble);
    if (++this.#commits % WAL_LOOK_EVERY === 0 && this.#walBytes() > WAL_BYTES_MAX) this.#checkpoint();
    return { told: results, failures };
  }

  /** `trouble` befell the writes `from` up to `to`: each half on its own, down to the one whose trouble it is. */
  #divide(batch: WriteBatch, from: number, to: number, results: Uint8Array, failures: StoreFailure[], trouble: StoreFailure): void {
    if (to - from === 1 || trouble.because === "unavailable" || trouble.outcome === "unknown") {
      for (let i = from; i < to; i++) failures.push(trouble);
      results.fill(told.failed, from, to);
      return;
    }
    const middle = (from + to) >>> 1;
    for (const [start, end] of [[from, middle], [middle, to]] as const) {
      const again = this.#commit(batch, start, end, results);
      if (again !== null) this.#divide(batch, start, end, results, failures, again);
    }
  }

  /** One transaction over the writes `from` up to `to`. Null: committed, `results` say what became of each. */
  #commit(batch: WriteBatch, from: number, to: number, results: Uint8Array): StoreFailure | null {
    let phase: "statement" | "committing" = "statement";
    try {
      const { db, statements } = this.#open();
      this.#untilFree(() => db.exec("BEGIN IMMEDIATE"));
      for (let i = from; i < to; i++) results[i] = this.#apply(statements, batch, i);
      phase = "committing";
      db.exec("COMMIT");
      return null;
    } catch (error) {
      const failure = failureOf(error, this.#start.path, phase);
      this.#rollback(failure.outcome === "unknown");
      return failure;
    }
  }

  /** Tries until no other process has the lock that it takes, and throws SQLite's error when that takes too long. */
  #untilFree<T>(attempt: () => T): T {
    const until = performance.now() + this.#start.settings.busyMs;
    for (let wait = BUSY_WAIT_MS_MIN; ; wait = Math.min(wait * 1.5, BUSY_WAIT_MS_MAX)) {
      try {
        return attempt();
      } catch (error) {
        if (!isBusy(error) || performance.now() > until) throw error;
        sleep(wait * (0.5 + Math.random()));
      }
    }
  }

  #apply(statements: Statements, batch: WriteBatch, i: number): number {
    const key = batch.keys[i];
    assert(key !== undefined, "a key for each write");
    const kind = batch.asks[i];
    if (kind === ask.delete) {
      statements.delete.run(key);
      return told.done;
    }
    const chunk = batch.chunks[batch.spans[3 * i] ?? -1];
    assert(chunk !== undefined, "a chunk for each value");
    const bytes = new Uint8Array(chunk, batch.spans[3 * i + 1], batch.spans[3 * i + 2]);
    const etag = etagOf(this.#start.instance, batch.serial + i);
    if (kind === ask.insert) return statements.insert.run(key, etag, bytes).changes === 1 ? told.done : told.conflict;
    if (kind === ask.match) return statements.match.run(key, etag, bytes, batch.matches[i] ?? "").changes === 1 ? told.done : told.conflict;
    statements.replace.run(key, etag, bytes);
    return told.done;
  }

  #rollback(inDoubt: boolean): void {
    try {
      if (this.#db?.isTransaction === true) this.#db.exec("ROLLBACK");
      if (!inDoubt) return;
    } catch {
      // A connection that cannot roll back is closed, which rolls back.
    }
    this.close();
  }

  /** Copies the log into the file and empties it, as far as readers let go of it. */
  #checkpoint(): void {
    try {
      this.#db?.exec(`PRAGMA busy_timeout = ${CHECKPOINT_WAIT_MS}; PRAGMA wal_checkpoint(TRUNCATE)`);
    } catch {
      // A checkpoint that fails changes nothing: it is tried again later.
    } finally {
      this.#db?.exec("PRAGMA busy_timeout = 0");
    }
  }

  #walBytes(): number {
    return statSync(`${this.#start.path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
  }

  /** Gives free pages at the end of the file back, a few at a time. How many; 0 when there are none. */
  shrink(): number {
    try {
      const { db } = this.#open();
      const before = pragma(db, "page_count");
      this.#untilFree(() => db.exec(`PRAGMA incremental_vacuum(${SHRINK_PAGES})`));
      this.#checkpoint();
      return Math.max(0, before - pragma(db, "page_count"));
    } catch (error) {
      this.#rollback(!isBusy(error));
      return 0;
    }
  }

  close(): void {
    try {
      this.#db?.close();
    } catch {
      // The file is consistent without: the log is read again at the next opening.
    }
    this.#db = this.#statements = null;
  }
}

const waiting = new Int32Array(new SharedArrayBuffer(4));
function sleep(ms: number): void {
  Atomics.wait(waiting, 0, 0, ms);
}

function run(port: MessagePort, start: WriterStart): void {
  const answer = (message: FromWriter, transfer: readonly ArrayBuffer[] = []): void => port.postMessage(message, transfer);
  let writer: Writer;
  try {
    writer = new Writer(start);
  } catch (error) {
    answer({ kind: "refused", detail: error instanceof Error ? error.message : String(error) });
    port.close();
    return;
  }
  port.on("message", (message: ToWriter) => {
    if (message.kind === "batch") {
      const { chunks } = message.batch;
      answer({ kind: "batch", ...writer.write(message.batch), chunks }, chunks);
    } else if (message.kind === "shrink") {
      answer({ kind: "shrunk", pages: writer.shrink() });
    } else {
      writer.close();
      port.close();
    }
  });
  answer({ kind: "ready" });
}

assert(parentPort !== null, "this file is the writing thread");
run(parentPort, workerData);
