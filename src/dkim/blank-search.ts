/** Finds blanks that relaxed canonicalization changes, four octets at a time: octet by octet takes three times as long. */
import { CR, SPACE, TAB } from "../message/octets.ts";

/** 0x21 in each octet: what is less is a space, a tab, a line end or another control. */
const BELOW = 0x21212121;
const HIGH = 0x80808080 | 0;
const NO_WORDS = new Int32Array(0);

export class BlankSearch {
  readonly #chunk: Buffer;
  /** The octets from the first multiple of four in memory on. */
  readonly #words: Int32Array;
  readonly #wordsStart: number;
  #nextTab = -1;

  constructor(chunk: Buffer) {
    this.#chunk = chunk;
    this.#wordsStart = Math.min(chunk.length, (4 - (chunk.byteOffset & 3)) & 3);
    const count = (chunk.length - this.#wordsStart) >> 2;
    this.#words = count === 0 ? NO_WORDS : new Int32Array(chunk.buffer, chunk.byteOffset + this.#wordsStart, count);
  }

  /** The first blank from `from` on that does not stay as it is: a tab, or a space before another blank, a CR or the end. The chunk's length when there is none. */
  next(from: number): number {
    const chunk = this.#chunk;
    if (this.#nextTab < from) {
      const tab = chunk.indexOf(TAB, from);
      this.#nextTab = tab < 0 ? chunk.length : tab;
    }
    return Math.min(this.#nextTab, this.#nextSpace(from, this.#nextTab));
  }

  #nextSpace(from: number, end: number): number {
    let i = from;
    for (; i < end && ((i - this.#wordsStart) & 3) !== 0; i++) if (this.#changes(i)) return i;
    const words = this.#words;
    const firstWord = (i - this.#wordsStart) >> 2;
    const last = (end - this.#wordsStart) >> 2;
    // Whether the octet in front of the word is low, as the lowest octet's flag. At the start it is, so that nothing is missed.
    let before = 0x80;
    for (let at = firstWord; at < last; at++) {
      const word = words[at]!;
      // The highest bit of each octet that is below 0x21, and perhaps of a 0x21 above one that is: octets are compared again.
      const low = (word - BELOW) & ~word & HIGH;
      if ((low & ((low << 8) | before)) !== 0) {
        const first = this.#wordsStart + at * 4 - 1;
        for (let exact = Math.max(from, first); exact < first + 4; exact++) if (this.#changes(exact)) return exact;
      }
      before = low >>> 24;
    }
    // The last octet of the last word is judged with what is behind it.
    if (last > firstWord) i = this.#wordsStart + last * 4 - 1;
    for (; i < end; i++) if (this.#changes(i)) return i;
    return end;
  }

  #changes(at: number): boolean {
    const chunk = this.#chunk;
    if (chunk[at] !== SPACE) return false;
    const behind = chunk[at + 1];
    return behind === SPACE || behind === TAB || behind === CR || behind === undefined;
  }
}
