/**
 * Canonical forms of a body (RFC 6376 section 3.4.3 and 3.4.4), in chunks of any size. Only CRLF ends a line: a CR or LF alone
 * is an ordinary octet. What is passed on may lie in a buffer that is used again, so whoever takes it hashes it at once.
 */
import { ascii } from "../base/bytes.ts";
import type { CanonicalizationName } from "./canonical-header.ts";
import { BlankSearch } from "./blank-search.ts";
import { canonicalBlockOctets } from "./limits.ts";

const TAB = 9;
const LF = 10;
const CR = 13;
const SPACE = 32;
const LINE_ENDS = ascii("\r\n".repeat(2048));
const SPACE_OCTET = ascii(" ");
const CR_OCTET = ascii("\r");
const SPACE_CR = ascii(" \r");
/** Where changed octets are put together. Emptied before `push` returns, so that all bodies can share it. */
const BLOCK = Buffer.allocUnsafeSlow(canonicalBlockOctets);
/** Shorter pieces are copied quicker octet by octet than by a call into the runtime. */
const COPY_BY_HAND = 48;

export type Take = (octets: Buffer) => void;
export interface BodyCanonicalizer {
  push(chunk: Buffer): void;
  end(): void;
}

export function bodyCanonicalizer(canonicalization: CanonicalizationName, take: Take): BodyCanonicalizer {
  return canonicalization === "simple" ? new LastLines(take, "crlf") : new RelaxedBody(take);
}

/** Takes away empty lines at the end, and ends the last line where its line end is missing. */
class LastLines implements BodyCanonicalizer {
  readonly #take: Take;
  readonly #emptyBody: "crlf" | "nothing";
  /** Line ends held back, because nothing but line ends may follow. */
  #lineEnds = 0;
  /** A CR held back behind them, because its LF may be in the next chunk. */
  #cr = false;
  #empty = true;

  constructor(take: Take, emptyBody: "crlf" | "nothing") {
    this.#take = take;
    this.#emptyBody = emptyBody;
  }

  push(chunk: Buffer): void {
    if (chunk.length === 0) return;
    let start = 0;
    if (this.#cr && chunk[0] === LF) {
      this.#cr = false;
      this.#lineEnds++;
      start = 1;
    }
    let end = chunk.length;
    const cr = end > start && chunk[end - 1] === CR;
    if (cr) end--;
    let lineEnds = 0;
    while (end - 2 >= start && chunk[end - 1] === LF && chunk[end - 2] === CR) {
      end -= 2;
      lineEnds++;
    }
    if (start === chunk.length) return;
    // A CR held back that no LF followed is an ordinary octet, and so what stands before it was not the end either.
    if (end > start || this.#cr) {
      this.#release();
      if (end > start) this.#take(start === 0 && end === chunk.length ? chunk : chunk.subarray(start, end));
    }
    this.#lineEnds += lineEnds;
    this.#cr = cr;
  }

  #release(): void {
    this.#empty = false;
    for (let rest = this.#lineEnds * 2; rest > 0; rest -= LINE_ENDS.length) this.#take(rest >= LINE_ENDS.length ? LINE_ENDS : LINE_ENDS.subarray(0, rest));
    this.#lineEnds = 0;
    if (this.#cr) this.#take(CR_OCTET);
    this.#cr = false;
  }

  end(): void {
    if (this.#cr) this.#release();
    if (!this.#empty || this.#emptyBody === "crlf") this.#take(LINE_ENDS.subarray(0, 2));
  }
}

/** Makes runs of blanks one space and takes away those at the end of lines; `LastLines` does the rest. */
class RelaxedBody implements BodyCanonicalizer {
  readonly #lines: LastLines;
  /** Octets in the block. */
  #used = 0;
  /** What the last chunk ended with, and cannot be judged yet. */
  #held: "nothing" | "blanks" | "blanks-cr" = "nothing";

  constructor(take: Take) {
    this.#lines = new LastLines(take, "nothing");
  }

  push(chunk: Buffer): void {
    for (let at = 0; at < chunk.length; at += canonicalBlockOctets) this.#pushBlock(chunk.length <= canonicalBlockOctets ? chunk : chunk.subarray(at, at + canonicalBlockOctets));
  }

  /** At most as many octets as the block holds: what is copied is never longer than what it is copied from. */
  #pushBlock(chunk: Buffer): void {
    const start = this.#held === "nothing" ? 0 : this.#judgeHeld(chunk);
    if (start === chunk.length) return;
    const from = this.#walk(chunk, start);
    if (this.#used === 0) return this.#lines.push(from.start === 0 && from.end === chunk.length ? chunk : chunk.subarray(from.start, from.end));
    this.#copy(chunk, from.start, from.end);
    this.#lines.push(BLOCK.subarray(0, this.#used));
    this.#used = 0;
  }

  /** Copies what is before the last change into the block, and answers what is behind it; sets what is held back. */
  #walk(chunk: Buffer, start: number): { start: number; end: number } {
    const end = chunk.length;
    let from = start;
    const search = new BlankSearch(chunk);
    for (let i = search.next(start); i < end; i = search.next(from)) {
      let j = i + 1;
      while (j < end && (chunk[j] === SPACE || chunk[j] === TAB)) j++;
      if (j === end || (chunk[j] === CR && j + 1 === end)) {
        this.#held = j === end ? "blanks" : "blanks-cr";
        return { start: from, end: i };
      }
      this.#copy(chunk, from, i);
      if (chunk[j] !== CR || chunk[j + 1] !== LF) BLOCK[this.#used++] = SPACE;
      from = j;
    }
    return { start: from, end };
  }

  /** Judges what was held back, by what follows; answers where in the chunk to go on. */
  #judgeHeld(chunk: Buffer): number {
    if (this.#held === "blanks-cr") {
      this.#held = "nothing";
      this.#lines.push(chunk[0] === LF ? CR_OCTET : SPACE_CR);
      return 0;
    }
    let at = 0;
    while (at < chunk.length && (chunk[at] === SPACE || chunk[at] === TAB)) at++;
    if (at === chunk.length) return at;
    if (chunk[at] === CR && at + 1 === chunk.length) {
      this.#held = "blanks-cr";
      return chunk.length;
    }
    this.#held = "nothing";
    if (chunk[at] !== CR || chunk[at + 1] !== LF) this.#lines.push(SPACE_OCTET);
    return at;
  }

  #copy(chunk: Buffer, from: number, to: number): void {
    if (to - from >= COPY_BY_HAND) {
      chunk.copy(BLOCK, this.#used, from, to);
      this.#used += to - from;
      return;
    }
    let used = this.#used;
    for (let i = from; i < to; i++) BLOCK[used++] = chunk[i]!;
    this.#used = used;
  }

  end(): void {
    // Blanks at the very end are the end of a line whose line end is missing.
    if (this.#held === "blanks-cr") this.#lines.push(SPACE_CR);
    this.#lines.end();
  }
}
