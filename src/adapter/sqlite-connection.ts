/**
 * One connection to the store's file: the pragmas, the table, and what SQLite's errors mean to the caller of a store.
 *
 * Why a rowid table with a UNIQUE key and not WITHOUT ROWID: values are large for a b-tree over keys. With a rowid the values are appended
 * in the order of writing and only the small index is ordered by key (five times the writes per second, docs/design/store-sqlite.md).
 */
import { statfsSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { assert, AssertionFailed } from "../base/assert.ts";
import type { StoreFailure } from "../port/object-store.ts";

export interface SqliteSettings {
  /** Octets of a page; counts only when the file is created. */
  readonly pageBytes: number;
  /** The write-ahead log is copied into the file when it has this many octets. */
  readonly checkpointBytes: number;
  /** How long a writer waits for the writers of other processes. */
  readonly busyMs: number;
  /** The file answers `full` rather than grow beyond this. Null: as far as the disk goes. */
  readonly fileBytesMax: number | null;
  /** When values of more than this wait to be written, the next is answered `throttled`. */
  readonly waitingBytesMax: number;
}

/** "Tyri": a file with another application's mark is refused, not overwritten. */
const APPLICATION_ID = 0x54_79_72_69;
const SCHEMA_VERSION = 1;
/** After a burst the log is cut back to this when it starts again. */
const WAL_BYTES_KEPT = 64 << 20;
/** A reader blocks the event loop while it waits, and only for the recovery after a crash. */
const READER_BUSY_MS = 2_000;
/** Pages that a writer keeps, in KiB. It is the only one that changes them, so they stay valid. */
const WRITER_CACHE_KIB = 16 << 10;
/** Below this much free space an input or output error is taken for a full disk; SQLite does not say which it was. */
const FREE_BYTES_FULL = 1 << 20;

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS object(
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE COLLATE BINARY,
    etag TEXT NOT NULL,
    bytes BLOB NOT NULL
  ) STRICT;
  PRAGMA application_id = ${APPLICATION_ID};
  PRAGMA user_version = ${SCHEMA_VERSION};
`;

/** SQLite up to 3.51.2 can corrupt a database when the write-ahead log is reset while two connections write (fixed in 3.51.3). */
export function isSafeVersion(version: string): boolean {
  const [major = 0, minor = 0, patch = 0] = version.split(".").map(Number);
  return major > 3 || (major === 3 && (minor > 51 || (minor === 51 && patch > 2)));
}

/**
 * Opens the file for writing and makes the table when it is new. Throws what SQLite throws, or an Error that says why the file is refused.
 * The connection does not wait for the locks of others: its user does, with shorter steps than SQLite.
 */
export function openForWriting(path: string, settings: SqliteSettings): DatabaseSync {
  const db = new DatabaseSync(path, { timeout: settings.busyMs });
  try {
    refuseUnfit(db, path);
    // Asking for the mode that it has takes no lock; changing it needs the file for itself.
    db.exec(`PRAGMA page_size = ${settings.pageBytes}; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL`);
    if (pragma(db, "user_version") === 0) db.exec(`BEGIN IMMEDIATE; ${SCHEMA} COMMIT`);
    const pageBytes = pragma(db, "page_size");
    db.exec(`PRAGMA wal_autocheckpoint = ${Math.ceil(settings.checkpointBytes / pageBytes)}; PRAGMA journal_size_limit = ${WAL_BYTES_KEPT};
      PRAGMA cache_size = -${WRITER_CACHE_KIB}; PRAGMA temp_store = MEMORY`);
    if (settings.fileBytesMax !== null) db.exec(`PRAGMA max_page_count = ${Math.max(1, Math.floor(settings.fileBytesMax / pageBytes))}`);
    db.exec("PRAGMA busy_timeout = 0");
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

function refuseUnfit(db: DatabaseSync, path: string): void {
  const version = String(db.prepare("SELECT sqlite_version() AS v").get()?.["v"]);
  if (!isSafeVersion(version)) throw new Error(`SQLite ${version} can corrupt a database in WAL mode; 3.51.3 or later is needed`);
  const application = pragma(db, "application_id");
  const schema = pragma(db, "user_version");
  const isEmpty = pragma(db, "page_count") === 0 || (application === 0 && schema === 0 && db.prepare("SELECT 1 FROM sqlite_schema").get() === undefined);
  if (!isEmpty && application !== APPLICATION_ID) throw new Error(`${path} belongs to another application`);
  if (schema > SCHEMA_VERSION) throw new Error(`${path} was written by a later version (schema ${schema})`);
}

export function openForReading(path: string): DatabaseSync {
  return new DatabaseSync(path, { readOnly: true, timeout: READER_BUSY_MS });
}

export function pragma(db: DatabaseSync, name: string): number {
  const value = Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0];
  assert(typeof value === "number", `PRAGMA ${name} answers a number`);
  return value;
}

/** Primary result codes of SQLite that are told apart (https://sqlite.org/rescode.html). */
const code = { busy: 5, locked: 6, ioerr: 10, corrupt: 11, full: 13, notadb: 26 } as const;

/** The primary result code in an error of node:sqlite, or null when it is another error. */
function resultCodeOf(error: unknown): number | null {
  if (!(error instanceof Error) || !("errcode" in error) || typeof error.errcode !== "number") return null;
  return error.errcode & 0xff;
}

export function isBusy(error: unknown): boolean {
  const result = resultCodeOf(error);
  return result === code.busy || result === code.locked;
}

/**
 * What an error means. `committing`: it came out of COMMIT. There a full disk is certain to have had no effect (the frame that commits
 * is incomplete, and its checksum shows it), while after a failed fsync the frame may be on the disk and count after a crash.
 */
export function failureOf(error: unknown, path: string, phase: "statement" | "committing"): StoreFailure {
  if (error instanceof AssertionFailed) throw error;
  const detail = error instanceof Error ? error.message : String(error);
  const result = resultCodeOf(error);
  if (result === code.corrupt || result === code.notadb) return { kind: "failure", because: "corrupt", outcome: phase === "statement" ? "none" : "unknown", retryable: false, detail };
  if (result === code.full) return { kind: "failure", because: "full", outcome: "none", retryable: true, detail };
  if (result === code.ioerr && isDiskFull(path)) return { kind: "failure", because: "full", outcome: phase === "statement" ? "none" : "unknown", retryable: true, detail };
  const certain = phase === "statement" || isBusy(error);
  return { kind: "failure", because: "unavailable", outcome: certain ? "none" : "unknown", retryable: true, detail };
}

function isDiskFull(path: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(dirname(path));
    return bavail * bsize < FREE_BYTES_FULL;
  } catch {
    return false;
  }
}
