/** What has come from the peer and was not used yet: cut into lines, chunks of a known size, or handed over as it is. */
import { EMPTY } from "../base/bytes.ts";

export type LineAnswer =
  /** Without its CRLF. */
  | { readonly kind: "line"; readonly line: Buffer }
  | { readonly kind: "more" }
  /** The line was longer than allowed and is skipped up to its end; said once, when the end is there. */
  | { readonly kind: "too-long" }
  /** The line ended in a bare LF (RFC 5321 section 2.3.8 forbids it); it is skipped. */
  | { readonly kind: "bare-line-end" };

const MORE: LineAnswer = { kind: "more" };

/** Never keeps more than the longest line allowed and one push. */
export class LineReader {
  #buffer: Buffer = EMPTY;
  #searched = 0;
  #skipping = false;

  push(bytes: Buffer): void {
    this.#buffer = this.#buffer.length === 0 ? bytes : Buffer.concat([this.#buffer, bytes]);
  }
  /** Octets that wait. */
  get length(): number {
    return this.#buffer.length;
  }
  /** The next line of at most `bytesMax` octets, CRLF included. */
  line(bytesMax: number): LineAnswer {
    const end = this.#buffer.indexOf(10, this.#searched);
    if (end < 0) {
      if (this.#skipping || this.#buffer.length > bytesMax) {
        this.#skipping = true;
        this.clear();
      }
      this.#searched = this.#buffer.length;
      return MORE;
    }
    const line = this.#buffer.subarray(0, end);
    this.#buffer = this.#buffer.subarray(end + 1);
    this.#searched = 0;
    if (this.#skipping || end + 1 > bytesMax) {
      this.#skipping = false;
      return { kind: "too-long" };
    }
    if (end === 0 || line[end - 1] !== 13) return { kind: "bare-line-end" };
    return { kind: "line", line: line.subarray(0, end - 1) };
  }
  /** Whether the line that has begun starts with `word`, without case; false while too little of it is there. */
  startsWith(word: string): boolean {
    return this.#buffer.length >= word.length && this.#buffer.toString("latin1", 0, word.length).toUpperCase() === word;
  }
  /** At most `bytesMax` of the octets that wait. */
  take(bytesMax: number): Buffer {
    const taken = this.#buffer.subarray(0, bytesMax);
    this.#buffer = this.#buffer.subarray(taken.length);
    this.#searched = 0;
    return taken;
  }
  /** Puts back what was taken and not used. */
  unread(rest: Buffer): void {
    this.#buffer = this.#buffer.length === 0 ? rest : Buffer.concat([rest, this.#buffer]);
    this.#searched = 0;
  }
  /** Throws away what waits. */
  clear(): void {
    this.#buffer = EMPTY;
    this.#searched = 0;
  }
}
