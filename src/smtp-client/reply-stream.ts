/** Commands out, replies in, on one connection. A reply has its time as a whole, so that a peer cannot stretch it octet by octet. */

import type { Clock } from "../port/clock.ts";
import type { Connection } from "../port/connection.ts";
import { ReplyReader, type ReceivedReply } from "../smtp/reply-reader.ts";

export type StreamAnswer =
  | { readonly kind: "reply"; readonly reply: ReceivedReply }
  /** No further reply will come; the connection is of no more use. */
  | { readonly kind: "gone"; readonly because: "closed" | "timeout" | "malformed"; readonly detail: string };

export class ReplyStream {
  readonly connection: Connection;
  readonly #clock: Clock;
  #reader = new ReplyReader();
  #gone: Extract<StreamAnswer, { kind: "gone" }> | null = null;

  constructor(connection: Connection, clock: Clock) {
    this.connection = connection;
    this.#clock = clock;
  }
  get gone(): boolean {
    return this.#gone !== null;
  }
  /** Octets that came and are no reply yet. */
  get pending(): boolean {
    return this.#reader.pending;
  }
  /** Begins anew after TLS has started: nothing said in clear counts any more (RFC 3207 section 4.2). */
  restart(): void {
    this.#reader = new ReplyReader();
  }

  /** Sends a command line; UTF-8 where an address needs it. */
  send(line: string): void {
    this.connection.write(Buffer.from(`${line}\r\n`, "utf8"));
  }
  async command(line: string, timeoutMs: number): Promise<StreamAnswer> {
    this.send(line);
    return this.next(timeoutMs);
  }

  /** The next reply. */
  async next(timeoutMs: number): Promise<StreamAnswer> {
    const deadline = this.#clock.monotonic() + timeoutMs;
    while (this.#gone === null) {
      const answer = this.#reader.next();
      if (answer.kind === "reply") return answer;
      if (answer.kind === "malformed") return this.#leave("malformed", `the reply cannot be read (${answer.because})`);
      const left = deadline - this.#clock.monotonic();
      const read = left > 0 ? await this.connection.read(left) : ({ kind: "timeout" } as const);
      if (read.kind === "bytes") this.#reader.push(read.bytes);
      else if (read.kind === "timeout") return this.#leave("timeout", "no reply in time");
      else return this.#leave("closed", read.kind === "end" ? "the connection was closed" : "the connection was lost");
    }
    return this.#gone;
  }

  /** Sends octets in blocks, each in its time. False when the peer does not take them. */
  async sendAll(octets: Buffer, blockBytes: number, blockTimeoutMs: number): Promise<boolean> {
    for (let at = 0; at < octets.length && this.#gone === null; at += blockBytes) {
      this.connection.write(octets.subarray(at, at + blockBytes));
      if (this.connection.pendingBytes > 0 && !(await this.#drained(blockTimeoutMs))) {
        this.#leave("timeout", "the peer takes no more octets");
        return false;
      }
    }
    return this.#gone === null;
  }

  #drained(timeoutMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const cancel = this.#clock.timer(timeoutMs, () => resolve(false));
      void this.connection.drained().then(() => {
        cancel();
        resolve(true);
      });
    });
  }

  #leave(because: "closed" | "timeout" | "malformed", detail: string): Extract<StreamAnswer, { kind: "gone" }> {
    this.#gone = { kind: "gone", because, detail };
    this.connection.destroy();
    return this.#gone;
  }

  /** Takes leave (RFC 5321 section 4.1.1.10). */
  async quit(timeoutMs: number): Promise<void> {
    if (this.#gone !== null) return;
    await this.command("QUIT", timeoutMs);
    this.#gone = { kind: "gone", because: "closed", detail: "the session has ended" };
    this.connection.end();
  }
}

