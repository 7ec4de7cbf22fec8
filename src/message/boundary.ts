/** The delimiters of all multiparts that are open at one point of a message (RFC 2046 section 5.1.1). */
import { boundaryOctetsMax } from "./limits.ts";
import { CR, DASH, LF, SPACE, TAB, lineEndAfter } from "./octets.ts";

const NEEDLE = Buffer.from("\n--", "latin1");

export interface Delimiter {
  /** Index that `open` was given. */
  readonly level: number;
  readonly closing: boolean;
  /** The first dash. */
  readonly start: number;
  /** Behind the delimiter's line. */
  readonly end: number;
}

/**
 * One walk over the content serves all levels, so nesting costs nothing. A line is a delimiter when, without blanks at its
 * end, it equals one: RFC 2046 would also take a line that goes on after the boundary, but boundaries that begin with another
 * one are common in nested mail, and text behind a boundary is not.
 */
export class OpenBoundaries {
  readonly #content: Buffer;
  readonly #levels = new Map<string, number>();
  readonly #opened: { readonly boundary: string; readonly level: number; readonly shadowed: number | undefined }[] = [];
  /** How many open boundaries have each length: most lines are sorted out by it. */
  readonly #lengths = new Uint8Array(boundaryOctetsMax + 1);
  #longest = 0;

  constructor(content: Buffer) {
    this.#content = content;
  }

  get isEmpty(): boolean {
    return this.#opened.length === 0;
  }

  /** `boundary` is 1 to `boundaryOctetsMax` octets as latin1; levels rise. */
  open(boundary: string, level: number): void {
    this.#opened.push({ boundary, level, shadowed: this.#levels.get(boundary) });
    this.#levels.set(boundary, level);
    this.#lengths[boundary.length]!++;
    this.#longest = Math.max(this.#longest, boundary.length);
  }

  /** Forgets the boundaries of `level` and all levels inside it. */
  closeFrom(level: number): void {
    for (let last = this.#opened.at(-1); last !== undefined && last.level >= level; last = this.#opened.at(-1)) {
      this.#opened.pop();
      this.#lengths[last.boundary.length]!--;
      if (last.shadowed === undefined) this.#levels.delete(last.boundary);
      else this.#levels.set(last.boundary, last.shadowed);
    }
    while (this.#longest > 0 && this.#lengths[this.#longest] === 0) this.#longest--;
  }

  /** The next delimiter at or behind `from`, which must be the start of a line. */
  next(from: number): Delimiter | null {
    const content = this.#content;
    let at = from;
    while (at < content.length) {
      if (content[at] !== DASH || content[at + 1] !== DASH) {
        const found = content.indexOf(NEEDLE, at);
        if (found < 0) return null;
        at = found + 1;
      }
      const lineEnd = lineEndAfter(content, at, content.length);
      const delimiter = this.#match(at, lineEnd);
      if (delimiter !== null) return delimiter;
      at = lineEnd;
    }
    return null;
  }

  /** Whether the line at `at`, which starts with two dashes, is a delimiter. */
  isDelimiter(at: number): boolean {
    return !this.isEmpty && this.#match(at, lineEndAfter(this.#content, at, this.#content.length)) !== null;
  }

  #match(start: number, lineEnd: number): Delimiter | null {
    const content = this.#content;
    const from = start + 2;
    let to = lineEnd;
    while (to > from && isTrailing(content[to - 1]!)) to--;
    const length = to - from;
    if (length > this.#longest + 2) return null;
    if (length <= this.#longest && this.#lengths[length]! > 0) {
      const level = this.#levels.get(content.toString("latin1", from, to));
      if (level !== undefined) return { level, closing: false, start, end: lineEnd };
    }
    if (length > 2 && this.#lengths[length - 2]! > 0 && content[to - 1] === DASH && content[to - 2] === DASH) {
      const level = this.#levels.get(content.toString("latin1", from, to - 2));
      if (level !== undefined) return { level, closing: true, start, end: lineEnd };
    }
    return null;
  }
}

function isTrailing(octet: number): boolean {
  return octet === SPACE || octet === TAB || octet === CR || octet === LF;
}
