/**
 * The content that follows DATA (RFC 5321 section 4.1.1.4 and 4.5.2), both ways.
 *
 * Only CR LF "." CR LF ends it. Anything else that looks like an end (a bare LF or CR somewhere in it) is content, and makes the content not
 * strict: the receiver refuses the message, the sender does not send it. So no two systems can see different ends in what we pass on.
 */
import { Content } from "./content.ts";

const CR = 13;
const LF = 10;
const DOT = 46;
const ONE_CR = Buffer.from("\r");

type At = "text" | "after-cr" | "line-start" | "after-dot" | "after-dot-cr";

export type DataAnswer = { readonly kind: "more" } | { readonly kind: "end"; /** What was sent after the end. */ readonly rest: Buffer };

const MORE: DataAnswer = { kind: "more" };

/** Feeds on chunks until the end of data. The state between chunks is where in a line the last octet was. */
export class DataReader {
  readonly content = new Content();
  readonly #bytesMax: number;
  #at: At = "line-start";
  #strict = true;
  #bytes = 0;
  #keeping = true;

  /** Content past `bytesMax` octets is read and not kept. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }
  /** Octets of the content so far, kept or not, without stuffed dots. */
  get bytes(): number {
    return this.#bytes;
  }
  /** Every CR stood before a LF and every LF after a CR. */
  get strict(): boolean {
    return this.#strict;
  }
  get tooLarge(): boolean {
    return this.#bytes > this.#bytesMax;
  }
  /** Gives up what was kept and keeps nothing more, but still looks for the end. */
  discard(): void {
    this.#keeping = false;
    this.content.clear();
  }
  #keep(piece: Buffer): void {
    this.#bytes += piece.length;
    if (this.#keeping && this.#bytes > this.#bytesMax) this.discard();
    if (this.#keeping) this.content.append(piece);
  }
  feed(chunk: Buffer): DataAnswer {
    const length = chunk.length;
    const kept = new WithoutDots(chunk);
    let at = this.#at;
    let start = 0;
    let i = 0;
    while (i < length) {
      const octet = chunk[i]!;
      if (at === "text") {
        i = nextOfNote(chunk, i);
        if (i === length) break;
        if (chunk[i] === CR) at = "after-cr";
        else this.#strict = false;
        i++;
      } else if (at === "after-cr") {
        if (octet === LF) {
          at = "line-start";
          i++;
        } else {
          this.#strict = false;
          at = "text";
        }
      } else if (at === "line-start") {
        if (octet !== DOT) {
          at = "text";
          continue;
        }
        // The first dot of a line is never content: it is stuffing or begins the end.
        kept.add(start, i);
        start = ++i;
        at = "after-dot";
      } else if (at === "after-dot") {
        if (octet === CR) {
          start = ++i;
          at = "after-dot-cr";
        } else {
          at = "text";
        }
      } else {
        if (octet === LF) {
          this.#keep(kept.all());
          return { kind: "end", rest: chunk.subarray(i + 1) };
        }
        // The CR may have come with the last chunk. It is content after all, of a message that is refused.
        this.#keep(kept.all());
        this.#keep(ONE_CR);
        this.#strict = false;
        at = "text";
      }
    }
    kept.add(start, length);
    this.#keep(kept.all());
    this.#at = at;
    return MORE;
  }
}

/**
 * The runs of a chunk between stuffed dots. One run stays a view; more of them become one copy, since a piece for every line that begins
 * with a dot would cost ten times the reading.
 */
class WithoutDots {
  readonly #chunk: Buffer;
  #from = 0;
  #to = 0;
  #copy: Buffer | null = null;
  #copied = 0;

  constructor(chunk: Buffer) {
    this.#chunk = chunk;
  }
  add(from: number, to: number): void {
    if (from === to) return;
    if (this.#from === this.#to && this.#copy === null) {
      this.#from = from;
      this.#to = to;
      return;
    }
    if (this.#copy === null) {
      this.#copy = Buffer.allocUnsafe(this.#chunk.length);
      this.#copied = copyRun(this.#chunk, this.#copy, 0, this.#from, this.#to);
    }
    this.#copied = copyRun(this.#chunk, this.#copy, this.#copied, from, to);
  }
  /** What was added since the last call. */
  all(): Buffer {
    const all = this.#copy === null ? this.#chunk.subarray(this.#from, this.#to) : this.#copy.subarray(0, this.#copied);
    this.#from = this.#to = this.#copied = 0;
    this.#copy = null;
    return all;
  }
}

/** Runs below this length are copied octet by octet, which costs less than the call. */
const RUN_BYTES_MIN = 64;

/** Copies `from` to `end` of the source to `at` and says where the next run goes. As `Buffer.copy`, and without an object for each run. */
function copyRun(source: Buffer, target: Buffer, at: number, from: number, end: number): number {
  if (end - from >= RUN_BYTES_MIN) return at + source.copy(target, at, from, end);
  let to = at;
  for (let i = from; i < end; i++) target[to++] = source[i]!;
  return to;
}

/**
 * The next CR or LF from `i` on, or the end; but not the CRLF between two lines of which the second is there and begins with no dot.
 * A plain loop: it runs near 1 GB/s whatever the lines look like, which searches from line to line do not.
 */
function nextOfNote(chunk: Buffer, i: number): number {
  const length = chunk.length;
  while (i < length) {
    const octet = chunk[i]!;
    if (octet > CR || (octet !== CR && octet !== LF)) i++;
    else if (octet === CR && i + 2 < length && chunk[i + 1] === LF && chunk[i + 2] !== DOT) i += 2;
    else return i;
  }
  return length;
}

/** Watches the line ends of content whose length is known otherwise (BDAT). */
export class LineEnds {
  #afterCr = false;
  #strict = true;

  feed(chunk: Buffer): void {
    if (!this.#strict || chunk.length === 0) return;
    const length = chunk.length;
    let i = 0;
    if (this.#afterCr && chunk[i++] !== LF) this.#strict = false;
    this.#afterCr = false;
    while (i < length) {
      const octet = chunk[i]!;
      if (octet > CR || (octet !== CR && octet !== LF)) i++;
      else if (octet === CR && i + 1 < length && chunk[i + 1] === LF) i += 2;
      else break;
    }
    if (i + 1 === length && chunk[i] === CR) this.#afterCr = true;
    else if (i < length) this.#strict = false;
  }
  /** For everything fed, as the whole content. */
  get strict(): boolean {
    return this.#strict && !this.#afterCr;
  }
}

export type StuffAnswer =
  /** To be written in this order; the end of data is in it. */
  | { readonly kind: "data"; readonly pieces: readonly Buffer[] }
  /** The content has a bare CR or LF: it cannot be sent by DATA without changing it or risking another end (send it by BDAT, or refuse it). */
  | { readonly kind: "bare-line-end" };

const END = Buffer.from(".\r\n");
const CRLF_END = Buffer.from("\r\n.\r\n");

/** The content as it goes after DATA, for clients: dots stuffed, a missing last CRLF added. Copies only where a line begins with a dot. */
export function writeData(content: Buffer): StuffAnswer {
  const dots = lineDotsOf(content);
  if (dots === null) return { kind: "bare-line-end" };
  const complete = content.length === 0 || content[content.length - 1] === LF;
  return { kind: "data", pieces: [dots.length === 0 ? content : stuffed(content, dots), complete ? END : CRLF_END] };
}

/** Where lines begin with a dot; null when a CR or LF stands alone. */
function lineDotsOf(content: Buffer): number[] | null {
  const dots: number[] = content[0] === DOT ? [0] : [];
  const length = content.length;
  let i = 0;
  while (i < length) {
    const octet = content[i]!;
    if (octet > CR || (octet !== CR && octet !== LF)) {
      i++;
      continue;
    }
    if (octet === LF || i + 1 === length || content[i + 1] !== LF) return null;
    i += 2;
    if (i < length && content[i] === DOT) dots.push(i);
  }
  return dots;
}

function stuffed(content: Buffer, dots: readonly number[]): Buffer {
  const out = Buffer.allocUnsafe(content.length + dots.length);
  let from = 0;
  let to = 0;
  for (const dot of dots) {
    to = copyRun(content, out, to, from, dot);
    out[to++] = DOT;
    from = dot;
  }
  copyRun(content, out, to, from, content.length);
  return out;
}
