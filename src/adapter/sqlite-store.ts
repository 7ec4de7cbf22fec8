/**
 * The object store in one SQLite file: the default on one machine. Several processes may open the same file.
 *
 * Writes go to a thread that commits all that wait in one transaction and waits for the disk (WAL, synchronous=FULL);
 * reads are answered at once on the calling thread by a connection that only reads. See docs/design/store-sqlite.md.
 *
 * What a caller must handle: `full` goes away by itself when there is room again; `corrupt` does not.
 */
import { closeSync, constants, fsyncSync, mkdirSync, openSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { Worker } from "node:worker_threads";
import { assert, unreachable } from "../base/assert.ts";
import { asBuffer } from "../base/bytes.ts";
import { assertGetOptions, assertKey, assertListOptions, assertPrefix, KEY_OCTET_ABOVE } from "../port/object-key.ts";
import type { DeleteAnswer, GetAnswer, GetOptions, ListAnswer, ListOptions, ObjectStore, PutAnswer, PutCondition, StoreFailure } from "../port/object-store.ts";
import { ask } from "./sqlite-batch.ts";
import { failureOf, openForReading, type SqliteSettings } from "./sqlite-connection.ts";
import type { SqliteStatistics } from "./sqlite-statistics.worker.ts";
import { SqliteWriter } from "./sqlite-writer.ts";

/** SQLite refuses values near 1 GB; far below, a value should have been several. */
export const VALUE_BYTES_MAX = 256 << 20;

/** Measured: docs/design/store-sqlite.md. */
const DEFAULTS: SqliteSettings = { pageBytes: 8192, checkpointBytes: 8 << 20, busyMs: 10_000, fileBytesMax: null, waitingBytesMax: VALUE_BYTES_MAX };
const CLOSED: StoreFailure = { kind: "failure", because: "closed", outcome: "none", retryable: false, detail: "the store is closed" };

interface Reader {
  readonly db: DatabaseSync;
  readonly get: StatementSync;
  readonly range: StatementSync;
  readonly from: StatementSync;
  readonly after: StatementSync;
}

/** Opens or creates the store. Throws an Error when the file cannot be opened or is not a store. */
export async function openSqliteStore(path: string, options: Partial<SqliteSettings> = {}): Promise<SqliteStore> {
  const file = resolve(path);
  createFile(file);
  const writer = new SqliteWriter(file, { ...DEFAULTS, ...options });
  const refusal = await writer.open();
  if (refusal !== null) throw new Error(`cannot open the store ${file}: ${refusal}`);
  return new SqliteStore(file, writer, openReader(file));
}

/** Only the owner may read the file; SQLite gives its log the same mode. The directories are synced so that a power cut does not lose the file itself. */
function createFile(file: string): void {
  const made = mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  closeSync(openSync(file, constants.O_RDWR | constants.O_CREAT, 0o600));
  const last = made === undefined ? dirname(file) : dirname(made);
  for (let directory = dirname(file); ; directory = dirname(directory)) {
    const fd = openSync(directory, constants.O_RDONLY);
    fsyncSync(fd);
    closeSync(fd);
    if (directory === last) return;
  }
}

function openReader(file: string): Reader {
  const db = openForReading(file);
  const prepare = (sql: string): StatementSync => {
    const statement = db.prepare(sql);
    statement.setReturnArrays(true);
    return statement;
  };
  return {
    db,
    get: prepare("SELECT etag, CASE WHEN etag = ?2 THEN NULL ELSE bytes END FROM object WHERE key = ?1"),
    // substr of an empty blob is NULL.
    range: prepare("SELECT etag, CASE WHEN etag = ?2 THEN NULL ELSE ifnull(substr(bytes, ?3, ?4), x'') END FROM object WHERE key = ?1"),
    from: prepare("SELECT key FROM object WHERE key >= ?1 AND key < ?2 ORDER BY key LIMIT ?3"),
    after: prepare("SELECT key FROM object WHERE key > ?1 AND key < ?2 ORDER BY key LIMIT ?3"),
  };
}

export class SqliteStore implements ObjectStore {
  readonly #file: string;
  readonly #writer: SqliteWriter;
  #reader: Reader | null;

  constructor(file: string, writer: SqliteWriter, reader: Reader) {
    this.#file = file;
    this.#writer = writer;
    this.#reader = reader;
  }

  async get(key: string, options: GetOptions = {}): Promise<GetAnswer> {
    assertKey(key);
    assertGetOptions(options);
    if (this.#reader === null) return CLOSED;
    const { range } = options;
    const known = options.ifNoneMatch ?? "";
    try {
      const row = range === undefined ? this.#reader.get.get(key, known) : this.#reader.range.get(key, known, range.start + 1, range.end - range.start);
      if (row === undefined) return { kind: "absent" };
      const [etag, bytes] = columnsOf(row);
      assert(typeof etag === "string", "an etag is text");
      if (bytes === null) return { kind: "unchanged" };
      assert(bytes instanceof Uint8Array, "a value is a blob");
      return { kind: "found", bytes: asBuffer(bytes), etag };
    } catch (error) {
      return failureOf(error, this.#file, "statement");
    }
  }

  async put(key: string, bytes: Uint8Array, condition: PutCondition): Promise<PutAnswer> {
    assertKey(key);
    assert(bytes.byteLength <= VALUE_BYTES_MAX, "object value: too long");
    if ("ifAbsent" in condition) return this.#writer.submit(ask.insert, key, "", bytes);
    const match = condition["ifMatch"];
    return match === undefined ? this.#writer.submit(ask.replace, key, "", bytes) : this.#writer.submit(ask.match, key, match, bytes);
  }

  async delete(key: string): Promise<DeleteAnswer> {
    assertKey(key);
    const answer = await this.#writer.submit(ask.delete, key, "", null);
    switch (answer.kind) {
      case "done": return { kind: "done" };
      case "failure": return answer;
      case "conflict": throw new Error("a delete has no condition");
      default: return unreachable(answer);
    }
  }

  async list(prefix: string, options: ListOptions): Promise<ListAnswer> {
    assertPrefix(prefix);
    assertListOptions(options);
    if (this.#reader === null) return CLOSED;
    const { after, limit } = options;
    const end = prefix + KEY_OCTET_ABOVE;
    try {
      const rows = after === undefined || after < prefix ? this.#reader.from.all(prefix, end, limit) : this.#reader.after.all(after, end, limit);
      return { kind: "keys", keys: rows.map((row) => String(columnsOf(row)[0])) };
    } catch (error) {
      return failureOf(error, this.#file, "statement");
    }
  }

  /** Reads every row's size, on a thread of its own. Throws when the file cannot be read. */
  statistics(): Promise<SqliteStatistics> {
    return new Promise((done, failed) => {
      const worker = new Worker(new URL("./sqlite-statistics.worker.ts", import.meta.url), {
        workerData: this.#file, execArgv: ["--disable-warning=ExperimentalWarning"],
      });
      worker.once("message", done);
      worker.once("error", failed);
    });
  }

  /** Gives free pages back to the file system until none are left. Writes go on in between. Octets given back. */
  async shrink(): Promise<number> {
    const before = statSync(this.#file).size;
    while (await this.#writer.shrink() > 0);
    return Math.max(0, before - statSync(this.#file).size);
  }

  /** Finishes what was asked before, then closes the file. */
  async close(): Promise<void> {
    this.#reader?.db.close();
    this.#reader = null;
    await this.#writer.close();
  }
}

/** The binding types rows as objects by column name; these statements give arrays. */
function columnsOf(row: unknown): readonly unknown[] {
  assert(Array.isArray(row), "a row as an array");
  return row;
}
