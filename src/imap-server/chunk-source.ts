/** Reads a connection chunk by chunk, and keeps a read that IDLE did not wait for. */
import type { Connection, ReadAnswer } from "../port/connection.ts";

/** Longer than any wait of ours: the connection's own time limit never fires, ours do. */
const READ_MS = 24 * 60 * 60 * 1000;

export class ChunkSource {
  readonly #connection: Connection;
  #reading: Promise<ReadAnswer> | null = null;

  constructor(connection: Connection) {
    this.#connection = connection;
  }
  /** The next octets. */
  next(timeoutMs: number): Promise<ReadAnswer> {
    const pending = this.#reading;
    if (pending === null) return this.#connection.read(timeoutMs);
    this.#reading = null;
    return pending;
  }
  /** A read that may outlive who asked: until `next` takes it, the same one is answered. */
  peek(): Promise<ReadAnswer> {
    this.#reading ??= this.#connection.read(READ_MS);
    return this.#reading;
  }
}
