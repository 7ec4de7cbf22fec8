/** Words of structured fields (RFC 8601 section 2.2): tokens, quoted strings, comments, blanks. Octets as latin1 or text. */
import { commentDepthMax } from "./limits.ts";

const BLANKS = " \t\r\n";
/** What ends a bare word here. Looser than a MIME token: agents write addresses and URLs without quotes. */
const ENDS = `${BLANKS};("`;

export class Lexer {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }
  get atEnd(): boolean {
    return this.#at >= this.#text.length;
  }
  get position(): number {
    return this.#at;
  }
  back(position: number): void {
    this.#at = position;
  }

  /** Passes blanks and comments; answers the first comment's text without its folds, null when there was none. False when a comment does not end. */
  skip(): string | null | false {
    let comment: string | null = null;
    for (;;) {
      while (!this.atEnd && BLANKS.includes(this.#text[this.#at]!)) this.#at++;
      if (this.#text[this.#at] !== "(") return comment;
      const text = this.#comment();
      if (text === null) return false;
      comment ??= text;
    }
  }

  #comment(): string | null {
    let depth = 0;
    let text = "";
    for (; this.#at < this.#text.length; this.#at++) {
      const char = this.#text[this.#at]!;
      if (char === "(" && ++depth > commentDepthMax) return null;
      if (char === "(" && depth === 1) continue;
      if (char === ")" && --depth === 0) {
        this.#at++;
        return text;
      }
      if (char === "\\") text += this.#text[++this.#at] ?? "";
      else if (char !== "\r" && char !== "\n") text += char;
    }
    return null;
  }

  /** Whether this character is next; passes it. */
  take(char: string): boolean {
    if (this.#text[this.#at] !== char) return false;
    this.#at++;
    return true;
  }

  peek(): string {
    return this.#text[this.#at] ?? "";
  }

  /** A bare word up to a blank, a semicolon, a comment, a quote or one of `stops`; "" when there is none. */
  word(stops: string): string {
    const start = this.#at;
    while (!this.atEnd && !ENDS.includes(this.#text[this.#at]!) && !stops.includes(this.#text[this.#at]!)) this.#at++;
    return this.#text.slice(start, this.#at);
  }

  /** The content of a quoted string that starts here; null when it does not end. Folds are taken out. */
  quoted(): string | null {
    let text = "";
    for (this.#at++; this.#at < this.#text.length; this.#at++) {
      const char = this.#text[this.#at]!;
      if (char === '"') {
        this.#at++;
        return text;
      }
      if (char === "\\") text += this.#text[++this.#at] ?? "";
      else if (char !== "\r" && char !== "\n") text += char;
    }
    return null;
  }

  /** Goes to the next semicolon that stands in no quotes and no comment, and stays before it. */
  toSemicolon(): void {
    while (!this.atEnd && this.peek() !== ";") {
      if (this.skip() === false || (this.peek() === '"' && this.quoted() === null)) this.#at = this.#text.length;
      else if (this.word("") === "" && this.peek() !== ";" && this.peek() !== '"' && this.peek() !== "(") this.#at++;
    }
  }
}
