/** Counts what is in the store's file, on a thread of its own: it reads every leaf of the table. */
import { statSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import { assert } from "../base/assert.ts";
import { openForReading, pragma } from "./sqlite-connection.ts";

export interface SqliteStatistics {
  readonly objects: number;
  /** Octets of the values. */
  readonly bytes: number;
  readonly fileBytes: number;
  readonly walBytes: number;
  /** Octets of the file that hold nothing and are used before it grows. */
  readonly freeBytes: number;
}

function statisticsOf(file: string): SqliteStatistics {
  const db = openForReading(file);
  try {
    const row = db.prepare("SELECT count(*) AS objects, coalesce(sum(length(bytes)), 0) AS bytes FROM object").get();
    return {
      objects: Number(row?.["objects"]),
      bytes: Number(row?.["bytes"]),
      fileBytes: statSync(file).size,
      walBytes: statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0,
      freeBytes: pragma(db, "freelist_count") * pragma(db, "page_size"),
    };
  } finally {
    db.close();
  }
}

assert(parentPort !== null && typeof workerData === "string", "this file is a thread that is given a path");
parentPort.postMessage(statisticsOf(workerData));
