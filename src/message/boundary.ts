/** The delimiters of all multiparts that are open at one point of a message (RFC 2046 section 5.1.1). */
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

interface Opened {
  readonly boundary: string;
  readonly level: number;
}

/** Short walks are quicker than a call into the runtime, and lines that look like delimiters often follow each other. */
const WALK = 48;
/** So many boundaries of one length are compared one by one; more are looked up, so nesting cannot multiply the work. */
const COMPARE_MAX = 4;

/**
 * One walk over the content serves all levels, so nesting costs nothing. A line is a delimiter when, without blanks at its
 * end, it equals one: RFC 2046 would also take a line that goes on after the boundary, but boundaries that begin with another
 * one are common in nested mail, and text behind a boundary is not. Of two equal boundaries the inner one counts.
 */
export class OpenBoundaries {
  readonly #content: Buffer;
  readonly #opened: Opened[] = [];
  /** Open boundaries by their length, the innermost last: most lines are sorted out by it. */
  readonly #byLength: Opened[][] = [];
  /** Levels of each boundary, the innermost last. */
  readonly #byText = new Map<string, number[]>();
  #longest = 0;

  constructor(content: Buffer) {
    this.#content = content;
  }

  get isEmpty(): boolean {
    return this.#opened.length === 0;
  }

  /** `boundary` is 1 to `boundaryOctetsMax` octets as latin1; levels rise. */
  open(boundary: string, level: number): void {
    const opened: Opened = { boundary, level };
    this.#opened.push(opened);
    (this.#byLength[boundary.length] ??= []).push(opened);
    const levels = this.#byText.get(boundary);
    if (levels === undefined) this.#byText.set(boundary, [level]);
    else levels.push(level);
    this.#longest = Math.max(this.#longest, boundary.length);
  }

  /** Forgets the boundaries of `level` and all levels inside it. */
  closeFrom(level: number): void {
    for (let last = this.#opened.at(-1); last !== undefined && last.level >= level; last = this.#opened.at(-1)) {
      this.#opened.pop();
      this.#byLength[last.boundary.length]!.pop();
      this.#byText.get(last.boundary)!.pop();
    }
    while (this.#longest > 0 && (this.#byLength[this.#longest]?.length ?? 0) === 0) this.#longest--;
  }

  /** The next delimiter at or behind `from`, which must be the start of a line. */
  next(from: number): Delimiter | null {
    const content = this.#content;
    let at = from;
    while (at < content.length) {
      if (content[at] !== DASH || content[at + 1] !== DASH) {
        at = this.#nextDashes(at);
        if (at < 0) return null;
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

  /** The next line behind the one at `from` that starts with two dashes; -1 without one. */
  #nextDashes(from: number): number {
    const content = this.#content;
    const walkEnd = Math.min(from + WALK, content.length - 2);
    for (let i = from; i < walkEnd; i++) if (content[i] === LF && content[i + 1] === DASH && content[i + 2] === DASH) return i + 1;
    const found = content.indexOf(NEEDLE, Math.max(from, walkEnd));
    return found < 0 ? -1 : found + 1;
  }

  #match(start: number, lineEnd: number): Delimiter | null {
    const content = this.#content;
    const from = start + 2;
    let to = lineEnd;
    while (to > from && isTrailing(content[to - 1]!)) to--;
    if (to - from > this.#longest + 2) return null;
    const opening = this.#levelOf(from, to);
    if (opening >= 0) return { level: opening, closing: false, start, end: lineEnd };
    if (to - from <= 2 || content[to - 1] !== DASH || content[to - 2] !== DASH) return null;
    const closing = this.#levelOf(from, to - 2);
    return closing < 0 ? null : { level: closing, closing: true, start, end: lineEnd };
  }

  /** The innermost level whose boundary these octets are, -1 without one. */
  #levelOf(from: number, to: number): number {
    const candidates = this.#byLength[to - from];
    if (candidates === undefined || candidates.length === 0) return -1;
    if (candidates.length > COMPARE_MAX) return this.#byText.get(this.#content.toString("latin1", from, to))?.at(-1) ?? -1;
    for (let i = candidates.length - 1; i >= 0; i--) if (this.#equals(candidates[i]!.boundary, from)) return candidates[i]!.level;
    return -1;
  }

  #equals(boundary: string, from: number): boolean {
    for (let i = 0; i < boundary.length; i++) if (this.#content[from + i] !== boundary.charCodeAt(i)) return false;
    return true;
  }
}

function isTrailing(octet: number): boolean {
  return octet === SPACE || octet === TAB || octet === CR || octet === LF;
}
